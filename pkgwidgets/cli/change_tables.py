"""Plans, transactions, holds, copies and drift as tables of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pkgwidgets.core.copies import EnvironmentCopy
from pkgwidgets.core.drift import DriftRow
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.policy import ListedHold
from pkgwidgets.core.text import format_day, format_size, format_time
from pkgwidgets.core.transactions import Transaction, requester_text
from pkgwidgets.presentation.change_text import change_kind, change_reason, outcome_word
from pkgwidgets.presentation.text_table import TextTable


def plan(proposal: Plan) -> TextTable:
    """Return the table of a plan's changes, the requested first."""
    head = ("name", "change", "from", "to", "size", "why")
    changes = sorted(proposal.changes, key=lambda change: not change.requested)
    is_undo = proposal.undoes is not None
    return TextTable.of(head, (_change_row(change, is_undo=is_undo) for change in changes))


def holds(rows: Iterable[ListedHold]) -> TextTable:
    """Return the table of holds and of other limits on versions."""
    head = ("name", "versions", "reason", "since", "until", "by", "source")
    return TextTable.of(
        head,
        (
            (
                row.name or "(all)",
                row.versions,
                row.reason,
                format_day(row.since),
                f"{row.until or ''}{'' if row.is_active else ' (ended)'}",
                row.by,
                row.source,
            )
            for row in rows
        ),
    )


def copies(rows: Iterable[EnvironmentCopy]) -> TextTable:
    """Return the table of the copies of environments."""
    return TextTable.of(
        ("name", "python", "packages", "kernel", "folder"),
        (
            (row.name, row.python_version, str(row.packages), row.kernel, str(row.folder))
            for row in rows
        ),
    )


def drift(rows: Iterable[DriftRow]) -> TextTable:
    """Return the table of the packages that differ from a lock."""
    return TextTable.of(
        ("name", "locked", "installed", "difference"),
        (
            (row.name, str(row.locked or ""), str(row.installed or ""), row.difference.value)
            for row in rows
        ),
    )


def history(transactions: Sequence[Transaction]) -> TextTable:
    """Return the table of transactions, newest first; they are given oldest first."""
    head = ("transaction", "started", "outcome", "changes", "by", "error")
    return TextTable.of(
        head,
        (
            (
                transaction.id,
                format_time(transaction.started),
                outcome_word(transaction),
                ", ".join(transaction.change_texts),
                requester_text(transaction.requester, transaction.process),
                transaction.error or "",
            )
            for transaction in reversed(transactions)
        ),
    )


def _change_row(change: Change, *, is_undo: bool) -> tuple[str, ...]:
    return (
        change.name,
        change_kind(change),
        "" if change.before is None else str(change.before),
        "" if change.after is None else str(change.after),
        format_size(change.size),
        "undo" if is_undo else change_reason(change),
    )
