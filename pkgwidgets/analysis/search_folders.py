"""The folders in which code next to a notebook is found: as `sys.path` has them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from .code_context import CodeFiles


class SearchFolders:
    """The working folder, and the folders that a notebook adds to `sys.path`."""

    def __init__(
        self, files: CodeFiles, folder: PurePath | None, path: tuple[PurePath, ...]
    ) -> None:
        self._files = files
        self.folder = folder
        """The working folder, None if unknown."""
        self._first: list[PurePath] = []
        self._last = list(path)
        self._written: dict[PurePath, bytes] = {}

    def change_folder(self, text: str | None) -> None:
        """Change the working folder, as `%cd` does; None for an unknown one."""
        self.folder = None if text is None else self.path(text)

    def add(self, text: str, *, first: bool) -> None:
        """Add a folder before or after those of the environment."""
        path = self.path(text)
        if path is not None:
            self._first[:0] = [path] if first else []
            self._last += [] if first else [path]

    def write(self, text: str, content: str, *, append: bool) -> None:
        """Remember a file that a cell writes: it may not be on the disk yet."""
        path = self.path(text)
        if path is not None:
            before = (self.read(path) or b"") if append else b""
            self._written[path] = before + content.encode()

    def path(self, text: str) -> PurePath | None:
        """Return the full path of a file or folder; None if the working folder is unknown."""
        path = Path(text).expanduser() if text.startswith("~") else PurePath(text)
        if not path.is_absolute():
            if self.folder is None:
                return None
            path = self.folder / path
        return PurePath(os.path.normpath(path))

    def read(self, path: PurePath) -> bytes | None:
        """Return a file's content, None without one; raises `ValueError` as `CodeFiles` does."""
        written = self._written.get(path)
        return self._files.read(path) if written is None else written

    def is_folder(self, path: PurePath) -> bool:
        """Tell whether there is such a folder."""
        return self._files.is_folder(path)

    def before_environment(self) -> Iterator[PurePath]:
        """Yield the folders that hide modules of the environment."""
        yield from self._first
        if self.folder is not None:
            yield self.folder

    def after_environment(self) -> Iterator[PurePath]:
        """Yield the folders whose modules the environment hides."""
        yield from self._last

    def shown(self, path: PurePath) -> str:
        """Return a path as text: relative to the working folder where it is below that."""
        if self.folder is not None and path.is_relative_to(self.folder):
            return str(path.relative_to(self.folder))
        return str(path)
