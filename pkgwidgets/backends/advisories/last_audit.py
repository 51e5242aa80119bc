"""Keep the rows of the last audit of an environment, in a file of this user's cache.

A new process that audits while nothing has changed reads neither METADATA nor records, and loads
no HTTP client.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends import kept_file
from pkgwidgets.backends.index.last_check import parse_times
from pkgwidgets.core.advisories import SEVERITIES, Effect
from pkgwidgets.core.audit import Audit, AuditRow
from pkgwidgets.core.last_check import AnswerTimes

_KIND = "audits-1"
"""The number rises with each change of the format."""
_UNUSABLE = (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError)
_LISTS = ("aliases", "links")
_TEXTS = ("id", "name", "severity", "summary", "blocked_by", "source", "error")
_VERSIONS = ("version", "fixed_in", "safe_version")
_NAMES = tuple(field.name for field in fields(AuditRow))


class CheckState(Protocol):
    """What a check, and so an audit, depends on; `FileLastCheck` is one."""

    def state(self) -> str:
        """Return a text that changes with everything installed, the history and the settings."""

    def is_current(self, times: AnswerTimes) -> bool:
        """Tell whether answers of the index with these times are fresh, and are the last ones."""


class FileLastAudit:
    """The last audit of one environment; it never raises for its file.

    `environment` names the file, `check` knows what the safe versions depend on. A damaged file,
    or one of another state, counts as missing.
    """

    def __init__(self, environment: str, check: CheckState, *, folder: Path | None = None) -> None:
        self._environment = environment
        self._check = check
        self._given_folder = folder

    def state(self, sources: str) -> str:
        """Return a hash of the state of the sources, and of what a check depends on."""
        state = self._check.state() if sources else ""
        return kept_file.digest(f"{state}\n{sources}") if state else ""

    def load(self, sources: str) -> Audit | None:
        """Return the last audit, if it holds; the state is computed last, which takes longest."""
        with suppress(*_UNUSABLE):
            head, body = kept_file.read(self._file)
            state, since, until, times = json.loads(head)
            is_fresh = since <= datetime.now(UTC).timestamp() < until
            if is_fresh and sources and state == self.state(sources):
                index_times = parse_times(times)
                if not index_times or self._check.is_current(index_times):
                    checked, rows = json.loads(body)
                    return Audit(rows=tuple(map(_parse, rows)), checked=int(checked))
        return None

    def save(self, state: str, audit: Audit, until: datetime, times: AnswerTimes) -> None:
        """Keep an audit; do nothing if the file cannot be written."""
        if not state:
            return
        index_times = {name: list(both) for name, both in times.items()}
        seconds = datetime.now(UTC).timestamp(), until.timestamp()
        body = json.dumps([audit.checked, [_plain(row) for row in audit.rows]])
        with suppress(OSError, ValueError):
            kept_file.write(self._file, json.dumps([state, *seconds, index_times]), body)

    @property
    def _file(self) -> Path:
        return kept_file.path_of(_KIND, self._environment, self._given_folder)


def _plain(row: AuditRow) -> list[Any]:
    return [_plain_value(getattr(row, name)) for name in _NAMES]


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Version) else value


def _parse(values: list[Any]) -> AuditRow:
    row: dict[str, Any] = dict(zip(_NAMES, values, strict=True))
    texts = [row[name] for name in _TEXTS] + [text for name in _LISTS for text in row[name]]
    texts += [row["advisory"]] if row["advisory"] is not None else []
    if not all(type(text) is str for text in texts) or row["severity"] not in SEVERITIES:
        raise TypeError("a row has other values")
    row |= {name: tuple(row[name]) for name in _LISTS}
    row |= {name: Version(row[name]) for name in _VERSIONS if row[name] is not None}
    row |= {"effect": Effect(row["effect"]), "id": NormalizedName(row["id"])}
    row |= {"as_of": datetime.fromisoformat(row["as_of"])} if row["as_of"] is not None else {}
    return AuditRow(**row)
