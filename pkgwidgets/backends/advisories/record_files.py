"""Read advisories from a folder or a zip file of OSV records (`*.json`)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import time_ns

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.store.file_times import SETTLED_NS
from pkgwidgets.core import osv
from pkgwidgets.core.advisories import Advisory, Effect
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult, first_withdrawal
from pkgwidgets.core.errors import AdvisoriesUnavailable
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.text import count_noun

_MAX_RECORD_BYTES = 8 << 20
_MAX_BYTES = 2 << 30
_MAX_RECORDS = 500_000
_UNTIL_FILES_CHANGE = datetime.max.replace(tzinfo=UTC)

_Index = tuple[dict[NormalizedName, list[Advisory]], datetime, str, datetime]
"""The advisories, the time of the newest one, why some may be missing, and until when it holds."""


class RecordFiles:
    """The records of a folder or a zip file. They are as of the newest one's modification."""

    knows_projects = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cached: tuple[object, _Index] | None = None

    @property
    def address(self) -> str:
        """The path."""
        return str(self._path)

    def state(self) -> str:
        """Return the times and sizes of all files; "" if they are missing or were just written."""
        try:
            key = self._key()
        except OSError:
            return ""
        settled = time_ns() - SETTLED_NS
        is_settled = all(max(modified, changed) < settled for _, modified, changed, _, _ in key)
        return f"{self.address} {key}" if is_settled and key else ""

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        """Answer from the files, which are read again if they changed; see `AdvisorySource`."""
        try:
            index, as_of, doubt, until = self._index()
        # zipfile raises the last two for encrypted members and unknown compressions.
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            failure = AdvisoriesUnavailable(self.address, reason)
            return dict.fromkeys(projects, failure)
        return {
            name: AdvisoryAnswer(
                advisories=tuple(
                    advisory
                    for advisory in index.get(name, ())
                    if version is None or advisory.effect(name, version) is not Effect.NOT_AFFECTED
                ),
                as_of=as_of,
                stale_reason=doubt,
                fresh_until=until,
            )
            for name, version in projects.items()
        }

    def _index(self) -> _Index:
        key = self._key()
        cached = self._cached
        if cached is None or cached[0] != key or cached[1][-1] <= datetime.now(UTC):
            cached = self._cached = key, self._read()
        return cached[1]

    def _key(self) -> list[tuple[str, int, int, int, int]]:
        paths = sorted(self._path.rglob("*.json")) if self._path.is_dir() else [self._path]
        found = ((path, path.stat()) for path in paths)
        return [(str(path), s.st_mtime_ns, s.st_ctime_ns, s.st_ino, s.st_size) for path, s in found]

    def _read(self) -> _Index:
        records, unreadable = _records(self._path)
        index: dict[NormalizedName, list[Advisory]] = {}
        for advisory in records:
            for name in {part.name for part in advisory.affected}:
                index.setdefault(name, []).append(advisory)
        now = datetime.now(UTC)
        # One from the future would keep old data new for ever.
        times = [found.modified for found in records if found.modified and found.modified <= now]
        changed = datetime.fromtimestamp(self._path.stat().st_mtime, UTC)
        as_of = max(times, default=min(changed, now))
        files = count_noun(unreadable, "file")
        doubt = f"{files} of {self.address} cannot be read" if unreadable else ""
        return index, as_of, doubt, first_withdrawal(records, _UNTIL_FILES_CHANGE)


def _records(path: Path) -> tuple[list[Advisory], int]:
    """Return the records, and the number of files that cannot be read; raise OSError for none."""
    records, total, unreadable, count = list[Advisory](), 0, 0, 0
    for text in _texts(path):
        total, count = total + len(text), count + 1
        if total > _MAX_BYTES or count > _MAX_RECORDS:
            raise OSError(None, "it holds more than 2 GiB or 500,000 records")
        try:
            advisory = _advisory(text)
        except (ValueError, RecursionError):
            unreadable += 1
        else:
            records += [advisory] if advisory is not None else []
    if not records:
        reason = "none of its .json files is a record" if count else "it holds no .json file"
        raise OSError(None, reason)
    return records, unreadable


def _texts(path: Path) -> Iterator[bytes]:
    """Yield the text of each file; that of one which is too large is empty."""
    if path.is_dir():
        for file in sorted(path.rglob("*.json")):
            yield file.read_bytes() if file.stat().st_size <= _MAX_RECORD_BYTES else b""
        return
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".json"):
                continue
            if member.file_size > _MAX_RECORD_BYTES:
                yield b""
                continue
            with archive.open(member) as opened:
                yield opened.read(_MAX_RECORD_BYTES)


def _advisory(text: bytes) -> Advisory | None:
    """Return the advisory of a file; None if the file is about something else, without an id.

    Raises ValueError or RecursionError if it cannot be read.
    """
    value = json.loads(text)
    is_record = not isinstance(value, Mapping) or "id" in value
    return osv.read_record(value) if is_record else None
