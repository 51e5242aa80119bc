"""Read records in the OSV format; they come from outside, so nothing in them is trusted.

Source: https://ossf.github.io/osv-schema/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from . import cvss
from .advisories import Advisory, AffectedProject, Event, VersionRange

ECOSYSTEM = "PyPI"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}")
_LINK = re.compile(r"https?://[!-~]{1,1000}")
_MAX_CHARACTERS = 500
_KINDS = ("introduced", "fixed", "last_affected", "limit")
_RANGE_TYPES = ("ECOSYSTEM", "SEMVER")
"""Ranges of versions."""
_COMMITS = "GIT"
"""Ranges of commits, which say nothing about a release."""
_LEAP_SECOND = re.compile(r"(?<=T[0-9]{2}:[0-9]{2}):60")
_SEVERITY_NAMES = {"moderate": "medium"}
_SEVERITIES = ("low", "medium", "high", "critical")


class InvalidRecord(ValueError):
    """A record is not an advisory; the text says why."""


def is_advisory_id(text: object) -> bool:
    """Tell whether a value can be the id of a record, and so a part of an address."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def read_record(record: object) -> Advisory:
    """Return the advisory of a decoded JSON record, as it counts now; or raise `InvalidRecord`.

    Parts for other ecosystems are left out. What cannot be read makes versions unknown, not safe:
    a part that does not say of which package it is makes the whole record invalid.

    `withdrawn` is the time from which the record counts as withdrawn, not a mark: one from the
    future still counts until then. A time that cannot be read withdraws nothing.
    Source: https://ossf.github.io/osv-schema/#withdrawn-field.
    """
    if not isinstance(record, Mapping) or not is_advisory_id(record.get("id")):
        raise InvalidRecord("it has no valid id")
    affected = record.get("affected")
    if not isinstance(affected, list | None):
        raise InvalidRecord("its list of affected packages cannot be read")
    affected = affected or []
    withdrawn = read_time(record.get("withdrawn"))
    is_withdrawn = withdrawn is not None and withdrawn <= datetime.now(UTC)
    return Advisory(
        id=record["id"],
        aliases=frozenset(filter(is_advisory_id, _items(record.get("aliases")))),
        summary=_text(record.get("summary")) or _text(record.get("details")),
        severity=_severity(record, affected),
        links=tuple(_links(record)),
        is_withdrawn=is_withdrawn,
        withdrawn_later=None if is_withdrawn else withdrawn,
        modified=read_time(record.get("modified")),
        affected=tuple(_affected(affected)),
    )


def _affected(parts: Iterable[object]) -> Iterator[AffectedProject]:
    for part in parts:
        if not isinstance(part, Mapping):
            raise InvalidRecord("a part of it cannot be read")
        package = part.get("package")
        if package is None:
            continue  # a part without a package is about commits
        # The ecosystem may have a suffix that names another index.
        if _field(package, "ecosystem").partition(":")[0].lower() == ECOSYSTEM.lower():
            yield _affected_project(_field(package, "name"), part)


def _field(package: object, name: str) -> str:
    value = package.get(name) if isinstance(package, Mapping) else None
    if not isinstance(value, str) or not value.strip():
        raise InvalidRecord(f"a package in it has no {name}")
    return value.strip()


def _affected_project(name: str, part: Mapping[str, Any]) -> AffectedProject:
    listed, ranges = part.get("versions"), part.get("ranges")
    known = [found for found in _items(ranges) if isinstance(found, Mapping)]
    typed = [found for found in known if found.get("type") in _RANGE_TYPES]
    is_complete = (
        all(value is None or isinstance(value, list) for value in (listed, ranges))
        and all(isinstance(version, str) for version in _items(listed))
        and all(found.get("type") in (*_RANGE_TYPES, _COMMITS) for found in known)
    )
    return AffectedProject(
        name=canonicalize_name(name),
        versions=frozenset(filter(None, map(read_version, _items(listed)))),
        ranges=tuple(map(_range, typed)),
        is_complete=is_complete and len(known) == len(_items(ranges)),
    )


def _range(found: Mapping[str, Any]) -> VersionRange:
    entries = found.get("events")
    read = [event for entry in _items(entries) for event in _events(entry)]
    events = tuple(event for event in read if event is not None)
    starts = any(event.kind == "introduced" for event in events)
    is_readable = isinstance(entries, list) and len(events) == len(read) and starts
    return VersionRange(events=events, is_readable=is_readable)


def _events(entry: object) -> Iterator[Event | None]:
    """Yield the events of an entry; None for what cannot be read."""
    if not isinstance(entry, Mapping):
        yield None
        return
    for kind, bound in entry.items():
        is_open = bound == ("*" if kind == "limit" else "0")
        version = None if is_open else read_version(bound)
        is_known = kind in _KINDS and (is_open or version is not None)
        yield Event(kind=kind, version=version) if is_known else None


def read_version(text: object) -> Version | None:
    """Return the public part of a version (PEP 440); None if it is invalid."""
    if not isinstance(text, str) or len(text) > _MAX_CHARACTERS:
        return None
    try:
        return Version(Version(text).public)
    except InvalidVersion:
        return None


def read_time(text: object) -> datetime | None:
    """Return a time in UTC (RFC 3339); None if it is invalid.

    RFC 3339 also allows small letters and leap seconds, which count as the second before.
    """
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(_LEAP_SECOND.sub(":59", text.upper()))
        return time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # the first day of the year 1 in another zone
        return None


def _severity(record: Mapping[str, Any], affected: Sequence[object]) -> str:
    """Return the worst severity that the database states, else that of the CVSS scores."""
    parts = [record, *(part for part in affected if isinstance(part, Mapping))]
    stated = []
    for part in parts:
        specific = part.get("database_specific")
        name = str(specific.get("severity", "")).lower() if isinstance(specific, Mapping) else ""
        stated.append(_SEVERITY_NAMES.get(name, name))
    vectors = [
        score.get("score")
        for part in parts
        for score in _items(part.get("severity"))
        if isinstance(score, Mapping)
    ]
    scored = [cvss.severity(vector) for vector in vectors if isinstance(vector, str)]
    for names in (stated, scored):
        known = [name for name in names if name in _SEVERITIES]
        if known:
            return max(known, key=_SEVERITIES.index)
    return ""


def _links(record: Mapping[str, Any]) -> Iterator[str]:
    for reference in _items(record.get("references")):
        url = reference.get("url") if isinstance(reference, Mapping) else None
        if isinstance(url, str) and _LINK.fullmatch(url):
            yield url


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    first = value.strip().partition("\n")[0] if isinstance(value, str) else ""
    return "".join(c for c in first if c.isprintable())[:_MAX_CHARACTERS]
