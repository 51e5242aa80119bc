"""Read and edit the text of `pkgwidgets.toml`.

An edit replaces, removes or appends whole `[[hold]]` blocks, and leaves every other line as it is.
The result is parsed again: an edit that would change anything else is refused. So comments
survive, and a writer of TOML is not needed in the environment of the user.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from .durations import parse_duration
from .errors import PolicyUnreadable
from .names import is_name
from .policy import Hold, MinimumAge, Policy

_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)|\s*\(at end of document\)")
_HEADER = re.compile(r"\s*\[")
_HOLD = re.compile(r"\s*\[\[\s*(?:hold|\"hold\"|'hold')\s*\]\]")
_HOLD_KEYS = ("name", "versions", "reason", "until", "since", "by")
_AGE_KEYS = ("age", "packages", "indexes")
_TABLES = ("hold", "min-age", "advisories")
_MARK = "\ufeff"
"""The byte order mark that some editors write before the text."""


def parse_policy(text: str, file: Path) -> Policy:
    """Return the policy of a text; raise `PolicyUnreadable` with the file and the line."""
    return _Reader(text, file).policy()


def hold_block(hold: Hold) -> str:
    """Return a hold as a block of the file."""
    lines = ["[[hold]]", f"name = {_string(hold.name)}", f"versions = {_string(hold.versions)}"]
    lines += [f"reason = {_string(hold.reason)}"] if hold.reason else []
    lines += [f"until = {hold.until}"] if hold.until is not None else []
    if hold.since is not None:
        lines.append(f"since = {hold.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    lines += [f"by = {_string(hold.by)}"] if hold.by else []
    return "\n".join(lines) + "\n"


def find_block(text: str, hold: Hold, file: Path) -> str:
    """Return the block of a hold as it is written in a text; "" if there is none."""
    lines = _lines(text.removeprefix(_MARK))
    for block in _blocks(lines):
        found = "".join(lines[block])
        if any(hold.is_same(other) for other in _holds_of(found, file)):
            return found
    return ""


def replace_block(text: str, before: str, after: str, file: Path) -> str:
    """Return the text with a block replaced; "" before appends, "" after removes.

    New lines end as those of the text do. Raises `PolicyUnreadable` if the block is missing, or if
    anything else would change.
    """
    old = parse_policy(text, file)
    mark, text = text[: text.startswith(_MARK)], text.removeprefix(_MARK)
    end = "\r\n" if "\r\n" in text else "\n"
    after = _plain(after).replace("\n", end)
    gone = parse_policy(before, file).holds
    new = parse_policy(after, file).holds
    if not before:
        separator = end if text.strip() else ""
        edited = f"{_with_end(text, end)}{separator}{after}"
    else:
        lines = _lines(text)
        places = [b for b in _blocks(lines) if _plain("".join(lines[b])) == _plain(before)]
        if not places:
            raise PolicyUnreadable(file, 0, "the hold was changed since")
        place = places[-1]
        if not after and place.start and not lines[place.start - 1].strip():
            place = slice(place.start - 1, place.stop)  # the empty line that separates it
        edited = "".join([*lines[: place.start], after, *lines[place.stop :]])
    rest = list(old.holds)
    for hold in gone:
        rest.remove(hold)
    result = parse_policy(edited, file)
    is_expected = sorted(map(repr, result.holds)) == sorted(map(repr, (*rest, *new)))
    if not is_expected or replace(result, holds=()) != replace(old, holds=()):
        raise PolicyUnreadable(file, 0, "its holds cannot be edited without other changes")
    return f"{mark}{edited}"


def _lines(text: str) -> list[str]:
    """Return the lines with their ends. `splitlines` would end one inside of a TOML string, too."""
    *whole, last = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([last] if last else [])]


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _blocks(lines: Sequence[str]) -> Iterator[slice]:
    """Yield the lines of each hold, without the empty lines and comments that follow it."""
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    for number, end in zip(headers, [*headers[1:], len(lines)], strict=True):
        if _HOLD.match(lines[number]):
            last = max(
                n for n in range(number, end) if lines[n].strip() and lines[n].strip()[0] != "#"
            )
            yield slice(number, last + 1)


def _holds_of(block: str, file: Path) -> tuple[Hold, ...]:
    try:
        return parse_policy(block, file).holds
    except PolicyUnreadable:
        return ()  # a header inside of a text: no block


def _with_end(text: str, end: str) -> str:
    return f"{text}{end}" if text and not text.endswith("\n") else text


def _string(text: str) -> str:
    """Return a text as a basic string of TOML, which is written as in JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


class _Reader:
    """Reads the tables; an error names the line of the table that it is about."""

    def __init__(self, text: str, file: Path) -> None:
        self._text = text.removeprefix(_MARK)
        self._file = file

    def policy(self) -> Policy:
        try:
            tables = tomllib.loads(self._text)
        except (ValueError, RecursionError) as error:
            where = _LINE.search(str(error))
            line = int(where[1]) if where and where[1] else self._text.count("\n") + 1
            raise PolicyUnreadable(self._file, line, _LINE.sub("", str(error))[:200]) from None
        for name in tables:
            if name not in _TABLES:
                raise self._error(name, f"{_string(name)} is not a known setting")
        holds = tables.get("hold", [])
        if not isinstance(holds, list):
            raise self._error("hold", "write each hold as a [[hold]] table")
        return Policy(
            holds=tuple(self._hold(entry, number) for number, entry in enumerate(holds)),
            minimum_age=self._minimum_age(tables.get("min-age", {})),
            advisories=self._advisories(tables.get("advisories", {})),
        )

    def _advisories(self, table: object) -> Mapping[str, Any]:
        if not isinstance(table, dict):
            raise self._error("advisories", "write [advisories] as a table")
        for key in table:
            if key != "sources":
                raise self._error("advisories", f"advisories has no {_string(key)}")
        return table

    def _hold(self, entry: object, number: int) -> Hold:
        def wrong(reason: str) -> PolicyUnreadable:
            return self._error("hold", reason, number)

        if not isinstance(entry, dict):
            raise wrong("write each hold as a [[hold]] table")
        for key, value in entry.items():
            if key not in _HOLD_KEYS:
                raise wrong(f"a hold has no {_string(key)}")
            if key not in ("until", "since") and not isinstance(value, str):
                raise wrong(f"{key} must be a text")
        name, versions = entry.get("name", ""), entry.get("versions", "")
        if not is_name(name):
            raise wrong("the hold needs the name of a package")
        if not _is_limit(name, versions):
            raise wrong(f'the hold of {name} needs versions such as "<3"')
        until, since = entry.get("until"), entry.get("since")
        if until is not None and type(until) is not date:
            raise wrong("until must be a day, such as 2027-01-31")
        if since is not None and not isinstance(since, date):
            raise wrong("since must be a day or a time, such as 2026-11-30")
        try:
            moment = _moment(since)
        except OverflowError:
            raise wrong("since is too early or too late") from None
        return Hold(
            name=name,
            versions=versions,
            reason=entry.get("reason", ""),
            until=until,
            since=moment,
            by=entry.get("by", ""),
        )

    def _minimum_age(self, table: object) -> MinimumAge:
        if not isinstance(table, dict):
            raise self._error("min-age", "write [min-age] as a table")
        for key in table:
            if key not in _AGE_KEYS:
                raise self._error("min-age", f"min-age has no {_string(key)}")
        text = table.get("age", "0d")
        packages, indexes = self._ages(table, "packages"), self._ages(table, "indexes")
        for name in packages:
            if not is_name(name):
                raise self._error("min-age", f"{_string(name)} is not the name of a package")
        if "" in (index.strip("/ ") for index in indexes):
            raise self._error("min-age", "indexes has one without an address")
        self._refuse_repeated("packages", map(canonicalize_name, packages))
        self._refuse_repeated("indexes", (index.rstrip("/") for index in indexes))
        return MinimumAge(
            age=self._age(text),
            text=text if "age" in table else "",
            packages={canonicalize_name(name): age for name, age in packages.items()},
            indexes={index.rstrip("/"): age for index, age in indexes.items()},
        )

    def _refuse_repeated(self, key: str, names: Iterable[str]) -> None:
        """Raise `PolicyUnreadable` if a name has two spellings: which one counts is unclear."""
        seen = set[str]()
        for name in names:
            if name in seen:
                raise self._error("min-age", f"{key} names {name} twice")
            seen.add(name)

    def _ages(self, table: Mapping[str, Any], key: str) -> dict[str, timedelta]:
        ages = table.get(key, {})
        if not isinstance(ages, dict):
            raise self._error("min-age", f"{key} must be a table")
        return {name: self._age(age) for name, age in ages.items()}

    def _age(self, text: object) -> timedelta:
        try:
            age = parse_duration(text.strip()) if isinstance(text, str) else None
        except (OverflowError, ValueError):  # too long, or too many digits
            age = None
        if age is None:
            raise self._error("min-age", 'an age is a text such as "7d" or "12h"')
        return age

    def _error(self, table: str, reason: str, number: int = 0) -> PolicyUnreadable:
        """Return the error about a table: the line of its header, or of its key."""
        name = re.escape(table)
        key = re.compile(rf"\s*(?:\[+\s*[\"']?{name}[\"']?\s*[\].]|[\"']?{name}[\"']?\s*[=.])")
        found = [n for n, line in enumerate(_lines(self._text), 1) if key.match(line)]
        line = found[min(number, len(found) - 1)] if found else 1
        return PolicyUnreadable(self._file, line, reason)


def _is_limit(name: str, versions: str) -> bool:
    """Tell whether versions limit a project, alone and in a requirement."""
    try:
        wanted = Requirement(f"{name}{versions}")
        # After `===` any text may stand, but neither uv nor a comparison of versions reads it.
        for specifier in wanted.specifier:
            Version(specifier.version.removesuffix(".*"))
        return bool(str(SpecifierSet(versions))) and wanted.specifier == SpecifierSet(versions)
    except (InvalidRequirement, InvalidSpecifier, InvalidVersion):
        return False


def _moment(day: date | None) -> datetime | None:
    """Return a day or time as a time in UTC; one without a zone is in UTC."""
    if day is None:
        return None
    moment = day if isinstance(day, datetime) else datetime.combine(day, time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def known_holds(policy: Policy, name: NormalizedName) -> tuple[Hold, ...]:
    """Return the holds of a project, ended ones too."""
    return tuple(hold for hold in policy.holds if hold.id == name)
