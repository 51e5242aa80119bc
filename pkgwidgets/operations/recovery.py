"""Finish or undo what a crash left.

Standard library only: a copy of this very file ends a transaction when nothing else of us runs.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import DiskFailed, RollbackFailed

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import Recoverable

_ROLLED_BACK_STEPS = ("ROLLED_BACK", "ABORTED")
_MAX_SHOWN = 20
"""So many paths are told to people; whoever asks for the facts gets all."""
_STEPS_AFTER_INTENT = {"INTENT", "INSTALLED", "SYNCED", "VERIFIED", "RB_BEGIN", "RB_INCOMPLETE"}
"""Where any of these is, INTENT was, whatever became of that line."""


def recover(backend: Recoverable) -> tuple[str, ...]:
    """Bring an unfinished transaction to its end and return its id.

    To be called with the environment locked: what is unfinished then has nobody who works on it.
    Raises `RollbackFailed` if old files could not be put back; what was saved is kept, and every
    change is refused until this succeeds. `DiskFailed` if that could not be written down.
    """
    journal = backend.journal
    id = journal.unfinished()
    if id is None:
        return ()
    if journal.delegated(id):
        return (id,)
    steps = _steps(backend, id)
    ended = _ended(steps) or not journal.has_records(id)
    if not ended:
        tried = "RB_INCOMPLETE" in steps
        end(backend, id, "its rollback was completed later" if tried else "it was cut off")
    finish(backend, id)
    return () if ended else (id,)


def recover_if_needed(backend: Recoverable) -> tuple[str, ...]:
    """Recover if there is something to recover; return what was.

    Raises `EnvironmentBusy` while somebody is at work: perhaps an installer that outlived us.
    """
    if backend.journal.unfinished() is None:
        return ()
    with backend.environment.locked("recovery"):
        return recover(backend)


def end(backend: Recoverable, transaction: str, reason: str, failure: str | None = None) -> None:
    """Roll a transaction back if it may have changed anything, and record how it ended.

    COMMIT: it stays. INTENT, or a whole save point: what was saved is put back. Where the journal
    is damaged the save point decides, and where INTENT was not reached nothing differs from it:
    putting back what did not change is safe. Else nothing was touched. `failure` is what another
    process is to raise, as JSON. Raises `RollbackFailed` with each path that is not what it was.
    """
    journal, save_point = backend.journal, backend.save_point(transaction)
    steps = _steps(backend, transaction)
    if _ended(steps):
        return
    if not _STEPS_AFTER_INTENT & {*steps} and not save_point.is_intact():
        journal.record(transaction, "ABORTED", error=reason, failure=failure)
        return
    with suppress(DiskFailed):  # nothing may keep the old files from coming back
        journal.record(transaction, "RB_BEGIN")
    differences = save_point.restore()
    if differences:
        kept = str(journal.folder(transaction))
        failed = RollbackFailed(transaction, differences, kept)
        facts = json.dumps(error_to_json(failed))
        said = str(RollbackFailed(transaction, _shortened(differences), kept))
        with suppress(DiskFailed):
            journal.record(transaction, "RB_INCOMPLETE", error=said, failure=facts)
        raise failed
    journal.record(transaction, "ROLLED_BACK", error=reason, failure=failure)


def finish(backend: Recoverable, transaction: str) -> None:
    """Clear away what a transaction that has ended does not need; of one that has not, nothing."""
    with suppress(OSError, DiskFailed):  # what stays is marked, and cleared away by the next
        steps = backend.journal.steps(transaction)
        if not _ended(steps) and backend.journal.has_records(transaction):
            return
        if steps[-1:] and steps[-1] in _ROLLED_BACK_STEPS:
            backend.save_point(transaction).discard()
        backend.journal.close(transaction)


def _steps(backend: Recoverable, transaction: str) -> tuple[str, ...]:
    """Read what was done; where that cannot be read nothing may be put back, nor be called old."""
    try:
        return backend.journal.steps(transaction)
    except DiskFailed as error:
        kept = str(backend.journal.folder(transaction))
        raise RollbackFailed(transaction, (f"{error.path}: {error.reason}",), kept) from error


def _shortened(differences: tuple[str, ...]) -> tuple[str, ...]:
    more = len(differences) - _MAX_SHOWN
    return (*differences[:_MAX_SHOWN], f"and {more} more") if more > 0 else differences


def _ended(steps: tuple[str, ...]) -> bool:
    return "COMMIT" in steps or (steps[-1:] != () and steps[-1] in _ROLLED_BACK_STEPS)
