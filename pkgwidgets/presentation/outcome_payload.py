"""How a change ended, in the form of the progress view: one line, with details to unfold."""

from __future__ import annotations

from typing import Any

from pkgwidgets.core.text import capitalize_first, count_noun
from pkgwidgets.core.transactions import Transaction

from .change_text import outcome_text
from .labels import undo_label
from .plan_payload import restart_clauses, restart_heading

_MAX_NAMED_CHANGES = 3
"""Changes that the line names; of more it gives the number only."""


def outcome_payload(transaction: Transaction, *, is_undo: bool = False) -> dict[str, Any]:
    """Return the outcome of a committed transaction.

    `text` is one line, and `word` says whether the kernel must restart. `details` are the lines to
    unfold: each change, and each reason for a restart.
    """
    changes, restart = transaction.changes, transaction.plan.restart
    clauses = restart_clauses(restart)
    named = len(changes) <= _MAX_NAMED_CHANGES
    return {
        "kind": "ok",
        "text": _line(transaction, is_undo=is_undo),
        "word": restart_heading(restart),
        "loaded": count_noun(len(clauses), "loaded package") if clauses else "",
        "details": [
            *([] if named else transaction.change_texts),
            *(f"{clause}." for clause in clauses),
        ],
        "undo": undo_label(is_undo=is_undo) if transaction.plan else "",
        "undo_id": transaction.id,
    }


def unchanged_payload(kind: str, text: str) -> dict[str, Any]:
    """Return the outcome of a change that failed ("bad") or was cancelled ("off")."""
    empty = {"word": "", "loaded": "", "details": [], "undo": "", "undo_id": ""}
    return {"kind": kind, "text": text, **empty}


def _line(transaction: Transaction, *, is_undo: bool) -> str:
    """Return the changes themselves if they are few, else `22 changes done`.

    Of many, the one that was requested is named: `8 changes done, pandas 2.2.2 → 3.1.1 among them`.
    """
    changes = transaction.changes
    if not transaction.plan:
        return f"{outcome_text(transaction)} There was nothing to change."
    is_redo = not is_undo and bool(transaction.plan.undoes)
    verb = "undone" if is_undo else "redone" if is_redo else "done"
    if len(changes) > _MAX_NAMED_CHANGES:
        requested = [str(change) for change in changes if change.requested]
        named = f", {requested[0]} among them" if len(requested) == 1 else ""
        return f"{count_noun(len(changes), 'change')} {verb}{named}"
    return f"{capitalize_first(verb)}: {', '.join(transaction.change_texts)}"
