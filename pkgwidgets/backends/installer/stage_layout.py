"""Give a stage the layout of its environment: an installer's `--prefix` has only one layout."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

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
    source.mkdir()
    for entry in [entry for entry in stage.iterdir() if entry != source]:
        entry.rename(source / entry.name)
    files = [Path(folder, name) for folder, _, names in os.walk(source) for name in names]
    for file in files:
        if file.name == "RECORD" and file.parent.name.endswith(".dist-info"):
            _rewrite_record(file, source, moves)
    for file in files:
        target = stage / _new_place(str(file.relative_to(source)), moves)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
    shutil.rmtree(source)


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
    with file.open("w", encoding="utf-8", errors="surrogateescape", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows(rows)
