"""How a change ended, in the form of the progress view."""

from __future__ import annotations

from typing import Any

from pkgwidgets.core.transactions import Transaction

from .change_text import outcome_text
from .labels import undo_label
from .plan_payload import changes_summary, restart_heading, restart_reasons

_MAX_NAMED_CHANGES = 6
"""Changes that an outcome names; of more it gives the numbers only."""


def outcome_payload(transaction: Transaction, *, is_undo: bool = False) -> dict[str, Any]:
    """Return the outcome of a committed transaction, with a way to undo it."""
    restart = transaction.plan.restart
    return {
        "kind": "ok",
        "text": _changes_text(transaction, is_undo=is_undo),
        "restart": restart_reasons(restart),
        "word": restart_heading(restart),
        "undo": undo_label(is_undo=is_undo) if transaction.changes else "",
        "undo_id": transaction.id,
    }


def unchanged_payload(kind: str, text: str) -> dict[str, Any]:
    """Return the outcome of a change that failed ("bad") or was cancelled ("off")."""
    return {"kind": kind, "text": text, "restart": "", "word": "", "undo": "", "undo_id": ""}


def _changes_text(transaction: Transaction, *, is_undo: bool) -> str:
    """Return what a change did; of many changes only their numbers, the history has the rest."""
    changes = transaction.changes
    if not changes:
        return f"{outcome_text(transaction)} There was nothing to change."
    redone = "Redone." if transaction.plan.undoes else outcome_text(transaction)
    is_long = len(changes) > _MAX_NAMED_CHANGES
    shown = changes_summary(changes) if is_long else ", ".join(map(str, changes))
    return f"{'Undone.' if is_undo else redone} {shown}."
