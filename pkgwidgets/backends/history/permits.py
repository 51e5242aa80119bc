"""Permits: a cluster's change may commit in an environment as long as its permit exists.

Each is an empty file in the data folder: `permits/<id of the change>`. Who undoes a change removes
its permit first. A leader that commits looks for the permit while it holds the environment's lock.
So no commit begins after the undo has had that lock.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.errors import DiskFailed
from pkgwidgets.core.text import short_hash

_ID_BYTES = 8


class FolderPermits:
    """The permits of one environment, in its data folder."""

    def __init__(self, place: Path) -> None:
        self._folder = place / "permits"

    def grant(self, change: str) -> None:
        """Permit the commit of a change, durably. Raises `DiskFailed`."""
        path = self._path(change)
        try:
            filesystem.make_folders(path.parent, is_data=True)
            filesystem.write_whole(path, b"")
        except OSError as error:
            raise DiskFailed("", str(path), filesystem.os_error_text(error)) from error

    def withdraw(self, change: str) -> None:
        """Forbid the commit of a change, durably; one without a permit is no error."""
        path = self._path(change)
        try:
            filesystem.remove(path)
            with contextlib.suppress(FileNotFoundError):
                filesystem.sync_path(path.parent)
        except OSError as error:
            raise DiskFailed("", str(path), filesystem.os_error_text(error)) from error

    def is_granted(self, change: str) -> bool:
        """Tell whether a change may commit now."""
        return filesystem.find(self._path(change)) is not None

    def _path(self, change: str) -> Path:
        return self._folder / short_hash(change, _ID_BYTES)
