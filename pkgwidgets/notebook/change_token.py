"""Detect installs, uninstalls and started transactions with a few file stats."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_METADATA_SUFFIXES = (".dist-info", ".egg-info", ".egg-link")


class ChangeToken:
    """A token of folders of distributions and of other paths, made of modification times.

    A folder of distributions is listed only if its own time differs. That time alone is not
    enough: a test whether the folder is writable changes it, but no distribution.
    """

    def __init__(self, folders: Iterable[Path], other_paths: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._other_paths = tuple(other_paths)
        self._digests: dict[Path, tuple[str, str]] = {}

    def now(self) -> str:
        """Return a text that differs after each change."""
        return " ".join(
            [*map(self._folder_digest, self._folders), *map(_modification_time, self._other_paths)]
        )

    def _folder_digest(self, folder: Path) -> str:
        current, (previous, digest) = (
            _modification_time(folder),
            self._digests.get(folder, ("", "")),
        )
        if current != previous:
            digest = _digest(folder)
            self._digests[folder] = (current, digest)
        return digest


def _modification_time(path: Path) -> str:
    try:
        return str(path.stat().st_mtime_ns)
    except OSError:
        return "-"


def _digest(folder: Path) -> str:
    stats = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_METADATA_SUFFIXES):
                    stats.append((entry.name, entry.stat().st_mtime_ns))
    except OSError:
        stats.append(("unreadable", 0))  # during a change: its folder is listed again later
    return f"{hash(frozenset(stats)):x}"
