"""Finish or roll back an interrupted transaction.

Standard library only: a copy of this file ends a transaction when no other part of pkgwidgets runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import DiskFailed, RollbackFailed

_ROLLED_BACK_STEPS = ("ROLLED_BACK", "ABORTED")
_MAX_SHOWN_PATHS = 20
"""An error message names so many paths; its JSON has all."""
_STEPS_AFTER_INTENT = {"INTENT", "INSTALLED", "SYNCED", "VERIFIED", "RB_BEGIN", "RB_INCOMPLETE"}
"""A journal with any of these had INTENT, even if that line is damaged."""


class Lockable(Protocol):
    """An environment that can be locked."""

    def locked(self, holder: str) -> AbstractContextManager[None]:
        """Lock it; raise `EnvironmentBusy` at once if another process has the lock."""


class OpenTransactions(Protocol):
    """The open transaction of a journal, and how it is closed."""

    def unfinished(self) -> str | None:
        """Return the transaction that is running or was interrupted, if there is one."""

    def has_records(self, transaction: str) -> bool:
        """Return whether it has a journal or a save point."""

    def delegated(self, transaction: str) -> bool:
        """Let another version that wrote it end it; return whether one did."""

    def close(self, transaction: str) -> None:
        """Remove what only an open transaction needs."""


class Journal(OpenTransactions, Protocol):
    """The journal as recovery reads and writes it."""

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the recorded steps, oldest first."""

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one step, durably."""

    def folder(self, transaction: str) -> object:
        """Return the folder of a transaction."""


class SavePoint(Protocol):
    """The old files of one transaction."""

    def restore(self) -> tuple[str, ...]:
        """Restore every path; return the paths that failed, with the reasons."""

    def is_intact(self) -> bool:
        """Return whether every saved file is intact, by hash."""

    def discard(self) -> None:
        """Delete the saved files."""


class RecoveryBackend(Protocol):
    """What recovery needs of a backend; `core.interfaces.Backend` has it."""

    @property
    def environment(self) -> Lockable:
        """The environment, which is locked during a change."""

    @property
    def journal(self) -> Journal:
        """The journal of its transactions."""

    @property
    def save_point(self) -> Callable[[str], SavePoint]:
        """Get the save point of a transaction, by the id."""


def recover(backend: RecoveryBackend) -> tuple[str, ...]:
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
        reason = "its rollback was completed later" if had_failed else "it was cut off"
        end(backend, transaction_id, reason)
    finish(backend, transaction_id)
    return () if had_ended else (transaction_id,)


def recover_if_needed(backend: RecoveryBackend) -> tuple[str, ...]:
    """Recover if a transaction is open; return the ids of recovered transactions.

    Raises `EnvironmentBusy` while another process has the lock, perhaps an installer that outlived
    its worker. Also raises what `recover` raises.
    """
    if backend.journal.unfinished() is None:
        return ()
    with backend.environment.locked("recovery"):
        return recover(backend)


def end(
    backend: RecoveryBackend, transaction: str, reason: str, failure: str | None = None
) -> None:
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


def finish(backend: RecoveryBackend, transaction: str) -> None:
    """Remove what an ended transaction does not need; do nothing if it has not ended."""
    with suppress(OSError, DiskFailed):  # the marker stays, and the next recovery removes the rest
        steps = backend.journal.steps(transaction)
        if not _has_ended(steps) and backend.journal.has_records(transaction):
            return
        if steps[-1:] and steps[-1] in _ROLLED_BACK_STEPS:
            backend.save_point(transaction).discard()
        backend.journal.close(transaction)


def _read_steps(backend: RecoveryBackend, transaction: str) -> tuple[str, ...]:
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
