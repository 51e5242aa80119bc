"""What the panel's rows show of advisories and holds, by package.

Texts of advisories come from outside: they are escaped and shortened here, and shown as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from packaging.utils import canonicalize_name

from pkgwidgets.core.audit import Audit, AuditRow
from pkgwidgets.core.policy import ListedHold
from pkgwidgets.core.text import count_noun, escape_hidden

_MAX_CHARACTERS = 200
_MAX_ADVISORIES = 20
"""Advisories of one package in its row; the others are counted."""

Payload = dict[str, Any]


def advisory_marks(audit: Audit) -> dict[str, Payload]:
    """Return for each package with an advisory: the advisories, and the safe version or "".

    `count` is the number of those that affect the installed version; it is 0 if that is unknown
    for all. `blocked_by` is what forbids the smallest release that no advisory affects.
    """
    by_package: dict[str, list[AuditRow]] = {}
    for row in audit.rows:
        if row.advisory is not None:
            by_package.setdefault(row.id, []).append(row)
    return {name: _mark(rows) for name, rows in by_package.items()}


def _mark(rows: Sequence[AuditRow]) -> Payload:
    safe = rows[0].safe_version
    return {
        "count": sum(row.is_finding for row in rows),
        "list": [_entry(row) for row in rows[:_MAX_ADVISORIES]],
        "more": max(0, len(rows) - _MAX_ADVISORIES),
        "safe": "" if safe is None else str(safe),
        "blocked_by": _shorten(rows[0].blocked_by),
    }


def _entry(row: AuditRow) -> Payload:
    return {
        "id": row.advisory,
        "severity": row.severity,
        "summary": _shorten(row.summary),
        "link": row.links[0] if row.links else "",
        "error": _shorten(row.error),
    }


def advisory_notice(audit: Audit) -> str:
    """Return of how many packages nothing is known, with the most common reason; or ""."""
    unknown = [row for row in audit.unknown if row.advisory is None]
    if not unknown:
        return ""
    reason, _ = Counter(row.error for row in unknown).most_common(1)[0]
    packages = count_noun(len({row.id for row in unknown}), "package")
    return f"The advisories of {packages} are unknown: {_shorten(reason).removesuffix('.')}."


def hold_marks(holds: Iterable[ListedHold]) -> Mapping[str, list[Payload]]:
    """Return for each package what limits its versions: holds, and settings of uv and pip.

    `held` tells whether it is a hold, which can be released. Holds that have ended are left out.
    """
    by_package: dict[str, list[Payload]] = {}
    for hold in holds:
        if hold.name and hold.is_active:
            name = canonicalize_name(hold.name)
            by_package.setdefault(name, []).append(
                {
                    "versions": escape_hidden(hold.versions),
                    "text": _shorten(hold.facts),
                    "held": hold.is_hold,
                }
            )
    return by_package


def _shorten(text: str) -> str:
    text = escape_hidden(" ".join(text.split()))
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 1]}…"
