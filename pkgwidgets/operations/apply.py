"""The steps of a transaction: staged, saved, installed, verified, committed; or nothing at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import (
    ApplierFailed,
    Cancelled,
    EnvironmentRefused,
    PkgwidgetsError,
    RollbackFailed,
    StageFailed,
    StalePlan,
    TransactionError,
    VerificationFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.history import save_points_to_keep
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.transactions import Outcome, Transaction

from . import recovery, verification
from .signals import defer_interrupts
from .snapshot import changes_since_plan


def apply_plan(
    backend: Backend, plan: Plan, report: Report = no_report, *, by: str = "another session"
) -> Transaction:
    """Carry a plan out in this process and return its committed transaction.

    Whatever happens in between, the environment is afterwards exactly the old one or exactly the
    new one. `by` tells others who holds the environment. Raises `StalePlan` if the environment is
    not the planned one any more, another `TransactionError` when it was rolled back, `Cancelled`
    when it was interrupted or `report` raised it, `EnvironmentBusy`.
    """
    now = datetime.now(UTC)
    environment = backend.environment
    _check_changeable(backend, plan)
    with environment.locked(f"{by} ({_shorten(plan)}; begun {now:%H:%M:%S} UTC)"):
        recovery.recover(backend)
        _check_not_stale(backend, plan)
        transaction = _open_transaction(backend, plan)
        told = _describe_changes(report, transaction.id)
        with _rollback_on_error(backend, transaction.id, told):
            _apply_locked(backend, transaction, told)
        with suppress(OSError):
            _prune_save_points(backend)
    done = replace(transaction, finished=datetime.now(UTC), outcome=Outcome.COMMITTED)
    with suppress(Cancelled):  # too late: it is done, and `undo` takes it back
        report(Event(stage=Stage.DONE, transaction=done.id, text=str(done)))
    return done


def _open_transaction(backend: Backend, plan: Plan) -> Transaction:
    try:
        return backend.journal.start(plan)
    except BaseException:
        with defer_interrupts():
            recovery.recover(backend)
        raise


def _apply_locked(backend: Backend, transaction: Transaction, report: Report) -> None:
    """Go through the steps; any exception leaves the rest to the caller."""
    plan, id = transaction.plan, transaction.id
    record = backend.journal.record
    save_point = backend.save_point(id)
    if not plan.from_save_point:
        save_point.prehash(backend.records.touched_paths(plan, None))
    stage = _stage(backend, transaction, report)
    report(Event(stage=Stage.CHECKING))
    failing, baseline = verification.problems_before(backend, plan, stage, report)
    if failing:
        raise StageFailed(id, failing)
    came = verification.unverified(backend, plan, stage)
    record(id, "STAGED", **({"unverified": came} if came else {}))
    before = backend.environment.distributions()
    _check_not_stale(backend, plan)
    record(id, "LOCKED")
    report(Event(stage=Stage.SAVING))
    # A plan that goes back has no stage: what it writes is what the undone one replaced.
    paths = backend.records.touched_paths(plan, stage)
    if plan.undoes is not None and plan.from_save_point:
        paths |= backend.save_point(plan.undoes).paths()
    kept = save_point.save(paths, lambda: report(Event(stage=Stage.SAVING)))
    report(Event(stage=Stage.SAVING))  # the last moment at which nothing has to be put back
    record(id, "SAVED", paths=len(paths), bytes=kept)
    record(id, "INTENT")
    report(Event(stage=Stage.INSTALLING))
    _install(backend, plan, report)
    record(id, "INSTALLED")
    # One call for all of it: file by file, thousands of small files take seconds.
    os.sync()
    record(id, "SYNCED")
    report(Event(stage=Stage.VERIFYING))
    problems = verification.problems_after(backend, plan, before, baseline, report)
    if problems:
        raise VerificationFailed(id, problems)
    record(id, "VERIFIED")
    record(id, "COMMIT")


def _stage(backend: Backend, transaction: Transaction, report: Report) -> Path | None:
    """Fetch and unpack everything beside the environment: the last use of the network."""
    report(Event(stage=Stage.FETCHING, total=transaction.plan.download_size))
    if transaction.plan.from_save_point or not transaction.plan.pins:
        return None
    stage = backend.journal.folder(transaction.id) / "stage"
    backend.installer.stage(transaction.plan, stage, report)
    return stage


def _install(backend: Backend, plan: Plan, report: Report) -> None:
    if plan.undoes is None or not plan.from_save_point:
        backend.installer.install(plan, report)
        return
    failed = backend.save_point(plan.undoes).restore()
    if failed:
        raise VerificationFailed("", failed)


@contextmanager
def _rollback_on_error(backend: Backend, id: str, report: Report) -> Iterator[None]:
    """Put the old environment back when anything is raised, and raise what the user can use."""
    try:
        yield
    except BaseException as error:
        with defer_interrupts():
            with suppress(Exception):  # nobody can cancel what puts the old back
                report(Event(stage=Stage.RESTORING))
            if isinstance(error, TransactionError) and not isinstance(error, RollbackFailed):
                error.transaction = id
            recovery.end(
                backend,
                id,
                _error_text(error),
                json.dumps(error_to_json(_as_pkgwidgets_error(error, id))),
            )
        if isinstance(error, KeyboardInterrupt) and "COMMIT" not in backend.journal.steps(id):
            raise Cancelled(id) from error
        raise
    finally:
        recovery.finish(backend, id)


def _error_text(error: BaseException) -> str:
    if isinstance(error, PkgwidgetsError):
        return error.sentence()
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return redact(repr(error))[:500]


def _as_pkgwidgets_error(error: BaseException, id: str) -> PkgwidgetsError:
    """Return what somebody in another process is to raise."""
    if isinstance(error, PkgwidgetsError):
        return error
    return (
        Cancelled(id)
        if isinstance(error, KeyboardInterrupt)
        else ApplierFailed(id, _error_text(error))
    )


def _shorten(plan: Plan) -> str:
    names = [change.name for change in plan.changes]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def _check_not_stale(backend: Backend, plan: Plan) -> None:
    """Compare the environment with the one that the plan was made for."""
    said = changes_since_plan(backend, plan)
    if said:
        raise StalePlan("", said)


def _check_changeable(backend: Backend, plan: Plan) -> None:
    """Refuse what may not be changed; a plan of when it still might be is stale."""
    reason = backend.environment.read_only_reason()
    if reason is None:
        return
    if changes_since_plan(backend, plan):
        raise StalePlan("", (reason,))
    raise EnvironmentRefused(backend.environment.interpreter.python, reason)


def _describe_changes(report: Report, transaction: str) -> Report:
    return lambda event: report(replace(event, transaction=transaction))


def _prune_save_points(backend: Backend) -> None:
    """Give back the space of save points that are of no use any more, or of too little."""
    history = backend.journal.transactions()
    kept = save_points_to_keep(history)
    for old in history:
        if old.outcome is Outcome.COMMITTED and old.id not in kept:
            backend.save_point(old.id).discard()
