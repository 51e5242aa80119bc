"""Read requirements and specifiers as they are written: valid, nearly valid, or old.

uv corrects common mistakes in metadata (`>=0.9.*`, `'>=3.8'`, a missing comma). What it reads that
way is a limit, so the same corrections are made here, in the same order. Older installers read
more: a version without an operator (PEP 345), and versions that PEP 440 does not allow. Today no
tool takes a version without an operator for an upper limit: it is the lowest allowed version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from .text import escape_hidden

_T = TypeVar("_T")
_MAX_CHARACTERS = 10_000
"""A longer text is not corrected: no real requirement has so many characters."""
_MAX_SHOWN_CHARACTERS = 100
_CORRECTIONS = (
    (re.compile(r"(\d)([<>=~^!])"), r"\1,\2"),  # >=1.0<2
    (re.compile(r"!=~((?:\d\.)*\d)"), r"!=\1.*"),
    (re.compile(r"(<=|>=|<|>)\s*(\d+(?:\.\d+)*)\.\*"), r"\1\2"),  # >=0.9.*
    (re.compile(r"(\d\.\d)+\*"), r"\1.*"),  # !=3.0*
    (re.compile(r",\s*$"), ""),
    (re.compile(r">dev"), ">0.0.0dev"),
    (re.compile(r"(\d+(?:\.\d)*(?:a|b|rc|post|dev)\d+)\.0"), r"\1"),  # >=9.0.0a1.0
)
_QUOTES = str.maketrans("", "", "'\"")
_PARTS = re.compile(
    r"(?P<name>[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?)\s*(?P<extras>\[[^\]]*\])?\s*"
    r"(?P<specifiers>[^;@]*)",
    re.IGNORECASE | re.ASCII,
)
_CLAUSES = re.compile(r"(===|[<>=!~]=|[<>]|)\s*([\w.*+!-]+)", re.ASCII)
_MET_BY_ALL = (">=", ">", "!=")
"""Operators that every valid version meets beside an old version, which sorts before them all."""


class UnknownRequirement(Requirement):
    """A requirement whose versions cannot be read: only the installed version is known to do."""

    source_text: str = ""

    @classmethod
    def of(cls, name: str, source_text: str, version: Version | None = None) -> UnknownRequirement:
        """Return the requirement on a project; `version` is the installed one."""
        requirement = cls(name if version is None else f"{name}=={version}")
        requirement.source_text = escape_hidden(source_text[:_MAX_SHOWN_CHARACTERS])
        return requirement


@lru_cache(maxsize=65536)
def read_requirement(text: str) -> Requirement | None:
    """Return the requirement that uv reads in `text` (PEP 508, or nearly); None if it refuses."""
    return _read_corrected(text, _parse_requirement)


@lru_cache(maxsize=4096)
def read_specifiers(text: str) -> SpecifierSet | None:
    """Return the specifiers that uv reads in `text` (PEP 440, or nearly); None if it refuses."""
    return _read_corrected(text, _parse_specifiers)


@lru_cache(maxsize=4096)
def read_old_requirement(text: str) -> Requirement | None:
    """Return the requirement that older installers read in a text which uv refuses.

    An `UnknownRequirement` if only its project is clear; None if not even that is. An unreadable
    marker counts as one that applies.
    """
    head, _, marker = text[:_MAX_CHARACTERS].partition(";")
    parts = _PARTS.fullmatch(head.translate(_QUOTES).strip())
    if parts is None:
        return None
    name, extras = parts["name"], parts["extras"] or ""
    specifiers = _read_old_specifiers(parts["specifiers"])
    if specifiers is None:
        return _with_marker(UnknownRequirement.of(name, text), marker)
    requirement = _parse_requirement(f"{name}{extras}{specifiers}")
    return _with_marker(requirement or UnknownRequirement.of(name, text), marker)


def _read_corrected(text: str, parse: Callable[[str], _T | None]) -> _T | None:
    result = parse(text)
    if result is not None or len(text) > _MAX_CHARACTERS:
        return result
    for pattern, replacement in _CORRECTIONS:
        text, count = pattern.subn(replacement, text)
        if count and (result := parse(text)) is not None:
            return result
    head, semicolon, marker = text.partition(";")
    return parse(f"{head.translate(_QUOTES)}{semicolon}{marker}")


def _parse_requirement(text: str) -> Requirement | None:
    try:
        requirement = Requirement(text)
        # Raises for a number with too many digits.
        requirement.specifier.contains("0", prereleases=True)
    except (InvalidRequirement, ValueError, RecursionError):
        return None
    return requirement if _has_versions_only(requirement.specifier) else None


def _parse_specifiers(text: str) -> SpecifierSet | None:
    # `packaging` skips an empty clause, which uv refuses.
    if not all(map(str.strip, text.split(","))):
        return None
    try:
        specifiers = SpecifierSet(text)
        specifiers.contains("0", prereleases=True)
    except ValueError:
        return None
    return specifiers if _has_versions_only(specifiers) else None


def _has_versions_only(specifiers: SpecifierSet) -> bool:
    """Return False for `===text`, which `packaging` reads and uv refuses."""
    return all(
        _parse_version(clause.version) is not None
        for clause in specifiers
        if clause.operator == "==="
    )


def _parse_version(text: str) -> Version | None:
    try:
        return Version(text)
    except (InvalidVersion, ValueError):
        return None


def _read_old_specifiers(text: str) -> SpecifierSet | None:
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    for pattern, replacement in _CORRECTIONS:
        text = pattern.sub(replacement, text)
    if _CLAUSES.sub("", text).strip(" \t,"):
        return None
    clauses = [_read_old_clause(*match) for match in _CLAUSES.findall(text)]
    if None in clauses:
        return None
    limits = ",".join(filter(None, clauses))
    return _parse_specifiers(limits) if limits else SpecifierSet()


def _read_old_clause(operator: str, version: str) -> str | None:
    """Return a clause as PEP 440 writes it, "" for one that is no limit; None if unreadable."""
    version = version.rstrip(".")
    if version == "*" and operator in ("", "==", ">="):
        return ""
    parsed = _parse_version(version)
    if parsed is None and operator in _MET_BY_ALL and version[:1].isalnum():
        return ""
    if operator or parsed is None:
        return f"{operator}{version}" if operator else None
    return f">={parsed.public}"


def _with_marker(requirement: Requirement, marker: str) -> Requirement:
    with suppress(InvalidMarker, ValueError, RecursionError):
        requirement.marker = Marker(marker) if marker.strip() else None
    return requirement
