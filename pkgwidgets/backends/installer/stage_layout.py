"""Give a stage the layout of its environment: an installer's `--prefix` has only one layout."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from pathlib import Path

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.rewrite import rewrite

_SOURCE_FOLDER = ".as-installed"
"""The folder in a stage for its first layout, while files are moved."""


def arrange(stage: Path, moves: Mapping[str, str]) -> None:
    """Move the files of a stage to the folders that they will have in the environment.

    `moves` maps relative folders to others; the longest one that contains a file counts. The rows
    of RECORD files are rewritten, because they are relative to a folder that may move (PEP 376).
    """
    if not moves:
        return
    source = stage / _SOURCE_FOLDER
    filesystem.make_folder(source)
    for entry in [entry for entry in stage.iterdir() if entry != source]:
        filesystem.replace(entry, source / entry.name)
    files = [Path(folder, name) for folder, _, names in os.walk(source) for name in names]
    for file in files:
        if file.name == "RECORD" and file.parent.name.endswith(".dist-info"):
            _rewrite_record(file, source, moves)
    for file in files:
        target = stage / _new_place(str(file.relative_to(source)), moves)
        _make_folders(target.parent)
        filesystem.replace(file, target)
    for folder, folders, names in os.walk(source):
        if not folders and not names:
            _make_folders(stage / _new_place(f"{os.path.relpath(folder, source)}/", moves))
    filesystem.remove_tree(source)


def _make_folders(folder: Path) -> None:
    """Make a folder and its missing parents; a stage needs no sync."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        filesystem.make_folder(folder)


def _new_place(path: str, moves: Mapping[str, str]) -> str:
    for folder in sorted(moves, key=len, reverse=True):
        start = f"{folder}/" if folder else ""
        if path.startswith(start):
            return os.path.join(moves[folder], path[len(start) :])  # noqa: PTH118 - a text
    return path


def _rewrite_record(file: Path, source: Path, moves: Mapping[str, str]) -> None:
    old_base = os.path.relpath(file.parent.parent, source)
    new_base = _new_place(f"{old_base}/", moves)
    with file.open(encoding="utf-8", errors="surrogateescape", newline="") as opened:
        rows = [row for row in csv.reader(opened) if row]
    for row in rows:
        path = os.path.normpath(f"{old_base}/{row[0]}")
        if not row[0].startswith("/") and not path.startswith("../"):
            row[0] = os.path.relpath(_new_place(path, moves), new_base)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    rewrite(file, text.getvalue().encode("utf-8", "surrogateescape"))
