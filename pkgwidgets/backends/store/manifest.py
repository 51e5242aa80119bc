"""The list of what a save point holds: what each path was, with a hash over all of it.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from typing import Any

from . import filesystem

Row = dict[str, Any]
"""What one path was: `path` inside the prefix, `type` (file, link, folder, absent, no folder), and
of these `mode`, `size`, `sha256`, `target`."""

_FORMAT = 1


def encode(rows: list[Row]) -> bytes:
    """Return the text of a manifest."""
    text = json.dumps({"v": _FORMAT, "rows": rows})
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text[:-1]}, "sha256": "{digest}"}}'.encode()


def decode(text: bytes) -> list[Row]:
    """Return the rows of a text; raises ValueError if it is not what was written."""
    try:
        body = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is no manifest") from error
    if not isinstance(body, dict) or body.pop("sha256", None) != _checksum(body):
        raise ValueError("it is no manifest")
    rows: list[Row] = body["rows"]
    return rows


def describe_path(path: filesystem.Place, name: str) -> Row:
    """Return what is at a path, without its content."""
    return describe_row(filesystem.find(path), path, name)


def matches(path: filesystem.Place, row: Row) -> bool:
    """Tell whether a path is what its row says: type, mode, size, content, target."""
    found = describe_path(path, row["path"])
    if any(row[fact] != value for fact, value in found.items()):
        return False
    return row["type"] != "file" or filesystem.sha256(path) == str(row["sha256"])


def describe_row(found: os.stat_result | None, path: filesystem.Place, name: str) -> Row:
    """Return what was found at a path, without its content."""
    if found is None:
        return {"path": name, "type": "absent"}
    mode = stat.S_IMODE(found.st_mode)
    if stat.S_ISLNK(found.st_mode):
        return {"path": name, "type": "link", "target": os.readlink(path)}  # noqa: PTH115
    if stat.S_ISREG(found.st_mode):
        return {"path": name, "type": "file", "mode": mode, "size": found.st_size}
    return {"path": name, "type": "folder", "mode": mode}


def _checksum(body: Row) -> str:
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()
