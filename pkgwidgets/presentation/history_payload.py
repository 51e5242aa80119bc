"""What the panel shows of the history: its entries, and the log of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.history import in_force, is_undo, undo_candidates, was_cancelled
from pkgwidgets.core.transactions import Transaction

from .change_text import outcome_word
from .labels import undo_plan_label


def history_entries(
    transactions: Sequence[Transaction], refusals: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Return the entries, newest first, of transactions that are given oldest first.

    `refusals` tell why some cannot be undone.
    """
    reasons = refusals or {}
    undoable_ids = {row.id for row in undo_candidates(transactions)} - reasons.keys()
    # After a redo the first change is in force again.
    undone_ids = {transaction.plan.undoes for transaction in in_force(transactions)}
    return [
        {
            **_entry(transaction),
            **_undo_fields(
                transaction,
                transactions,
                is_undoable=transaction.id in undoable_ids,
                refusal=reasons.get(transaction.id, ""),
            ),
            "undone": transaction.id in undone_ids,
        }
        for transaction in reversed(transactions)
    ]


def log_text(events: Iterable[Event]) -> str:
    """Return the log of one transaction, a line an event."""
    lines = [line for event in events for line in _log_lines(event)]
    return "\n".join(lines) or "The log is empty."


def _entry(transaction: Transaction) -> dict[str, Any]:
    started, finished = transaction.started, transaction.finished
    return {
        "id": transaction.id,
        "started": started.isoformat(),
        "seconds": None if finished is None else (finished - started).total_seconds(),
        "outcome": outcome_word(transaction),
        "changes": list(transaction.change_texts),
        "who": " · ".join(filter(None, [transaction.requester, transaction.process])),
        "error": "" if was_cancelled(transaction) else transaction.error or "",
    }


def _undo_fields(
    transaction: Transaction,
    transactions: Sequence[Transaction],
    *,
    is_undoable: bool,
    refusal: str,
) -> dict[str, str]:
    """Return whether a transaction is an undo or a redo, and the label of its button."""
    is_backward = is_undo(transaction, transactions)
    direction = ("undo" if is_backward else "redo") if transaction.plan.undoes else ""
    undo = undo_plan_label(is_undo=is_backward) if is_undoable else ""
    way = "redone" if is_backward else "undone"
    sentence = f"It can no longer be {way}: {refusal}." if refusal else ""
    return {"direction": direction, "undo": undo, "refusal": sentence}


def _log_lines(event: Event) -> list[str]:
    headline = (
        f"{describe(event)}" if event.id is None or event.text else f"{describe(event)} {event.id}"
    )
    return [headline, *(f"    {line}" for line in event.log.splitlines())]
