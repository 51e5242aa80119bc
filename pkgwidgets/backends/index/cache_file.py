"""The file of cached answers: its place, its table, and the times of the answers in it.

Without msgspec and the HTTP client, which a process loads only to read pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from packaging.utils import NormalizedName

from pkgwidgets.core.last_check import AnswerTimes

FORMAT_VERSION = 6
LOCK_SECONDS = 2.0
"""Seconds to wait while another kernel writes."""
DATABASE_ERRORS = (sqlite3.Error, OSError, ValueError)
"""What a damaged file raises; ValueError, because its messages may not be valid text."""
_TABLE = """
create table if not exists answers (
    source text not null, project text not null, etag text not null,
    asked real not null, fresh_until real not null, facts blob not null,
    primary key (source, project)
) without rowid
"""
_MAX_NAMES = 500
"""Names in one query; the limit of SQLite is 999 variables."""
_TIME_TYPES = (str, float, float)


def cache_file(folder: Path) -> Path:
    """Return the file of cached answers in a folder."""
    return folder / f"index-{FORMAT_VERSION}.sqlite3"


def open_cache(file: Path) -> sqlite3.Connection:
    """Open the file, which is created if it is missing; raise one of `DATABASE_ERRORS`."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = sqlite3.connect(file, timeout=LOCK_SECONDS)
    try:
        database.execute("pragma journal_mode = wal")
        # No wait for the disk: the index is asked again for a lost entry.
        database.execute("pragma synchronous = off")
        database.execute(_TABLE)
    except sqlite3.Error:
        database.close()
        raise
    return database


def select(
    database: sqlite3.Connection, columns: str, source: str, names: Sequence[NormalizedName]
) -> Iterator[Any]:
    """Yield these columns of the answers of an index for these projects."""
    for start in range(0, len(names), _MAX_NAMES):
        batch = names[start : start + _MAX_NAMES]
        marks = ",".join("?" * len(batch))
        query = f"select {columns} from answers where source = ? and project in ({marks})"  # noqa: S608 - no text of others
        yield from database.execute(query, (source, *batch))


def answer_times(file: Path, source: str, names: Collection[NormalizedName]) -> AnswerTimes:
    """Return the times of the cached answers for these projects; none if they cannot be read."""
    if not file.exists():
        return {}
    try:
        with closing(open_cache(file)) as database:
            rows = list(select(database, "project, asked, fresh_until", source, list(names)))
    except DATABASE_ERRORS:
        return {}
    return {
        NormalizedName(row[0]): (row[1], row[2])
        for row in rows
        if tuple(map(type, row)) == _TIME_TYPES
    }
