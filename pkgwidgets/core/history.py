"""Rules over past transactions: which can be undone, and what came after them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from .errors import Cancelled
from .transactions import UNCHANGED_OUTCOMES, Outcome, Transaction

MAX_SAVE_POINTS = 5
"""Transactions that can be undone from their save points."""
MAX_SAVE_POINT_BYTES = 2 << 30
"""The limit for all save points together; the newest is kept even if it is larger."""


def find_transaction(history: Iterable[Transaction], transaction_id: str) -> Transaction | None:
    """Return the transaction of this id; None if the history has none."""
    return next((transaction for transaction in history if transaction.id == transaction_id), None)


def undoable(history: Sequence[Transaction]) -> Transaction | None:
    """Return the newest committed transaction that was not undone and is no undo; else None."""
    candidates = [
        transaction for transaction in in_force(history) if not is_undo(transaction, history)
    ]
    return candidates[-1] if candidates else None


def undo_candidates(history: Sequence[Transaction]) -> list[Transaction]:
    """Return the latest transactions that the history lets undo, oldest first.

    Only the newest may itself be an undo. A transaction whose packages a later one changed can be
    undone only after that one. Whether the environment lets it, `operations.undo` tells.
    """
    candidates = [
        transaction for transaction in in_force(history) if not is_undo(transaction, history)
    ]
    newest = [
        transaction for transaction in committed(history)[-1:] if transaction not in candidates
    ]
    return [
        transaction
        for transaction in [*candidates[-MAX_SAVE_POINTS:], *newest]
        if not changed_since(transaction, history)
    ]


def is_undo(transaction: Transaction, history: Iterable[Transaction]) -> bool:
    """Tell whether a transaction goes back: an undo does, the undo of an undo does not."""
    undoes = {entry.id: entry.plan.undoes for entry in history}
    is_backward, undone = False, transaction.plan.undoes
    while undone is not None:
        is_backward, undone = not is_backward, undoes.pop(undone, None)
    return is_backward


def undone_by(transaction_id: str, history: Iterable[Transaction]) -> str | None:
    """Return the id of the undo of a transaction, if it was not undone itself; else None."""
    return next(
        (
            transaction.id
            for transaction in in_force(history)
            if transaction.plan.undoes == transaction_id
        ),
        None,
    )


def in_force(history: Iterable[Transaction]) -> list[Transaction]:
    """Return the committed transactions that were not undone; an undone undo counts as none."""
    undone: set[str | None] = set()
    remaining = []
    for transaction in reversed(committed(history)):
        if transaction.id not in undone:
            remaining.append(transaction)
            undone.add(transaction.plan.undoes)
    return remaining[::-1]


def committed(history: Iterable[Transaction]) -> list[Transaction]:
    """Return the transactions that changed something, in the order given."""
    return [
        transaction
        for transaction in history
        if transaction.outcome is Outcome.COMMITTED and transaction.plan
    ]


def changed_since(transaction: Transaction, history: Iterable[Transaction]) -> bool:
    """Tell whether later transactions may have changed the same packages; undone ones have not.

    A committed transaction without changes has an unreadable plan, and one of another version of
    pkgwidgets an unreadable journal: these may have changed anything.
    """
    history = list(history)
    if any(other.id > transaction.id and _may_have_changed_anything(other) for other in history):
        return True
    later = [
        later_transaction
        for later_transaction in committed(history)
        if later_transaction.id > transaction.id
    ]
    later_ids = {later_transaction.id for later_transaction in later}
    changed = _changed_items(transaction)
    return any(
        changed & _changed_items(later_transaction)
        for later_transaction in in_force(later)
        if later_transaction.plan.undoes not in later_ids
    )


def _changed_items(transaction: Transaction) -> set[str]:
    """Return the packages and the holds that a transaction changed."""
    holds = {f"{hold.name}{hold.versions}" for hold in transaction.holds}
    return {change.id for change in transaction.changes} | holds


def _may_have_changed_anything(transaction: Transaction) -> bool:
    if transaction.outcome is Outcome.OTHER_VERSION:
        return True
    return transaction.outcome is Outcome.COMMITTED and not transaction.plan


def was_cancelled(transaction: Transaction) -> bool:
    """Tell whether a transaction was cancelled and changed nothing in the end, and did not fail."""
    try:
        code = json.loads(transaction.failure or "{}").get("code")
        is_unchanged = transaction.outcome in UNCHANGED_OUTCOMES
        return is_unchanged and bool(code == Cancelled.code)
    except (ValueError, AttributeError):
        return False


def save_points_to_keep(history: Sequence[Transaction]) -> set[str]:
    """Return the ids of the transactions whose save points are kept.

    These are the newest one and the last five that can be undone. Of them, the newest that
    together need at most 2 GiB are kept. Changes of holds need none.
    """
    done = [entry for entry in committed(history) if entry.changes or entry.plan.project]
    undoable = [transaction for transaction in in_force(done) if not is_undo(transaction, done)]
    newest = done[-1:]
    kept, room_bytes = {transaction.id for transaction in newest}, MAX_SAVE_POINT_BYTES
    room_bytes -= sum(transaction.saved_bytes or 0 for transaction in newest)
    for transaction in reversed(undoable[-MAX_SAVE_POINTS:]):
        if transaction.id not in kept:
            room_bytes -= transaction.saved_bytes or 0
            if room_bytes < 0:
                break
            kept.add(transaction.id)
    return kept
