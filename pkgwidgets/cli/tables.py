"""Values as rows of text, and those as lines of a terminal; hostile texts are made harmless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.text import escape_hidden, format_size
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation.row_actions import row_action

_GAP = "  "


@dataclass(frozen=True, slots=True)
class Table:
    """A head and rows of as many cells; columns that would be empty are left out."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, head: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
        """Return a table whose texts do nothing to a terminal."""
        cells = [tuple(escape_hidden(cell) for cell in row) for row in rows]
        used = [n for n in range(len(head)) if not cells or any(row[n] for row in cells)]
        return cls(
            tuple(head[n] for n in used), tuple(tuple(row[n] for n in used) for row in cells)
        )

    def lines(self) -> Iterator[str]:
        """Yield aligned lines."""
        lines = [tuple(title.upper() for title in self.head), *self.rows]
        widths = [max(len(line[n]) for line in lines) for n in range(len(self.head))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            yield _GAP.join(cells).rstrip()


def packages(rows: Iterable[PackageInfo]) -> Table:
    """Return what is installed."""
    head = ("name", "version", "asked for", "installed", "note")
    return Table.of(
        head,
        (
            (i.name, i.version, "yes" if i.requested else "", _day(i.installed), _note(i))
            for i in rows
        ),
    )


def updates(rows: Iterable[PackageInfo]) -> Table:
    """Return what is newer, as far as it is known."""
    head = ("name", "version", "latest", "within reach", "change", "blocked by", "note")
    return Table.of(
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


def plan(shown: Plan) -> Table:
    """Return what a plan changes, the requested first."""
    head = ("name", "change", "from", "to", "size", "why")
    return Table.of(head, map(_change, sorted(shown.changes, key=lambda c: not c.requested)))


def history(transactions: Sequence[Transaction]) -> Table:
    """Return transactions, newest first."""
    head = ("transaction", "begun (UTC)", "outcome", "changes", "by", "error")
    return Table.of(
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
