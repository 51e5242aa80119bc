"""How a transaction left the paths that it saved, to notice later changes by other programs.

Standard library only, as all of the store.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from . import filesystem, manifest
from .manifest import Row

_MAX_HASHED_BYTES = 1 << 20
"""A longer file is compared by its size: hashing it takes long, and no user edits it by hand."""


def record(file: Path, prefix: Path, rows: Iterable[Row]) -> None:
    """Write the present state of the paths of a save point's rows to a file, durably."""
    described = [_describe(f"{prefix}/{row['path']}", row["path"]) for row in _paths(rows)]
    filesystem.write_whole(file, manifest.encode(described))


def changed(file: Path, prefix: Path, rows: Iterable[Row]) -> Iterator[str]:
    """Yield the paths whose present content is neither the recorded nor the saved one.

    A missing path is not among them: a restore overwrites nothing there. Without a readable
    record, there are none.
    """
    try:
        recorded = {row["path"]: row for row in manifest.decode(file.read_bytes())}
    except (OSError, ValueError):
        return
    for row in _paths(rows):
        name, path = row["path"], f"{prefix}/{row['path']}"
        if name in recorded and _is_other(path, recorded[name]) and not _is_saved(path, row):
            yield name


def _paths(rows: Iterable[Row]) -> Iterator[Row]:
    return (row for row in rows if row["type"] in ("absent", "link", "file"))


def _describe(path: str, name: str) -> Row:
    status = filesystem.find(path)
    row = manifest.describe_row(status, path, name)
    if status is None or not stat.S_ISREG(status.st_mode):
        return row
    row["time"] = status.st_mtime_ns
    if status.st_size <= _MAX_HASHED_BYTES:
        row["sha256"] = filesystem.sha256(path)
    return row


def _is_other(path: str, recorded: Mapping[str, object]) -> bool:
    status = filesystem.find(path)
    if status is None:
        return False
    now = manifest.describe_row(status, path, str(recorded["path"]))
    if any(now.get(key) != recorded.get(key) for key in ("type", "target", "size")):
        return True
    if now["type"] != "file" or status.st_mtime_ns == recorded.get("time"):
        return False
    return "sha256" in recorded and _hash(path) != recorded["sha256"]


def _is_saved(path: str, saved: Row) -> bool:
    try:
        return manifest.matches(path, saved)
    except OSError:
        return False


def _hash(path: str) -> str | None:
    try:
        return filesystem.sha256(path)
    except OSError:
        return None
