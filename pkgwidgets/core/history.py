"""What the past transactions say: which can be taken back, and what came after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .transactions import Outcome, Transaction

MAX_SAVE_POINTS = 5
"""So many transactions can be undone from their save points."""
MAX_SAVE_POINT_BYTES = 2 << 30
"""Save points take no more room than this; the newest is kept whatever it takes."""


def find_transaction(history: Iterable[Transaction], id: str) -> Transaction | None:
    """Return the transaction of this id; None if the history has none."""
    return next((each for each in history if each.id == id), None)


def undoable(history: Sequence[Transaction]) -> Transaction | None:
    """Return the newest committed transaction that was not taken back and takes none back."""
    left = [transaction for transaction in in_force(history) if not is_undo(transaction, history)]
    return left[-1] if left else None


def is_undo(done: Transaction, history: Iterable[Transaction]) -> bool:
    """Tell whether it leads backwards: an undo does, and the undo of an undo does not."""
    known = {transaction.id: transaction.plan.undoes for transaction in history}
    back, undone = False, done.plan.undoes
    while undone is not None:
        back, undone = not back, known.get(undone)
    return back


def undone_by(transaction_id: str, history: Iterable[Transaction]) -> str | None:
    """Return the transaction that took another one back, if that is still so."""
    return next(
        (
            transaction.id
            for transaction in in_force(history)
            if transaction.plan.undoes == transaction_id
        ),
        None,
    )


def in_force(history: Iterable[Transaction]) -> list[Transaction]:
    """Leave out what was taken back; an undo that was itself undone takes nothing back."""
    undone: set[str | None] = set()
    left = []
    for transaction in reversed(committed(history)):
        if transaction.id not in undone:
            left.append(transaction)
            undone.add(transaction.plan.undoes)
    return left[::-1]


def committed(history: Iterable[Transaction]) -> list[Transaction]:
    """Return the transactions that changed something, in the order given."""
    return [done for done in history if done.outcome is Outcome.COMMITTED and done.changes]


def changed_since(done: Transaction, history: Iterable[Transaction]) -> bool:
    """Tell whether the files may differ from those that `done` left; an undone change has not.

    A committed transaction without changes is one whose plan cannot be read: it may be anything.
    """
    history = list(history)
    if any(o.id > done.id and o.outcome is Outcome.COMMITTED and not o.changes for o in history):
        return True
    later = [other for other in committed(history) if other.id > done.id]
    ids = {other.id for other in later}
    mine = {change.id for change in done.changes}
    return any(
        mine & {change.id for change in other.changes}
        for other in in_force(later)
        if other.plan.undoes not in ids
    )


def save_points_to_keep(history: Sequence[Transaction]) -> set[str]:
    """Return whose save points to keep: the newest, and the last that can be undone.

    These are five at most, and as many of them, from the newest on, as fit into 2 GiB.
    """
    done = committed(history)
    undoable = [transaction for transaction in in_force(done) if not is_undo(transaction, done)]
    newest = done[-1:]
    kept, room = {transaction.id for transaction in newest}, MAX_SAVE_POINT_BYTES
    room -= sum(transaction.saved_bytes or 0 for transaction in newest)
    for transaction in reversed(undoable[-MAX_SAVE_POINTS:]):
        if transaction.id not in kept:
            room -= transaction.saved_bytes or 0
            if room < 0:
                break
            kept.add(transaction.id)
    return kept
