"""Keys that change when a `dist-info` folder is written to.

A folder's times show added, removed and replaced files; the files' own show edits in place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from pkgwidgets.backends.store.file_times import SETTLED_NS
from pkgwidgets.core.environment import DIRECT_URL

StatKey = tuple[tuple[int, int, int, int] | None, ...]
"""Times of modification and change in nanoseconds, inode and size of each file; None without it."""
Keys = Mapping[tuple[str, str], StatKey]
"""The keys by folder and name."""
Installation = tuple[str, str, StatKey | None]
"""A folder, the name of an installation in it, and its key; None without METADATA or RECORD."""


def settled_keys(installations: Iterable[Iterable[Installation]], now_ns: int) -> Keys:
    """Return the keys of the folders whose times show each change after `now_ns`."""
    latest = now_ns - SETTLED_NS
    return {
        (folder, name): key
        for found in installations
        for folder, name, key in found
        if key is not None and key[0] is not None and max(key[0][:2]) < latest
    }


def with_keys(names: Sequence[tuple[str, str]], last: Keys) -> list[Installation]:
    """Return the installations of one folder, given as folder and name, with their keys now.

    `last` are the keys that were found before.
    """
    installations: list[Installation] = []
    descriptor, opened = -1, ""
    try:
        for place in names:
            folder, name = place
            if folder != opened:
                descriptor, opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY), folder
            installations.append((folder, name, _key(descriptor, name, last.get(place))))
    except OSError:  # the folder is gone
        installations = [(folder, name, None) for folder, name in names]
    finally:
        if descriptor >= 0:
            os.close(descriptor)
    return installations


def _key(descriptor: int, name: str, last: StatKey | None) -> StatKey | None:
    """Return the key of an entry in an open folder: looking up from there takes less time."""
    stat = os.stat
    try:
        s = stat(name, dir_fd=descriptor)
        folder = s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size
        s = stat(f"{name}/METADATA", dir_fd=descriptor)
        metadata = s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size
        s = stat(f"{name}/RECORD", dir_fd=descriptor)
        record = s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size
        # A file that was missing still is, unless the folder has changed.
        if last is not None and last[0] == folder:
            had_installer, had_url = last[3] is not None, last[4] is not None
        else:
            had_installer = had_url = True
        installer = _optional_key(descriptor, f"{name}/INSTALLER") if had_installer else None
        url = _optional_key(descriptor, f"{name}/{DIRECT_URL}") if had_url else None
    except OSError:
        return None
    return folder, metadata, record, installer, url


def _optional_key(descriptor: int, path: str) -> tuple[int, int, int, int] | None:
    try:
        s = os.stat(path, dir_fd=descriptor)
    except FileNotFoundError:
        return None
    return s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size
