"""Files that another program left where a rollback takes something away.

A save point knows every path that the change touches. Another program may install the same package
before the rollback; what it adds is in no save point.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path

from . import filesystem
from .manifest import Row

ADDED = "another program added it (move it away)"
OTHER_INSTALLATION = "another program installed it (move it away)"
"""Reasons of differences, each with what helps."""
_METADATA_SUFFIXES = (".dist-info", ".egg-info")


def find_listed(prefix: str, rows: Sequence[Row], known: Set[str]) -> set[str]:
    """Return the existing paths that installed RECORDs of the changed packages list in addition.

    `known` are the paths of the save point. Call it before the rollback, which takes these RECORDs
    away. Bytecode is left out.
    """
    listed = {path for folder in _metadata_folders(prefix, rows) for path in _record_paths(folder)}
    inside = (path for path in listed - known if path.startswith(f"{prefix}/"))
    return {path for path in inside if filesystem.find(path) is not None}


def find_other_installations(prefix: str, rows: Sequence[Row], known: Set[str]) -> set[str]:
    """Return the metadata folders of the changed packages that the save point does not know."""
    return {folder for folder in _metadata_folders(prefix, rows) if folder not in known}


def find_added(folder: str, names: Iterable[str] | None) -> Iterator[str]:
    """Yield what was added to a folder since it was described; all files of a new folder."""
    if names is None:
        yield from _files_below(folder)
        return
    for name in sorted({*_listdir(folder)} - {*names, "__pycache__"}):
        yield f"{folder}/{name}"


def is_metadata_folder(name: str) -> bool:
    """Return whether a path is a folder with the metadata of a distribution."""
    return name.endswith(_METADATA_SUFFIXES)


def entry_names(folder: str) -> list[str]:
    """Return the names in a folder, sorted; none if it cannot be read."""
    return sorted(_listdir(folder))


class ForeignPaths:
    """What `find_listed` found, kept on the disk: an interrupted rollback cannot find it again."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "foreign.json"

    def read(self) -> set[str]:
        """Return the kept paths."""
        try:
            return {str(path) for path in json.loads(self._file.read_bytes())}
        except (OSError, ValueError, TypeError):
            return set()

    def add(self, paths: set[str]) -> set[str]:
        """Keep more paths, durably; return all of them."""
        known = self.read()
        if paths <= known:
            return known
        filesystem.write_whole(self._file, json.dumps(sorted(paths | known)).encode())
        return paths | known


def _metadata_folders(prefix: str, rows: Sequence[Row]) -> list[str]:
    """Return the existing metadata folders of the packages that the save point is about."""
    described = [row["path"] for row in rows if "folder" in row["type"]]
    changed = {
        (path.rpartition(os.sep)[0], _project(path))
        for path in described
        if is_metadata_folder(path)
    }
    return [
        f"{prefix}/{parent}/{name}"
        for parent in sorted({parent for parent, _ in changed})
        for name in sorted(_listdir(f"{prefix}/{parent}"))
        if is_metadata_folder(name) and (parent, _project(name)) in changed
    ]


def _project(path: str) -> str:
    """Return the normalized project name of a metadata folder (PEP 503)."""
    name = path.rpartition(os.sep)[2].rpartition(".")[0]
    return re.sub(r"[-_.]+", "-", name.partition("-")[0]).lower()


def _record_paths(metadata_folder: str) -> Iterator[str]:
    site = metadata_folder.rpartition(os.sep)[0]
    try:
        text = Path(metadata_folder, "RECORD").read_text("utf-8", "surrogateescape")
        rows = [row for row in csv.reader(text.splitlines()) if row and row[0]]
    except (OSError, csv.Error):
        return
    for row in rows:
        if not row[0].endswith(".pyc") and "\0" not in row[0]:
            yield os.path.normpath(f"{site}/{row[0]}")


def _files_below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(f"{parent}/{name}")]  # noqa: PTH114
        yield from (f"{parent}/{name}" for name in sorted((*links, *files)))


def _listdir(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - only names are needed
    except OSError:
        return []
