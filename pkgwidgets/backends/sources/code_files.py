"""Read the files next to a notebook, of which it may run or import code."""

from __future__ import annotations

from pathlib import Path, PurePath

from pkgwidgets.core.text import format_size


class DiskCodeFiles:
    """The files on this machine; large ones and special ones are not read."""

    def __init__(self, max_bytes: int = 2_000_000) -> None:
        self._max_bytes = max_bytes

    def read(self, path: PurePath) -> bytes | None:
        """Return the content of a file, None if there is no such file.

        Raises `ValueError`, with the reason, if it cannot be read or is too large.
        """
        try:
            file = Path(path)
            if not file.is_file():
                return None
            if file.stat().st_size > self._max_bytes:
                raise ValueError(f"it is larger than {format_size(self._max_bytes)}")
            return file.read_bytes()
        except OSError as error:
            raise ValueError(str(error.strerror)) from error

    def is_folder(self, path: PurePath) -> bool:
        """Tell whether there is a folder of this path."""
        try:
            return Path(path).is_dir()
        except OSError:
            return False
