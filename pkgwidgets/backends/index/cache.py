"""What the index said, on disk: one SQLite file for all indexes, safe for many kernels at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time

import msgspec
import platformdirs
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.compatibility import parse_requires_python
from pkgwidgets.core.releases import Release, Wheel

_FORMAT = 4
_TABLE = """
create table if not exists answers (
    source text not null, project text not null, etag text not null,
    asked real not null, fresh_until real not null, facts blob not null,
    primary key (source, project)
) without rowid
"""
_QUERY = """
select project, etag, asked, fresh_until, facts from answers where source = ? and project in
"""
_LOCK_SECONDS = 2.0
"""Seconds to wait for another kernel that writes."""
_KEPT_SECONDS = 90 * 86400.0
"""Seconds after which an answer that nobody asked for again is given up."""
_MAX_NAMES = 500
"""Names in one query; SQLite's own limit is 999."""


class _Release(msgspec.Struct, array_like=True, gc=False):
    """A release as it is kept; wheels are (file name, sha256, size, requires-python)."""

    version: str
    yanked: bool
    uploaded: float | None
    wheels: list[tuple[str, str | None, int | None, str | None]]


class _CachedReleases(msgspec.Struct, array_like=True, gc=False):
    """The releases that were looked at, newest first, and whether there are no others."""

    releases: list[_Release]
    skipped: list[str]
    complete: bool


_Row = tuple[str, str, float, float, bytes]
_TYPES = (str, str, float, float, bytes)
_BROKEN = (sqlite3.Error, OSError, ValueError)
"""What a damaged file raises: its own words may be no text."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_CachedReleases)


class CachedProject(msgspec.Struct, gc=False):
    """One project's kept answer. Times are seconds since the epoch."""

    etag: str
    asked: float
    fresh_until: float
    releases: tuple[Release, ...] = ()
    skipped: tuple[Version, ...] = ()
    """Newer than the last of them, and passed over: nobody wanted them then."""
    complete: bool = True


class ReleaseCache:
    """The kept answers of one index.

    A cache is never a reason to fail: a file that is damaged is begun anew, an entry that is
    damaged is dropped, and where nothing can be written nothing is kept.
    """

    def __init__(self, source: str, folder: Path | None = None) -> None:
        self._source = source
        self._folder = folder if folder is not None else platformdirs.user_cache_path("pkgwidgets")
        self._file = self._folder / f"index-{_FORMAT}.sqlite3"
        self._guard = threading.Lock()
        self._read: dict[NormalizedName, tuple[bytes, CachedProject]] = {}
        """What was packed or unpacked in this process, and what it was packed as."""

    def get(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, CachedProject]:
        """Return what is kept of these projects, fresh or not."""
        wanted = list(ids)
        found: dict[NormalizedName, CachedProject] = {}
        try:
            with self._guard, closing(self._opened()) as database:
                for start in range(0, len(wanted), _MAX_NAMES):
                    part = wanted[start : start + _MAX_NAMES]
                    marks = ",".join("?" * len(part))
                    query = f"{_QUERY} ({marks})"
                    found.update(self._entries(database.execute(query, (self._source, *part))))
        except _BROKEN:
            self._begin_anew()
        # A damaged file may answer with what nobody asked for.
        return {id: found[id] for id in wanted if id in found}

    def put(self, entries: Mapping[NormalizedName, CachedProject]) -> None:
        """Keep these answers, in one transaction."""
        rows, fresh = [], dict[NormalizedName, tuple[bytes, CachedProject]]()
        for id, entry in entries.items():
            try:
                packed = self._packed(id, entry)
            except (msgspec.MsgspecError, ValueError, OverflowError):
                continue  # what cannot be kept is asked for again
            fresh[id] = (packed, entry)
            rows.append((self._source, id, entry.etag, entry.asked, entry.fresh_until, packed))
        try:
            with self._guard, closing(self._opened()) as database, database:
                self._read.update(fresh)
                database.executemany(
                    "insert or replace into answers values (?, ?, ?, ?, ?, ?)", rows
                )
                database.execute("delete from answers where asked < ?", (time() - _KEPT_SECONDS,))
        except _BROKEN:
            self._begin_anew()

    def _packed(self, id: NormalizedName, entry: CachedProject) -> bytes:
        """Pack what is kept; one that was only confirmed is packed already."""
        packed, last = self._read.get(id, (b"", None))
        if (
            last is not None
            and last.releases is entry.releases
            and (last.skipped, last.complete) == (entry.skipped, entry.complete)
        ):
            return packed
        return _packed(entry)

    def _entries(self, rows: Iterable[_Row]) -> Iterator[tuple[NormalizedName, CachedProject]]:
        for project, etag, asked, fresh_until, packed in rows:
            if tuple(map(type, (project, etag, asked, fresh_until, packed))) != _TYPES:
                continue
            id = NormalizedName(project)
            try:
                known = self._read.get(id)
                if known is None or known[0] != packed:
                    known = self._read[id] = (packed, _unpacked(packed))
            except (msgspec.MsgspecError, ValueError, TypeError, OverflowError):
                continue
            times = {"etag": etag, "asked": asked, "fresh_until": fresh_until}
            yield id, msgspec.structs.replace(known[1], **times)

    def _opened(self) -> sqlite3.Connection:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = sqlite3.connect(self._file, timeout=_LOCK_SECONDS)
        try:
            database.execute("pragma journal_mode = wal")
            # A lost entry is asked for again: the disk need not be waited for.
            database.execute("pragma synchronous = off")
            database.execute(_TABLE)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def _begin_anew(self) -> None:
        """Delete a file that is no database, while no thread of ours has it open.

        One that is only busy is left alone. What another process loses by it is asked for again.
        """
        with self._guard:
            self._delete_if_damaged()

    def _delete_if_damaged(self) -> None:
        try:
            with self._file.open("rb") as file:
                sound = file.read(16) in (b"", b"SQLite format 3\x00")
        except OSError:
            return
        if sound and self._is_whole():
            return
        for ending in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._file.with_name(self._file.name + ending).unlink()

    def _is_whole(self) -> bool:
        try:
            with closing(sqlite3.connect(self._file, timeout=_LOCK_SECONDS)) as database:
                row = database.execute("pragma quick_check(1)").fetchone()
        except sqlite3.OperationalError:
            return True  # busy, or not ours to read
        except (sqlite3.DatabaseError, ValueError):
            return False
        return bool(row) and row[0] == "ok"


def _unpacked(packed: bytes) -> CachedProject:
    facts = _DECODER.decode(packed)
    releases = tuple(_release(kept) for kept in facts.releases)
    skipped = tuple(map(Version, facts.skipped))
    return CachedProject("", 0.0, 0.0, releases, skipped, facts.complete)


def _packed(entry: CachedProject) -> bytes:
    kept = [
        _Release(
            str(release.version),
            release.yanked,
            release.uploaded.timestamp() if release.uploaded is not None else None,
            [_packed_wheel(wheel) for wheel in release.wheels],
        )
        for release in entry.releases
    ]
    return _ENCODER.encode(
        _CachedReleases(kept, [str(version) for version in entry.skipped], entry.complete)
    )


def _packed_wheel(wheel: Wheel) -> tuple[str, str | None, int | None, str | None]:
    python = None if wheel.requires_python is None else str(wheel.requires_python)
    return wheel.filename, wheel.sha256, wheel.size, python


def _release(kept: _Release) -> Release:
    return Release(
        version=Version(kept.version),
        yanked=kept.yanked,
        uploaded=None if kept.uploaded is None else datetime.fromtimestamp(kept.uploaded, UTC),
        wheels=tuple(
            Wheel(filename=f, sha256=s, size=n, requires_python=parse_requires_python(p))
            for f, s, n, p in kept.wheels
        ),
    )
