"""The manifest of a save point: the state of each saved path, with a hash over all rows.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from typing import Any

from . import filesystem

Row = dict[str, Any]
"""The state of one path: `path` in the prefix and `type` (file, link, folder, absent, no folder).
A file of the project that the environment belongs to has an absolute `path`.
By type, it also has `mode`, `size` in bytes, `sha256`, `object` or `target`. A link to a file
outside of the prefix has an `object` with the content of that file."""

PROJECT_FILES = ("pyproject.toml", "uv.lock")
"""The only files outside of the prefix that a save point may have: those of its project."""
_FORMAT = 1
_FORMAT_WITH_PROJECT = 2
"""The format of a manifest with files of a project, which older versions cannot restore."""
_FORMATS = (_FORMAT, _FORMAT_WITH_PROJECT)


def encode(rows: list[Row]) -> bytes:
    """Return the text of a manifest."""
    has_project = any(is_outside(row["path"]) for row in rows)
    version = _FORMAT_WITH_PROJECT if has_project else _FORMAT
    text = json.dumps({"v": version, "rows": rows})
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f'{text[:-1]}, "sha256": "{digest}"}}'.encode()


def decode(text: bytes) -> list[Row]:
    """Return the rows of a manifest; raise ValueError if it is damaged, or of another format."""
    try:
        body = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is not a manifest") from error
    if not isinstance(body, dict) or body.pop("sha256", None) != _checksum(body):
        raise ValueError("it is not a manifest")
    if body.get("v") not in _FORMATS:
        raise ValueError("another version of pkgwidgets made it")
    rows: list[Row] = body["rows"]
    for row in rows:
        if is_outside(row["path"]) and not is_project_file(row):
            raise ValueError("it names files of others")
    return rows


def is_other_format(text: bytes) -> bool:
    """Return whether an intact manifest is one of another version of pkgwidgets.

    All formats have `v` and `sha256`.
    """
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return False
    is_intact = isinstance(body, dict) and body.pop("sha256", None) == _checksum(body)
    return is_intact and body.get("v") not in _FORMATS


def full_path(prefix: str, name: str) -> str:
    """Return the path of a row: its name is relative to the prefix, but for a project's file."""
    return name if is_outside(name) else f"{prefix}/{name}"


def is_outside(name: str) -> bool:
    """Return whether the name of a row is the absolute path of a project's file."""
    return name.startswith(os.sep)


def is_project_file(row: Row) -> bool:
    """Return whether a row outside is that of a file which a plan may change there."""
    name = row["path"].rpartition(os.sep)[2]
    return row["type"] == "file" and name in PROJECT_FILES


def describe_path(path: filesystem.StrPath, name: str) -> Row:
    """Return the row of a path, without the hash of its content."""
    return describe_row(filesystem.find(path), path, name)


def matches(path: filesystem.StrPath, row: Row) -> bool:
    """Return whether a path matches its row: type, mode, size, content, target."""
    current = describe_path(path, row["path"])
    if any(row[key] != value for key, value in current.items()):
        return False
    return row["type"] != "file" or filesystem.sha256(path) == str(row["sha256"])


def describe_row(status: os.stat_result | None, path: filesystem.StrPath, name: str) -> Row:
    """Return the row of a path with this status, without the hash of its content."""
    if status is None:
        return {"path": name, "type": "absent"}
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return {"path": name, "type": "link", "target": os.readlink(path)}  # noqa: PTH115
    if stat.S_ISREG(status.st_mode):
        return {"path": name, "type": "file", "mode": mode, "size": status.st_size}
    return {"path": name, "type": "folder", "mode": mode}


def parent_folders(names: Iterable[str]) -> list[str]:
    """Return the folders of paths relative to the prefix, parents before children.

    The folder of a project is left out: it belongs to the user.
    """
    folders: set[str] = set()
    for name in names:
        folder = "" if is_outside(name) else name.rpartition(os.sep)[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition(os.sep)[0]
    return sorted(folders)


def restore_order(rows: Iterable[Row]) -> list[Row]:
    """Return the rows in the order in which they are restored.

    First the paths to remove, deepest first, because a new folder may be where a file was. Then
    the folders from the top, then the links and files.
    """
    absent = [row for row in rows if row["type"] in ("absent", "no folder")]
    absent.sort(key=lambda row: str(row["path"]), reverse=True)
    folders = [row for row in rows if row["type"] == "folder"]
    return [*absent, *folders, *(row for row in rows if row["type"] in ("link", "file"))]


def _checksum(body: Row) -> str:
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()
