"""An audit as a table of text, as JSON and as SARIF."""

from __future__ import annotations

from typing import Any

from pkgwidgets.core.audit import Audit, AuditRow
from pkgwidgets.core.text import count_noun

from .text_table import TextTable

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "": "warning"}


def table(audit: Audit) -> TextTable:
    """Return the rows of an audit as a table, the worst first."""
    head = ("name", "version", "advisory", "severity", "fixed in", "safe", "blocked by", "note")
    return TextTable.of(head, map(_table_row, audit.rows))


def _table_row(row: AuditRow) -> tuple[str, ...]:
    return (
        row.name,
        _text(row.version),
        row.advisory or "unknown",
        row.severity,
        _text(row.fixed_in),
        (_text(row.safe_version) or "none") if row.is_finding else "",
        row.blocked_by,
        row.error,
    )


def summary(audit: Audit) -> str:
    """Return what an audit found in one line, with the sources and the age of their data."""
    packages = count_noun(len({row.id for row in audit.findings}), "package")
    number = len(audit.findings)
    noun = "known vulnerability" if number == 1 else "known vulnerabilities"
    found = f"{number} {noun} in {packages}" if number else "no known vulnerability"
    checked = count_noun(audit.checked, "package")
    unknown = len({row.id for row in audit.unknown})
    missing = f", {count_noun(unknown, 'package')} unknown" if unknown else ""
    return f"{checked} checked: {found}{missing}"


def payload(row: AuditRow) -> dict[str, Any]:
    """Return a row as JSON; unknown values are None."""
    return {
        "id": row.id,
        "name": row.name,
        "version": _text(row.version) or None,
        "advisory": row.advisory,
        "aliases": list(row.aliases),
        "severity": row.severity or None,
        "summary": row.summary,
        "links": list(row.links),
        "effect": row.effect.value,
        "fixed_in": _text(row.fixed_in) or None,
        "safe_version": _text(row.safe_version) or None,
        "blocked_by": row.blocked_by,
        "source": row.source,
        "as_of": None if row.as_of is None else row.as_of.isoformat(),
        "error": row.error or None,
    }


def sarif(audit: Audit, version: str) -> dict[str, Any]:
    """Return the findings as a SARIF 2.1.0 log; `version` is that of pkgwidgets.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/. An unknown row is a notification of the
    tool, so that a reader does not take it for a clean result.
    """
    rules = {row.advisory: row for row in audit.findings}
    driver = {
        "name": "pkgwidgets",
        "version": version,
        "rules": [_rule(row) for row in rules.values()],
    }
    unknown = [
        {"level": "warning", "message": {"text": f"{row.name} {_text(row.version)}: {row.error}"}}
        for row in audit.unknown
    ]
    run = {
        "tool": {"driver": driver},
        "results": [_result(row) for row in audit.findings],
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": unknown}],
    }
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _rule(row: AuditRow) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": row.advisory,
        "shortDescription": {"text": row.summary or f"Advisory {row.advisory}"},
    }
    return {**rule, "helpUri": row.links[0]} if row.links else rule


def _result(row: AuditRow) -> dict[str, Any]:
    step = f"{row.safe_version} is safe" if row.safe_version else "no safe version can be installed"
    return {
        "ruleId": row.advisory,
        "level": _LEVELS[row.severity],
        "message": {"text": f"{row.name} {row.version} is affected by {row.advisory}; {step}."},
        "locations": [{"logicalLocations": [{"name": row.name, "kind": "package"}]}],
    }


def _text(value: object) -> str:
    return "" if value is None else str(value)
