"""Finish or undo what a crash left."""

from __future__ import annotations

from pkgwidgets.core.errors import RollbackFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.model import Outcome


def recover(backend: Backend) -> tuple[str, ...]:
    """Bring every unfinished transaction to its end and return their ids.

    To be called with the environment locked: what is unfinished then has nobody who works on it.
    Raises `RollbackFailed` if old files could not be put back; what was saved is kept.
    """
    unfinished = [
        done.id
        for done in backend.journal.transactions()
        if done.outcome in (Outcome.STARTED, Outcome.BROKEN)
    ]
    for id in unfinished:
        end(backend, id, "it was cut off")
    return tuple(unfinished)


def end(backend: Backend, transaction: str, reason: str) -> None:
    """Roll a transaction back if it may have changed anything, and record how it ended."""
    journal = backend.journal
    if "INTENT" not in journal.steps(transaction):
        journal.record(transaction, "ABORTED", error=reason)
        backend.save_point(transaction).discard()
        return
    journal.record(transaction, "RB_BEGIN")
    save_point = backend.save_point(transaction)
    differences = save_point.restore()
    if differences:
        journal.record(transaction, "RB_INCOMPLETE", error="; ".join(differences))
        raise RollbackFailed(transaction, differences, str(journal.folder(transaction)))
    journal.record(transaction, "ROLLED_BACK", error=reason)
    save_point.discard()
