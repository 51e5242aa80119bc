"""Read and edit the text of `pkgwidgets.toml`.

An edit replaces, removes or appends whole `[[hold]]` blocks, and leaves every other line as it is.
The result is parsed again: an edit that would change anything else is refused. So comments
survive, and a writer of TOML is not needed in the environment of the user.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import NormalizedName, canonicalize_name

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
    for block in _blocks(text):
        if any(hold.is_same(other) for other in _holds_of(text, block, file)):
            return "".join(text.splitlines(keepends=True)[block])
    return ""


def replace_block(text: str, before: str, after: str, file: Path) -> str:
    """Return the text with a block replaced; "" before appends, "" after removes.

    Raises `PolicyUnreadable` if the block is missing, or if anything else would change.
    """
    old = parse_policy(text, file)
    gone = parse_policy(before, file).holds
    new = parse_policy(after, file).holds
    if not before:
        separator = "\n" if text.strip() else ""
        edited = f"{_with_end(text)}{separator}{after}"
    else:
        lines = text.splitlines(keepends=True)
        places = [block for block in _blocks(text) if "".join(lines[block]) == before]
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
    return edited


def _blocks(text: str) -> Iterator[slice]:
    """Yield the lines of each hold, without the empty lines and comments that follow it."""
    lines = text.splitlines(keepends=True)
    headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    for number, end in zip(headers, [*headers[1:], len(lines)], strict=True):
        if _HOLD.match(lines[number]):
            last = max(
                n for n in range(number, end) if lines[n].strip() and lines[n].strip()[0] != "#"
            )
            yield slice(number, last + 1)


def _holds_of(text: str, block: slice, file: Path) -> tuple[Hold, ...]:
    try:
        return parse_policy("".join(text.splitlines(keepends=True)[block]), file).holds
    except PolicyUnreadable:
        return ()  # a header inside of a text: no block


def _with_end(text: str) -> str:
    return f"{text}\n" if text and not text.endswith("\n") else text


def _string(text: str) -> str:
    """Return a text as a basic string of TOML, which is written as in JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


class _Reader:
    """Reads the tables; an error names the line of the table that it is about."""

    def __init__(self, text: str, file: Path) -> None:
        self._text = text
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
        advisories = tables.get("advisories", {})
        if not isinstance(advisories, dict):
            raise self._error("advisories", "write [advisories] as a table")
        return Policy(
            holds=tuple(self._hold(entry, number) for number, entry in enumerate(holds)),
            minimum_age=self._minimum_age(tables.get("min-age", {})),
            advisories=advisories,
        )

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
        try:
            is_limit = bool(str(SpecifierSet(versions)))
        except InvalidSpecifier:
            is_limit = False
        if not is_limit:
            raise wrong(f'the hold of {name} needs versions such as "<3"')
        until, since = entry.get("until"), entry.get("since")
        if until is not None and type(until) is not date:
            raise wrong("until must be a day, such as 2027-01-31")
        if since is not None and not isinstance(since, date):
            raise wrong("since must be a day or a time, such as 2026-11-30")
        return Hold(
            name=name,
            versions=versions,
            reason=entry.get("reason", ""),
            until=until,
            since=_moment(since),
            by=entry.get("by", ""),
        )

    def _minimum_age(self, table: object) -> MinimumAge:
        if not isinstance(table, dict):
            raise self._error("min-age", "write [min-age] as a table")
        for key in table:
            if key not in _AGE_KEYS:
                raise self._error("min-age", f"min-age has no {_string(key)}")
        text = table.get("age", "")
        packages, indexes = self._ages(table, "packages"), self._ages(table, "indexes")
        for name in packages:
            if not is_name(name):
                raise self._error("min-age", f"{_string(name)} is not the name of a package")
        return MinimumAge(
            age=self._age(text) if text != "" else timedelta(),
            text=text,
            packages={canonicalize_name(name): age for name, age in packages.items()},
            indexes={index.rstrip("/"): age for index, age in indexes.items()},
        )

    def _ages(self, table: Mapping[str, Any], key: str) -> dict[str, timedelta]:
        ages = table.get(key, {})
        if not isinstance(ages, dict):
            raise self._error("min-age", f"{key} must be a table")
        return {name: self._age(age) for name, age in ages.items()}

    def _age(self, text: object) -> timedelta:
        try:
            age = parse_duration(text.strip()) if isinstance(text, str) else None
        except OverflowError:
            age = None
        if age is None:
            raise self._error("min-age", 'an age is a text such as "7d" or "12h"')
        return age

    def _error(self, table: str, reason: str, number: int = 0) -> PolicyUnreadable:
        """Return the error about a table: the line of its header, or of its key."""
        name = re.escape(table)
        key = re.compile(rf"\s*(?:\[+\s*[\"']?{name}[\"']?\s*[\].]|[\"']?{name}[\"']?\s*[=.])")
        found = [n for n, line in enumerate(self._text.splitlines(), 1) if key.match(line)]
        line = found[min(number, len(found) - 1)] if found else 1
        return PolicyUnreadable(self._file, line, reason)


def _moment(day: date | None) -> datetime | None:
    """Return a day or time as a time in UTC; one without a zone is in UTC."""
    if day is None:
        return None
    moment = day if isinstance(day, datetime) else datetime.combine(day, time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def known_holds(policy: Policy, name: NormalizedName) -> tuple[Hold, ...]:
    """Return the holds of a project, ended ones too."""
    return tuple(hold for hold in policy.holds if hold.id == name)
