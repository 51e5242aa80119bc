"""Read one past or running transaction: its journal and its plan."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import canonicalize_name

from pkgwidgets.backends.store.journal_file import JournalFiles, Line, step_of
from pkgwidgets.core.errors import DiskFailed
from pkgwidgets.core.plan_json import plan_from_text
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

from .timestamps import parse_timestamp

_OUTCOMES = {
    "COMMIT": Outcome.COMMITTED,
    "ROLLED_BACK": Outcome.ROLLED_BACK,
    "ABORTED": Outcome.ABORTED,
    "INCOMPLETE": Outcome.INCOMPLETE,
}
"""The steps that end a transaction."""
_DAMAGED = "its journal is damaged"
_OTHER_VERSION = "made by another version of pkgwidgets, which alone can undo it"
_NO_PLAN = "its plan cannot be read"


def read_transaction(
    journal: JournalFiles, transaction_id: str, *, is_past: bool
) -> Transaction | None:
    """Read a transaction; None if its folder has no records. One that is not open is past."""
    try:
        lines = journal.lines(transaction_id)
    except DiskFailed:
        lines = []
    folder = journal.folder(transaction_id)
    # Only the open one may lack an end: in any other, the end was lost by damage.
    if lines and journal.is_other_format(transaction_id):
        outcome = Outcome.OTHER_VERSION if is_past else Outcome.STARTED
        return _unread(folder, outcome, _OTHER_VERSION)
    if lines:
        return _parse_transaction(folder, lines, must_have_ended=is_past)
    if is_past and journal.has_records(transaction_id):
        return _unread(folder, Outcome.INCOMPLETE, _DAMAGED)
    return None


def _parse_transaction(folder: Path, lines: list[Line], *, must_have_ended: bool) -> Transaction:
    facts = {name: value for line in lines for name, value in line.items()}
    end = next((line for line in reversed(lines) if step_of(line) in _OUTCOMES), None)
    if end is None and must_have_ended:
        end = {"t": "INCOMPLETE", "error": _DAMAGED}
    started, plan = _line_time(lines[0]), _read_plan(folder)
    staged = any(line["t"] == "STAGED" for line in lines)
    errors = [end.get("error") if end is not None else None, None if plan else _NO_PLAN]
    return Transaction(
        id=folder.name,
        plan=plan if plan is not None else _unreadable_plan(started),
        started=started,
        finished=_line_time(end) if end is not None and "at" in end else None,
        outcome=_OUTCOMES[step_of(end)] if end is not None else Outcome.STARTED,
        error="; ".join(filter(None, errors)) or None,
        failure=end.get("failure") if end is not None else None,
        user=facts.get("user"),
        requested_by=facts.get("requested_by", facts.get("user")),
        process=facts.get("process"),
        saved_bytes=facts.get("bytes"),
        downloaded_bytes=plan.download_size if staged and plan else None,
        dismissed=tuple(
            canonicalize_name(line["dismissed"])
            for line in lines
            if step_of(line) == "DISMISSED" and isinstance(line.get("dismissed"), str)
        ),
    )


def _unread(folder: Path, outcome: Outcome, error: str) -> Transaction:
    """Return a transaction whose journal has no readable line."""
    timestamp = parse_timestamp(folder.name)
    started = timestamp if timestamp is not None else datetime.fromtimestamp(0, UTC)
    plan = _read_plan(folder) or _unreadable_plan(started)
    return Transaction(id=folder.name, plan=plan, started=started, outcome=outcome, error=error)


def _read_plan(folder: Path) -> Plan | None:
    try:
        return plan_from_text((folder / "plan.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _unreadable_plan(started: datetime) -> Plan:
    """Return a plan without changes, in place of an unreadable one."""
    return Plan(
        requested=(), changes=(), environment_fingerprint="", python=Path(), created=started
    )


def _line_time(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])
