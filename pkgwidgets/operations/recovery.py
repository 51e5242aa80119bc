"""Finish or undo what a crash left."""

from __future__ import annotations

from contextlib import suppress

from pkgwidgets.core.errors import RollbackFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.model import Outcome


def recover(backend: Backend) -> tuple[str, ...]:
    """Bring an unfinished transaction to its end and return its id.

    To be called with the environment locked: what is unfinished then has nobody who works on it.
    Raises `RollbackFailed` if old files could not be put back; what was saved is kept.
    """
    left = _left(backend)
    for id in left:
        end(backend, id, "it was cut off")
    return left


def recover_left(backend: Backend) -> tuple[str, ...]:
    """Recover if there is something to recover; return what was.

    Raises `EnvironmentBusy` while somebody is at work: perhaps an installer that outlived us.
    """
    if not _left(backend):
        return ()
    with backend.environment.locked("recovery"):
        return recover(backend)


def _left(backend: Backend) -> tuple[str, ...]:
    """Return the unfinished transaction: only the newest can be one."""
    newest = backend.journal.transactions()[-1:]
    return tuple(t.id for t in newest if t.outcome in (Outcome.STARTED, Outcome.BROKEN))


def end(backend: Backend, transaction: str, reason: str) -> None:
    """Roll a transaction back if it may have changed anything, and record how it ended."""
    journal, save_point = backend.journal, backend.save_point(transaction)
    steps = journal.steps(transaction)
    if "COMMIT" in steps:
        return  # what came after that record is housekeeping
    # Where the journal is damaged the save point decides: putting back what did not change is safe.
    if "INTENT" not in steps and not save_point.intact():
        journal.record(transaction, "ABORTED", error=reason)
        save_point.discard()
        return
    with suppress(OSError):  # a full disk must not keep the old files from coming back
        journal.record(transaction, "RB_BEGIN")
    differences = save_point.restore()
    if differences:
        journal.record(transaction, "RB_INCOMPLETE", error="; ".join(differences))
        raise RollbackFailed(transaction, differences, str(journal.folder(transaction)))
    journal.record(transaction, "ROLLED_BACK", error=reason)
    save_point.discard()
