"""Whether anything was installed, removed or begun, at the price of a few looks at the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

_KINDS = (".dist-info", ".egg-info", ".egg-link")


class ChangeToken:
    """Tells of folders of distributions and other places by their times.

    A folder of distributions is read only if its own time differs: who asks whether something may
    be written there changes that, too, and no distribution.
    """

    def __init__(self, folders: Iterable[Path], others: Iterable[Path]) -> None:
        self._folders = tuple(folders)
        self._others = tuple(others)
        self._known: dict[Path, tuple[str, str]] = {}

    def now(self) -> str:
        """Return a text that differs once something was changed."""
        return " ".join([*map(self._distributions, self._folders), *map(_time, self._others)])

    def _distributions(self, folder: Path) -> str:
        time, (before, digest) = _time(folder), self._known.get(folder, ("", ""))
        if time != before:
            digest = _digest(folder)
            self._known[folder] = (time, digest)
        return digest


def _time(place: Path) -> str:
    try:
        return str(place.stat().st_mtime_ns)
    except OSError:
        return "-"


def _digest(folder: Path) -> str:
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_KINDS):
                    found.append((entry.name, entry.stat().st_mtime_ns))
    except OSError:
        found.append(("unreadable", 0))  # in the middle of a change: it is looked at again
    return f"{hash(frozenset(found)):x}"
