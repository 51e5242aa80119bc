"""The rows of a check as JSON text, a list per column, checked when it is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.version import Version

from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep

_NO_TYPE = type(None)
_TEXT = frozenset({str})
_OPTIONAL_TEXT = frozenset({str, _NO_TYPE})
_FLAG = frozenset({bool})
_PAIRS = frozenset({list})
_WEB_SCHEMES = ("http://", "https://")
_JSON_TYPES = {
    "name": _TEXT,
    "version": _TEXT,
    "latest_version": _OPTIONAL_TEXT,
    "compatible_version": _OPTIONAL_TEXT,
    "change": _OPTIONAL_TEXT,
    "blocked_by": _TEXT,
    "released": _OPTIONAL_TEXT,
    "status": _TEXT,
    "requested": _FLAG,
    "installed": _OPTIONAL_TEXT,
    "last_upgraded": _OPTIONAL_TEXT,
    "install_path": _OPTIONAL_TEXT,
    "origin": _TEXT,
    "summary": _TEXT,
    "links": _PAIRS,
    "project_status": _OPTIONAL_TEXT,
    "yanked": _OPTIONAL_TEXT,
    "attestations": _OPTIONAL_TEXT,
    "license": _TEXT,
    "error": _OPTIONAL_TEXT,
    "failed_change": _TEXT,
    "has_incomplete_rollback": _FLAG,
}
"""The types in each column; `loaded_version` is of a process, and not kept."""
_VERSIONS = ("version", "latest_version", "compatible_version")
_TIMES = ("released", "installed", "last_upgraded")
_OF_A_PROCESS = "loaded_version"
_KEPT_FIELDS = tuple(f.name for f in fields(PackageInfo) if f.name != _OF_A_PROCESS)


def rows_to_text(rows: Sequence[PackageInfo]) -> str:
    """Return the rows as JSON text; raise ValueError if their fields are not all known here."""
    if set(_KEPT_FIELDS) != set(_JSON_TYPES):
        raise ValueError("rows have other fields")
    columns = {name: [_plain(getattr(row, name)) for row in rows] for name in _KEPT_FIELDS}
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":"))


def rows_from_text(text: str) -> tuple[PackageInfo, ...]:
    """Return the rows; raise ValueError or TypeError for a text that no check wrote."""
    columns = json.loads(text)
    if not isinstance(columns, dict) or set(columns) != set(_JSON_TYPES):
        raise ValueError("it has other columns")
    for name, types in _JSON_TYPES.items():
        values = columns[name]
        if type(values) is not list or not types.issuperset(map(type, values)):
            raise ValueError(f"its column {name} has other types")
    if len(set(map(len, columns.values()))) != 1:
        raise ValueError("its columns have different lengths")
    _check_versions(columns)
    _convert(columns, "change", VersionStep)
    _convert(columns, "status", PackageStatus)
    _convert(columns, "origin", Origin)
    _convert(columns, "install_path", Path)
    for name in _TIMES:
        _convert(columns, name, _parse_time)
    columns["links"] = list(map(_parse_links, columns["links"]))
    names = tuple(columns)
    return tuple(
        PackageInfo(**dict(zip(names, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def _check_versions(columns: dict[str, list[Any]]) -> None:
    for text in {text for name in _VERSIONS for text in columns[name]}:
        if text:  # the version of an unreadable distribution is ""
            Version(text)


def _convert(columns: dict[str, list[Any]], name: str, make: Callable[[str], Any]) -> None:
    """Convert the texts of a column; there are few different ones."""
    made = {text: make(text) for text in set(columns[name]) if text is not None}
    columns[name] = [made.get(text) for text in columns[name]]


def _parse_time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("it has a time without a zone")
    return time


def _parse_links(links: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    pairs = tuple((label, address) for label, address in links)
    if not all(type(text) is str for pair in pairs for text in pair):
        raise ValueError("it has links that are no texts")
    if not all(address.lower().startswith(_WEB_SCHEMES) for _, address in pairs):
        raise ValueError("it has links that are no web pages")
    return pairs
