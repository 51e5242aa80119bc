"""What a lock needs that no listing has: addresses of files, and sources beside the index."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from pkgwidgets.backends.store import user_files
from pkgwidgets.backends.store.journal_file import as_disk_failed
from pkgwidgets.core.direct_urls import parse_direct_url
from pkgwidgets.core.environment import DIRECT_URL, Interpreter
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.lock import Lock, LockedFile, LockedSource
from pkgwidgets.core.pylock_reader import files_of_pylock

from . import lock_files
from .uv import UvInstaller

_MAX_RUNS = 40
"""Runs of uv that look for the pins which it cannot lock."""
_MAX_DIRECT_URL_BYTES = 1 << 20


class UvLockSources:
    """Asks uv for the files of releases; reads direct URLs, locks and notebooks."""

    def __init__(self, installer: UvInstaller, interpreter: Interpreter) -> None:
        self._installer = installer
        self._interpreter = interpreter

    def files(
        self, pins: Mapping[NormalizedName, str]
    ) -> Mapping[NormalizedName, tuple[LockedFile, ...]]:
        """Return the wheels of each pin (`pea==1.0`); omit those that uv cannot lock.

        If uv fails, it is asked again about each half of the pins.
        """
        found: dict[NormalizedName, tuple[LockedFile, ...]] = {}
        pending = [dict(pins)] if pins else []
        for _ in range(_MAX_RUNS):
            if not pending:
                break
            group = pending.pop()
            try:
                text = self._installer.lock_pins(tuple(group.values()))
            except PkgwidgetsError:
                names = list(group)
                half = len(names) // 2
                parts = (names[:half], names[half:]) if half else ()
                pending += [{name: group[name] for name in part} for part in parts]
                continue
            found |= files_of_pylock(text)
        return found

    def origin(self, dist_info: Path) -> LockedSource | None:
        """Return the source in the `direct_url.json` of a distribution; None if it has none.

        An archive on this machine without a recorded hash is hashed if it still exists.
        """
        try:
            with (dist_info / DIRECT_URL).open("rb") as opened:
                source = parse_direct_url(opened.read(_MAX_DIRECT_URL_BYTES))
        except OSError:
            return None
        if source is None or source.kind != "archive" or source.sha256:
            return source
        return replace(source, sha256=_hash_of(source.url))

    def read(self, path: Path) -> Lock:
        """Return the lock of a file, a notebook or another environment; raise `LockUnreadable`."""
        return lock_files.read_lock_file(path, self._interpreter)

    def notebook_text(self, path: Path) -> str:
        """Return the text of a notebook; raise `LockUnreadable` if it cannot be read."""
        return lock_files.notebook_text(path)

    def replace_notebook(self, path: Path, text: str) -> None:
        """Replace a notebook in one step; raise `DiskFailed`, and then it is unchanged."""
        with as_disk_failed(""):
            user_files.replace_text(path, text)


def _hash_of(url: str) -> str:
    """Return the sha256 of the file that a `file:` URL names; "" if there is none."""
    address = urlsplit(url)
    if address.scheme != "file":
        return ""
    try:
        with Path(unquote(address.path)).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return ""
