"""Finish or roll back an interrupted transaction.

Standard library only: a copy of this file ends a transaction when no other part of pkgwidgets runs.
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
_MAX_SHOWN_PATHS = 20
"""An error message names so many paths; its JSON has all."""
_STEPS_AFTER_INTENT = {"INTENT", "INSTALLED", "SYNCED", "VERIFIED", "RB_BEGIN", "RB_INCOMPLETE"}
"""A journal with any of these had INTENT, even if that line is damaged."""


def recover(backend: Recoverable) -> tuple[str, ...]:
    """Finish or roll back an interrupted transaction; return its id, or () if there was none.

    Call this with the environment locked: then no process works on the transaction. Raises
    `RollbackFailed` if old files could not be restored; the save point is kept, and every change is
    refused until recovery succeeds. Raises `DiskFailed` if the outcome could not be recorded.
    """
    journal = backend.journal
    transaction_id = journal.unfinished()
    if transaction_id is None:
        return ()
    if journal.delegated(transaction_id):
        return (transaction_id,)
    steps = _read_steps(backend, transaction_id)
    had_ended = _has_ended(steps) or not journal.has_records(transaction_id)
    if not had_ended:
        had_failed = "RB_INCOMPLETE" in steps
        reason = "its rollback was completed later" if had_failed else "it was interrupted"
        end(backend, transaction_id, reason)
    finish(backend, transaction_id)
    return () if had_ended else (transaction_id,)


def recover_if_needed(backend: Recoverable) -> tuple[str, ...]:
    """Recover if a transaction is open; return the ids of recovered transactions.

    Raises `EnvironmentBusy` while another process has the lock, perhaps an installer that outlived
    its worker. Also raises what `recover` raises.
    """
    if backend.journal.unfinished() is None:
        return ()
    with backend.environment.locked("the recovery of an interrupted change"):
        return recover(backend)


def end(backend: Recoverable, transaction: str, reason: str, failure: str | None = None) -> None:
    """Roll a transaction back if it may have changed anything, and record the outcome.

    After COMMIT it stays. After INTENT, or with an intact save point, the saved files are restored.
    So the save point decides if the journal is damaged; if INTENT was not reached, restoring is
    safe because nothing differs. Otherwise the environment was not changed. `failure` is the error
    that other processes raise, as JSON. Raises `RollbackFailed` with each path that was not
    restored.
    """
    journal, save_point = backend.journal, backend.save_point(transaction)
    steps = _read_steps(backend, transaction)
    if _has_ended(steps):
        return
    if not _STEPS_AFTER_INTENT & {*steps} and not save_point.is_intact():
        journal.record(transaction, "ABORTED", error=reason, failure=failure)
        return
    with suppress(DiskFailed):  # a disk error here must not prevent the rollback
        journal.record(transaction, "RB_BEGIN")
    differences = save_point.restore()
    if differences:
        folder = str(journal.folder(transaction))
        failed = RollbackFailed(transaction, differences, folder)
        failure_json = json.dumps(error_to_json(failed))
        message = str(RollbackFailed(transaction, _shorten(differences), folder))
        with suppress(DiskFailed):
            journal.record(transaction, "RB_INCOMPLETE", error=message, failure=failure_json)
        raise failed
    journal.record(transaction, "ROLLED_BACK", error=reason, failure=failure)


def finish(backend: Recoverable, transaction: str) -> None:
    """Remove what an ended transaction does not need; do nothing if it has not ended."""
    with suppress(OSError, DiskFailed):  # the marker stays, and the next recovery removes the rest
        steps = backend.journal.steps(transaction)
        if not _has_ended(steps) and backend.journal.has_records(transaction):
            return
        if steps[-1:] and steps[-1] in _ROLLED_BACK_STEPS:
            backend.save_point(transaction).discard()
        backend.journal.clean_up(transaction)


def _read_steps(backend: Recoverable, transaction: str) -> tuple[str, ...]:
    """Read the steps; raise `RollbackFailed` without them, because nothing may be restored then."""
    try:
        return backend.journal.steps(transaction)
    except DiskFailed as error:
        folder = str(backend.journal.folder(transaction))
        raise RollbackFailed(transaction, (f"{error.path}: {error.reason}",), folder) from error


def _shorten(differences: tuple[str, ...]) -> tuple[str, ...]:
    hidden = len(differences) - _MAX_SHOWN_PATHS
    return (*differences[:_MAX_SHOWN_PATHS], f"and {hidden} more") if hidden > 0 else differences


def _has_ended(steps: tuple[str, ...]) -> bool:
    return "COMMIT" in steps or (steps[-1:] != () and steps[-1] in _ROLLED_BACK_STEPS)
