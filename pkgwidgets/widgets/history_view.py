"""What was done before, how it ended, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.history import MAX_SAVE_POINTS, changed_since, committed, in_force, is_undo
from pkgwidgets.core.transactions import Outcome, Transaction

from .assets import STATIC, bundle
from .package_table import Message


class HistoryView(anywidget.AnyWidget):
    """Shows transactions, newest first; sends undo, log or close."""

    _esm = bundle("history_view")
    _css = STATIC / "views.css"

    entries = traitlets.List(traitlets.Dict(), default_value=None, allow_none=True).tag(sync=True)
    logs = traitlets.Dict().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    @property
    def is_open(self) -> bool:
        """Whether it is shown."""
        return self.entries is not None

    def show(self, transactions: Sequence[Transaction]) -> None:
        """Show the transactions."""
        back = {done.id for done in undoable(transactions)}
        undone = {
            transaction.plan.undoes: transaction.id
            for transaction in transactions
            if transaction.plan.undoes and transaction.outcome is Outcome.COMMITTED
        }
        self.entries = [
            {**_entry(done), "undo": done.id in back, "undone": done.id in undone}
            for done in reversed(transactions)
        ]

    def show_log(self, transaction: str, events: Iterable[Event]) -> None:
        """Show what one of them told."""
        lines = [line for event in events for line in _lines(event)]
        self.logs = {**self.logs, transaction: "\n".join(lines) or "It told nothing."}

    def close_view(self) -> None:
        """Show nothing."""
        with self.hold_sync():
            self.set_trait("entries", None)
            self.logs = {}


def undoable(transactions: Sequence[Transaction]) -> list[Transaction]:
    """Return the last that can be taken back, oldest first; the newest may itself be an undo.

    What a later one touched again has to wait until that is taken back.
    """
    left = [done for done in in_force(transactions) if not is_undo(done, transactions)]
    newest = [done for done in committed(transactions)[-1:] if done not in left]
    return [
        done
        for done in [*left[-MAX_SAVE_POINTS:], *newest]
        if not changed_since(done, transactions)
    ]


def _entry(done: Transaction) -> dict[str, Any]:
    seconds = None if done.finished is None else (done.finished - done.started).total_seconds()
    return {
        "id": done.id,
        "started": done.started.isoformat(),
        "seconds": seconds,
        "outcome": done.outcome.value,
        "changes": [str(change) for change in done.changes],
        "who": " · ".join(filter(None, [done.user, done.process])),
        "takes_back": bool(done.plan.undoes),
        "error": done.error or "",
    }


def _lines(event: Event) -> list[str]:
    outcome = (
        f"{describe(event)}" if event.id is None or event.text else f"{describe(event)} {event.id}"
    )
    return [outcome, *(f"    {line}" for line in event.log.splitlines())]
