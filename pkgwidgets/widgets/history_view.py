"""Show past transactions, their outcomes and their logs; offer to undo them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.history import (
    MAX_SAVE_POINTS,
    changed_since,
    committed,
    in_force,
    is_undo,
    was_cancelled,
)
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.presentation.change_text import outcome_word

from .assets import STATIC, bundle
from .labels import undo_label
from .package_table import Message


class HistoryView(anywidget.AnyWidget):
    """Shows transactions, newest first; sends `undo`, `log` or `close`."""

    _esm = bundle("history_view")
    _css = STATIC / "views.css"

    entries = traitlets.List(traitlets.Dict(), default_value=None, allow_none=True).tag(sync=True)
    logs = traitlets.Dict().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    @property
    def is_open(self) -> bool:
        """Whether the view is open."""
        return self.entries is not None

    def show(self, transactions: Sequence[Transaction]) -> None:
        """Show transactions, given oldest first."""
        undoable_ids = {transaction.id for transaction in undoable(transactions)}
        # After a redo the first change is in force again.
        undone_ids = {transaction.plan.undoes for transaction in in_force(transactions)}
        self.entries = [
            {
                **_entry(transaction),
                **_undo_fields(
                    transaction, transactions, is_undoable=transaction.id in undoable_ids
                ),
                "undone": transaction.id in undone_ids,
            }
            for transaction in reversed(transactions)
        ]

    def show_log(self, transaction: str, events: Iterable[Event]) -> None:
        """Show the log of one transaction."""
        lines = [line for event in events for line in _log_lines(event)]
        self.logs = {**self.logs, transaction: "\n".join(lines) or "The log is empty."}

    def close_view(self) -> None:
        """Close the view."""
        with self.hold_sync():
            self.set_trait("entries", None)
            self.logs = {}


def undoable(transactions: Sequence[Transaction]) -> list[Transaction]:
    """Return the latest transactions that can be undone, oldest first.

    Only the newest may itself be an undo. A transaction whose packages a later one changed can be
    undone only after that one.
    """
    candidates = [
        transaction
        for transaction in in_force(transactions)
        if not is_undo(transaction, transactions)
    ]
    newest = [
        transaction for transaction in committed(transactions)[-1:] if transaction not in candidates
    ]
    return [
        transaction
        for transaction in [*candidates[-MAX_SAVE_POINTS:], *newest]
        if not changed_since(transaction, transactions)
    ]


def _entry(transaction: Transaction) -> dict[str, Any]:
    started, finished = transaction.started, transaction.finished
    return {
        "id": transaction.id,
        "started": started.isoformat(),
        "seconds": None if finished is None else (finished - started).total_seconds(),
        "outcome": outcome_word(transaction),
        "changes": [str(change) for change in transaction.changes],
        "who": " · ".join(filter(None, [transaction.requester, transaction.process])),
        "error": "" if was_cancelled(transaction) else transaction.error or "",
    }


def _undo_fields(
    transaction: Transaction, transactions: Sequence[Transaction], *, is_undoable: bool
) -> dict[str, str]:
    """Return whether a transaction is an undo or a redo, and the label of its button."""
    is_backward = is_undo(transaction, transactions)
    direction = ("undo" if is_backward else "redo") if transaction.plan.undoes else ""
    undo = undo_label(is_undo=is_backward) if is_undoable else ""
    return {"direction": direction, "undo": undo}


def _log_lines(event: Event) -> list[str]:
    headline = (
        f"{describe(event)}" if event.id is None or event.text else f"{describe(event)} {event.id}"
    )
    return [headline, *(f"    {line}" for line in event.log.splitlines())]
