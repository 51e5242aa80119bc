"""Cache the answers of indexes in one SQLite file, which many kernels may use at once."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import time

import msgspec
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.user_cache import cache_folder
from pkgwidgets.core.compatibility import parse_requires_python
from pkgwidgets.core.releases import ACTIVE, ProjectStatus, Release, Wheel, project_status

from . import cache_file

_MAX_AGE_SECONDS = 90 * 86400.0
"""Seconds after which an answer that was not requested again is deleted."""
_COLUMNS = "project, etag, asked, fresh_until, facts"


_Wheel = tuple[str, str | None, int | None, str | None, str]


class _Release(msgspec.Struct, array_like=True, gc=False):
    """A cached release; wheels are (file name, sha256, size, requires-python, provenance).

    `yanked` is the reason if there is one.
    """

    version: str
    yanked: bool | str
    uploaded: float | None
    wheels: list[_Wheel]


class _CachedReleases(msgspec.Struct, array_like=True, gc=False):
    """The releases that were read, newest first; `complete` if the project has no others."""

    releases: list[_Release]
    skipped: list[str]
    complete: bool
    status: tuple[str, str] = ("", "")


_Row = tuple[str, str, float, float, bytes]
_ROW_TYPES = (str, str, float, float, bytes)
Stamp = tuple[str, float, float]
"""The entity tag of an answer, when it was given, and until when it is fresh."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_CachedReleases)


class CachedProject(msgspec.Struct, gc=False):
    """The cached answer for one project. Times are seconds since the epoch."""

    etag: str
    asked: float
    fresh_until: float
    releases: tuple[Release, ...] = ()
    skipped: tuple[Version, ...] = ()
    """Versions newer than the last release that the query skipped."""
    complete: bool = True
    status: ProjectStatus = ACTIVE


class ReleaseCache:
    """The cached answers of one index.

    A cache never raises: a damaged file is replaced, a damaged entry is dropped, and where nothing
    can be written nothing is cached.
    """

    def __init__(self, source: str, folder: Path | None = None) -> None:
        self._source = source
        self._file = cache_file.cache_file(cache_folder() if folder is None else folder)
        self._lock = threading.Lock()
        self._decoded: dict[NormalizedName, tuple[bytes, CachedProject]] = {}
        """The entries that this process read or wrote, each with its encoded bytes."""

    def get(self, names: Collection[NormalizedName]) -> Mapping[NormalizedName, CachedProject]:
        """Return the cached answers for these projects, fresh or not."""
        projects = list(names)
        entries: dict[NormalizedName, CachedProject] = {}
        try:
            with self._lock, closing(self._open()) as database:
                rows = cache_file.select(database, _COLUMNS, self._source, projects)
                entries.update(self._decode_rows(rows))
        except cache_file.DATABASE_ERRORS:
            self._reset_if_damaged()
        # A damaged file may return other projects than the query names.
        return {name: entries[name] for name in projects if name in entries}

    def stamps(self, names: Collection[NormalizedName]) -> Mapping[NormalizedName, Stamp]:
        """Return the stamps of the cached answers for these projects, without reading them."""
        try:
            with self._lock, closing(self._open()) as database:
                columns = "project, etag, asked, fresh_until"
                rows = list(cache_file.select(database, columns, self._source, list(names)))
        except cache_file.DATABASE_ERRORS:
            self._reset_if_damaged()
            return {}
        stamps = {row[0]: row[1:] for row in rows if tuple(map(type, row)) == _ROW_TYPES[:4]}
        return {name: stamps[name] for name in names if name in stamps}

    def confirm(self, stamps: Mapping[NormalizedName, Stamp]) -> None:
        """Store the times of answers that the index confirmed, in one database transaction.

        An answer that another process has replaced meanwhile keeps its times.
        """
        rows = [
            (asked, fresh_until, self._source, name, etag)
            for name, (etag, asked, fresh_until) in stamps.items()
        ]
        try:
            with self._lock, closing(self._open()) as database, database:
                database.executemany(
                    "update answers set asked = ?, fresh_until = ? "
                    "where source = ? and project = ? and etag = ?",
                    rows,
                )
        except cache_file.DATABASE_ERRORS:
            self._reset_if_damaged()

    def put(self, entries: Mapping[NormalizedName, CachedProject]) -> None:
        """Store these answers, in one database transaction."""
        rows, cached = [], dict[NormalizedName, tuple[bytes, CachedProject]]()
        for name, entry in entries.items():
            try:
                encoded = self._encode(name, entry)
            except (msgspec.MsgspecError, ValueError, OverflowError):
                continue  # not cached: the index is asked again
            cached[name] = (encoded, entry)
            rows.append((self._source, name, entry.etag, entry.asked, entry.fresh_until, encoded))
        try:
            with self._lock, closing(self._open()) as database, database:
                self._decoded.update(cached)
                database.executemany(
                    "insert or replace into answers values (?, ?, ?, ?, ?, ?)", rows
                )
                database.execute(
                    "delete from answers where asked < ?", (time() - _MAX_AGE_SECONDS,)
                )
        except cache_file.DATABASE_ERRORS:
            self._reset_if_damaged()

    def _encode(self, name: NormalizedName, entry: CachedProject) -> bytes:
        """Encode an entry; reuse the bytes of one that the index only confirmed."""
        encoded, known = self._decoded.get(name, (b"", None))
        if (
            known is not None
            and known.releases is entry.releases
            and (known.skipped, known.complete) == (entry.skipped, entry.complete)
            and known.status == entry.status
        ):
            return encoded
        return _encode_project(entry)

    def _decode_rows(self, rows: Iterable[_Row]) -> Iterator[tuple[NormalizedName, CachedProject]]:
        for project, etag, asked, fresh_until, encoded in rows:
            if tuple(map(type, (project, etag, asked, fresh_until, encoded))) != _ROW_TYPES:
                continue
            name = NormalizedName(project)
            try:
                cached = self._decoded.get(name)
                if cached is None or cached[0] != encoded:
                    cached = self._decoded[name] = (encoded, _decode_project(encoded))
            except (msgspec.MsgspecError, ValueError, TypeError, OverflowError):
                continue
            times = {"etag": etag, "asked": asked, "fresh_until": fresh_until}
            yield name, msgspec.structs.replace(cached[1], **times)

    def _open(self) -> sqlite3.Connection:
        return cache_file.open_cache(self._file)

    def _reset_if_damaged(self) -> None:
        """Delete a damaged file, while no other thread of this process has it open.

        A file that is only busy is left alone. Another process that loses its entries asks again.
        """
        with self._lock:
            self._delete_if_damaged()

    def _delete_if_damaged(self) -> None:
        try:
            with self._file.open("rb") as file:
                is_database = file.read(16) in (b"", b"SQLite format 3\x00")
        except OSError:
            return
        if is_database and self._is_whole():
            return
        for ending in ("", "-wal", "-shm"):
            with suppress(OSError):
                self._file.with_name(self._file.name + ending).unlink()

    def _is_whole(self) -> bool:
        try:
            with closing(sqlite3.connect(self._file, timeout=cache_file.LOCK_SECONDS)) as database:
                row = database.execute("pragma quick_check(1)").fetchone()
        except sqlite3.OperationalError:
            return True  # busy, or not readable for this user
        except (sqlite3.DatabaseError, ValueError):
            return False
        return bool(row) and row[0] == "ok"


def _decode_project(encoded: bytes) -> CachedProject:
    cached = _DECODER.decode(encoded)
    releases = tuple(_decode_release(release) for release in cached.releases)
    skipped = tuple(map(Version, cached.skipped))
    status = project_status(*cached.status)
    return CachedProject("", 0.0, 0.0, releases, skipped, cached.complete, status)


def _encode_project(entry: CachedProject) -> bytes:
    releases = [
        _Release(
            str(release.version),
            release.yanked_reason or release.yanked,
            release.uploaded.timestamp() if release.uploaded is not None else None,
            [_encode_wheel(wheel) for wheel in release.wheels],
        )
        for release in entry.releases
    ]
    return _ENCODER.encode(
        _CachedReleases(
            releases,
            [str(version) for version in entry.skipped],
            entry.complete,
            (entry.status.status, entry.status.reason),
        )
    )


def _encode_wheel(wheel: Wheel) -> _Wheel:
    python = None if wheel.requires_python is None else str(wheel.requires_python)
    return wheel.filename, wheel.sha256, wheel.size, python, wheel.provenance


def _decode_release(release: _Release) -> Release:
    return Release(
        version=Version(release.version),
        yanked=bool(release.yanked),
        yanked_reason=release.yanked if isinstance(release.yanked, str) else "",
        uploaded=None
        if release.uploaded is None
        else datetime.fromtimestamp(release.uploaded, UTC),
        wheels=tuple(
            Wheel(
                filename=filename,
                sha256=sha256,
                size=size,
                requires_python=parse_requires_python(python),
                provenance=provenance,
            )
            for filename, sha256, size, python, provenance in release.wheels
        ),
    )
