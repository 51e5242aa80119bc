"""Cache the answers of a source of advisories in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time

import platformdirs
from packaging.utils import NormalizedName
from packaging.version import Version

_FORMAT_VERSION = 1
_TABLES = """
create table if not exists answers (
    source text not null, project text not null, version text not null,
    asked real not null, ids text not null, primary key (source, project, version)
) without rowid;
create table if not exists records (
    source text not null, id text not null, modified text not null,
    stored real not null, text blob not null, primary key (source, id)
) without rowid;
"""
_LOCK_SECONDS = 2.0
_MAX_AGE_SECONDS = 90 * 86400.0
_BATCH = 400
_ERRORS = (sqlite3.Error, OSError, ValueError)


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedAnswer:
    """The records of one project, each with its id; `asked` is in seconds since the epoch."""

    asked: float
    records: tuple[tuple[str, bytes], ...]


class AnswerCache:
    """The cached answers of one source. It never raises: what is damaged is dropped."""

    def __init__(self, source: str, folder: Path | None = None) -> None:
        self._source = source
        self._folder = folder if folder is not None else platformdirs.user_cache_path("pkgwidgets")
        self._file = self._folder / f"advisories-{_FORMAT_VERSION}.sqlite3"

    def get(
        self, projects: Mapping[NormalizedName, Version | None]
    ) -> Mapping[NormalizedName, CachedAnswer]:
        """Return the cached answers for these versions, fresh or not."""
        answers: dict[NormalizedName, CachedAnswer] = {}
        with suppress(*_ERRORS), self._database() as database:
            rows = database.execute(
                "select project, version, asked, ids from answers where source = ?", (self._source,)
            )
            wanted = {
                str(project): (float(asked), [str(i) for i in json.loads(ids)])
                for project, version, asked, ids in rows
                if version == _key(projects.get(project)) and project in projects
            }
            texts = _texts(database, self._source, {i for _, ids in wanted.values() for i in ids})
            for name in projects:
                asked, ids = wanted.get(name, (0.0, [""]))
                if all(advisory_id in texts for advisory_id in ids):
                    records = tuple((advisory_id, texts[advisory_id][1]) for advisory_id in ids)
                    answers[name] = CachedAnswer(asked=asked, records=records)
        return answers

    def records(self, modified: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
        """Yield the cached records that were not modified since, with their ids."""
        if not modified:
            return
        with suppress(*_ERRORS), self._database() as database:
            for advisory_id, (time_text, text) in _texts(database, self._source, modified).items():
                if modified[advisory_id] and modified[advisory_id] == time_text:
                    yield advisory_id, text

    def put_records(self, records: Mapping[str, tuple[str, bytes]]) -> None:
        """Keep records: for each id when it was modified, and its text."""
        rows = [(self._source, i, when, time(), text) for i, (when, text) in records.items()]
        if not rows:
            return
        with suppress(*_ERRORS), self._database() as database:
            database.executemany("insert or replace into records values (?, ?, ?, ?, ?)", rows)

    def put(self, answers: Mapping[NormalizedName, tuple[Version | None, CachedAnswer]]) -> None:
        """Keep answers, and delete those that were not requested in 90 days."""
        rows = [
            (self._source, name, _key(version), answer.asked, json.dumps([*dict(answer.records)]))
            for name, (version, answer) in answers.items()
        ]
        oldest = time() - _MAX_AGE_SECONDS
        with suppress(*_ERRORS), self._database() as database:
            database.executemany("insert or replace into answers values (?, ?, ?, ?, ?)", rows)
            database.execute("delete from answers where asked < ?", (oldest,))
            database.execute("delete from records where stored < ?", (oldest,))

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            database = sqlite3.connect(self._file, timeout=_LOCK_SECONDS)
            with closing(database), database:
                database.execute("pragma synchronous = off")  # a damaged cache is only dropped
                database.executescript(_TABLES)
                yield database
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):  # damaged, not only busy
                with suppress(OSError):
                    self._file.unlink()
            raise


def _key(version: Version | None) -> str:
    return "" if version is None else version.public


def _texts(
    database: sqlite3.Connection, source: str, ids: Iterable[str]
) -> dict[str, tuple[str, bytes]]:
    """Return when each record was modified, and its text."""
    found, pending = dict[str, tuple[str, bytes]](), sorted(ids)
    for start in range(0, len(pending), _BATCH):
        batch = pending[start : start + _BATCH]
        marks = ",".join("?" * len(batch))
        rows = database.execute(
            f"select id, modified, text from records where source = ? and id in ({marks})",  # noqa: S608 - only marks
            (source, *batch),
        )
        found |= {str(i): (str(when), bytes(text)) for i, when, text in rows}
    return found
