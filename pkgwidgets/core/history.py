"""What the past transactions say: which can be taken back, and what came after them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .model import Outcome, Transaction


def undoable(history: Sequence[Transaction]) -> Transaction | None:
    """Return the newest committed transaction that was not taken back and takes none back."""
    done = committed(history)
    undone = {other.plan.undoes for other in done}
    left = [each for each in done if each.id not in undone and each.plan.undoes is None]
    return left[-1] if left else None


def committed(history: Iterable[Transaction]) -> list[Transaction]:
    """Return the transactions that changed something, in the order given."""
    return [done for done in history if done.outcome is Outcome.COMMITTED and done.changes]


def touched_since(done: Transaction, history: Iterable[Transaction]) -> bool:
    """Tell whether the files may differ from those that `done` left; an undone change has not."""
    later = [other for other in committed(history) if other.id > done.id]
    undone = {other.plan.undoes for other in later}
    ids = {other.id for other in later}
    mine = {change.id for change in done.changes}
    return any(
        mine & {change.id for change in other.changes}
        for other in later
        if other.id not in undone and other.plan.undoes not in ids
    )
