"""The oracle: every path of an environment with all attributes that a rollback must restore.

Left out are bytecode, our own folder and the empty file that uv locks.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from fakes import Row

_OURS = (".pkgwidgets", ".lock")


def rows(prefix: Path) -> tuple[Row, ...]:
    """Return every path under a prefix, sorted."""
    entries = []
    for path in prefix.rglob("*"):
        inside = path.relative_to(prefix)
        if "__pycache__" not in inside.parts and inside.parts[0] not in _OURS:
            entries.append(_row(path, str(inside)))
    return tuple(sorted(entries))


def digest(prefix: Path) -> str:
    """Return one hash over all of it."""
    return hashlib.sha256(repr(rows(prefix)).encode("utf-8", "surrogateescape")).hexdigest()


def _row(path: Path, name: str) -> Row:
    status = path.lstat()
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return name, "link", mode, 0, "", os.fspath(path.readlink())
    if stat.S_ISDIR(status.st_mode):
        return name, "folder", mode, 0, "", ""
    content = path.read_bytes()
    return name, "file", mode, len(content), hashlib.sha256(content).hexdigest(), ""
