"""Packages, plans and transactions as tables of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.text import format_size
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation.row_actions import row_action
from pkgwidgets.presentation.text_table import TextTable


def packages(rows: Iterable[PackageInfo]) -> TextTable:
    """Return what is installed."""
    head = ("name", "version", "asked for", "installed", "note")
    return TextTable.of(
        head,
        (
            (i.name, i.version, "yes" if i.requested else "", _day(i.installed), _note(i))
            for i in rows
        ),
    )


def updates(rows: Iterable[PackageInfo]) -> TextTable:
    """Return what is newer, as far as it is known."""
    head = ("name", "version", "latest", "within reach", "change", "blocked by", "note")
    return TextTable.of(
        head,
        (
            (
                i.name,
                i.version,
                i.latest_version or "unknown",
                _reachable(i),
                i.change.value if i.change is not None else "",
                i.blocked_by,
                _note(i),
            )
            for i in rows
        ),
    )


def plan(shown: Plan) -> TextTable:
    """Return what a plan changes, the requested first."""
    head = ("name", "change", "from", "to", "size", "why")
    return TextTable.of(head, map(_change, sorted(shown.changes, key=lambda c: not c.requested)))


def history(transactions: Sequence[Transaction]) -> TextTable:
    """Return transactions, newest first."""
    head = ("transaction", "begun (UTC)", "outcome", "changes", "by", "error")
    return TextTable.of(
        head,
        (
            (
                t.id,
                f"{t.started:%Y-%m-%d %H:%M}",
                t.outcome.value,
                ", ".join(map(str, t.changes)),
                " in a ".join(filter(None, (t.user, t.process))),
                t.error or "",
            )
            for t in reversed(transactions)
        ),
    )


def _change(change: Change) -> tuple[str, ...]:
    return (
        change.name,
        change.kind.value,
        "" if change.before is None else str(change.before),
        "" if change.after is None else str(change.after),
        format_size(change.size),
        "you asked for this" if change.requested else change.reason,
    )


def _reachable(info: PackageInfo) -> str:
    reachable = info.compatible_version or ""
    return "" if reachable == info.version else reachable


def _note(info: PackageInfo) -> str:
    if info.error:
        return info.error
    if info.status is not PackageStatus.INSTALLED:
        return info.status.value
    return row_action(info).note


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d}"
