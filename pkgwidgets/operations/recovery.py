"""Finish or roll back an interrupted transaction.

Standard library only: a copy of this file ends a transaction when no other part of pkgwidgets runs.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import DISK_INTERRUPTED, DiskFailed, RollbackFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pkgwidgets.core.differences import Difference
    from pkgwidgets.core.interfaces import Recoverable

_ROLLED_BACK_STEPS = ("ROLLED_BACK", "ABORTED")
_MAX_SHOWN_PATHS = 20
"""An error message names so many paths; its JSON has all."""
_STEPS_AFTER_INTENT = {"INTENT", "INSTALLED", "SYNCED", "VERIFIED", "RB_BEGIN", "INCOMPLETE"}
"""A journal with any of these had INTENT, even if that line is damaged."""


def recover(backend: Recoverable) -> tuple[str, ...]:
    """Finish or roll back interrupted transactions; return the ids of those recovered.

    Call this with the environment locked: then no process works on a transaction. Raises
    `RollbackFailed` if old files could not be restored; the save point is kept. Raises `DiskFailed`
    if an outcome could not be recorded.
    """
    recovered, incomplete = recover_each(backend)
    for error in incomplete:
        raise error
    return recovered


def recover_each(
    backend: Recoverable,
) -> tuple[tuple[str, ...], tuple[RollbackFailed, ...]]:
    """Recover as `recover` does, but return the errors of rollbacks that are still incomplete.

    A change that touches none of an error's `paths` is possible. Without paths none is.
    """
    recovered, incomplete = list[str](), list[RollbackFailed]()
    for transaction_id in reversed(backend.journal.unfinished()):
        try:
            if _recover_one(backend, transaction_id):
                recovered.append(transaction_id)
        except RollbackFailed as error:
            incomplete.append(error)
        except DiskFailed as error:
            error.state = DISK_INTERRUPTED
            raise
    return tuple(recovered), tuple(incomplete)


def recover_if_needed(backend: Recoverable) -> tuple[str, ...]:
    """Recover if a transaction is open; return the ids of recovered transactions.

    Raises `EnvironmentBusy` while another process has the lock, perhaps an installer that outlived
    its worker. Also raises what `recover` raises.
    """
    recovered, incomplete = recover_each_if_needed(backend)
    for error in incomplete:
        raise error
    return recovered


def recover_each_if_needed(
    backend: Recoverable,
) -> tuple[tuple[str, ...], tuple[RollbackFailed, ...]]:
    """Recover as `recover_each` does, with the environment locked, if a transaction is open."""
    if not backend.journal.unfinished():
        return (), ()
    try:
        with backend.environment.locked("the recovery of an interrupted change"):
            return recover_each(backend)
    except DiskFailed as error:
        error.state = DISK_INTERRUPTED
        raise


def _recover_one(backend: Recoverable, transaction_id: str) -> bool:
    """End an open transaction and clean up; return whether it had not ended."""
    journal = backend.journal
    if journal.delegated(transaction_id):
        return True
    steps = _read_steps(backend, transaction_id)
    had_ended = _has_ended(steps) or not journal.has_records(transaction_id)
    if not had_ended:
        had_failed = "INCOMPLETE" in steps
        reason = "its rollback was completed later" if had_failed else "it was interrupted"
        end(backend, transaction_id, reason)
    finish(backend, transaction_id)
    return not had_ended


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
    # Once it was incomplete, later changes may have changed the other paths.
    differences = save_point.roll_back(journal.incomplete_paths(transaction))
    if differences:
        raise _record_incomplete(backend, transaction, differences)
    journal.record(transaction, "ROLLED_BACK", error=reason, failure=failure)


def _record_incomplete(
    backend: Recoverable, transaction: str, differences: Sequence[Difference]
) -> RollbackFailed:
    """Record which paths differ; return the error about them.

    Without a record, and if the save point cannot be used, the error has no paths: then no other
    change is possible.
    """
    folder = str(backend.journal.folder(transaction))
    texts, paths = tuple(map(str, differences)), tuple(entry.path for entry in differences)
    if any(path.startswith(f"{folder}/") for path in paths):
        paths = ()
    failed = RollbackFailed(transaction, texts, folder, paths)
    try:
        backend.journal.record(
            transaction,
            "INCOMPLETE",
            error=str(RollbackFailed(transaction, _shorten(texts), folder)),
            failure=json.dumps(error_to_json(failed)),
            paths=json.dumps(paths),
        )
    except DiskFailed:
        failed.paths = ()
    return failed


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
