"""The steps of a transaction: staged, saved, installed, verified, committed; or nothing at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

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
from pkgwidgets.core.facts import to_facts
from pkgwidgets.core.history import worth_keeping
from pkgwidgets.core.interfaces import Backend, Report, ignore
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Event, Outcome, Stage, Transaction
from pkgwidgets.core.words import redacted

from . import recovery, verification
from .interrupts import held_back
from .situation import moved_since


def carry_out(
    backend: Backend, plan: Plan, report: Report = ignore, *, by: str = "another session"
) -> Transaction:
    """Carry a plan out in this process and return its committed transaction.

    Whatever happens in between, the environment is afterwards exactly the old one or exactly the
    new one. `by` tells others who holds the environment. Raises `StalePlan` if the environment is
    not the planned one any more, another `TransactionError` when it was rolled back, `Cancelled`
    when it was interrupted or `report` raised it, `EnvironmentBusy`.
    """
    now = datetime.now(UTC)
    environment = backend.environment
    _raise_if_refused(backend, plan)
    with environment.locked(f"{by} ({_shortly(plan)}; begun {now:%H:%M:%S} UTC)"):
        recovery.recover(backend)
        _raise_if_stale(backend, plan)
        transaction = _started(backend, plan)
        told = _named(report, transaction.id)
        with _ended_well(backend, transaction.id, told):
            _carry_out(backend, transaction, told)
        with suppress(OSError):
            _prune(backend)
    done = replace(transaction, finished=datetime.now(UTC), outcome=Outcome.COMMITTED)
    with suppress(Cancelled):  # too late: it is done, and `undo` takes it back
        report(Event(stage=Stage.DONE, transaction=done.id, text=str(done)))
    return done


def _started(backend: Backend, plan: Plan) -> Transaction:
    try:
        return backend.journal.start(plan)
    except BaseException:
        with held_back():
            recovery.recover(backend)
        raise


def _carry_out(backend: Backend, transaction: Transaction, report: Report) -> None:
    """Go through the steps; any exception leaves the rest to the caller."""
    plan, id = transaction.plan, transaction.id
    record = backend.journal.record
    save_point = backend.save_point(id)
    if not plan.from_save_point:
        save_point.foresee(backend.records.touched(plan, None))
    stage = _staged(backend, transaction, report)
    report(Event(stage=Stage.CHECKING))
    failing, baseline = verification.failing_beside(backend, plan, stage, report)
    if failing:
        raise StageFailed(id, failing)
    came = verification.unverified(backend, plan, stage)
    record(id, "STAGED", **({"unverified": came} if came else {}))
    before = backend.environment.distributions()
    _raise_if_stale(backend, plan)
    record(id, "LOCKED")
    report(Event(stage=Stage.SAVING))
    # A plan that goes back has no stage: what it writes is what the undone one replaced.
    paths = backend.records.touched(plan, stage)
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


def _staged(backend: Backend, transaction: Transaction, report: Report) -> Path | None:
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
def _ended_well(backend: Backend, id: str, report: Report) -> Iterator[None]:
    """Put the old environment back when anything is raised, and raise what the user can use."""
    try:
        yield
    except BaseException as error:
        with held_back():
            with suppress(Exception):  # nobody can cancel what puts the old back
                report(Event(stage=Stage.RESTORING))
            if isinstance(error, TransactionError) and not isinstance(error, RollbackFailed):
                error.transaction = id
            recovery.end(backend, id, _said(error), json.dumps(to_facts(_typed(error, id))))
        if isinstance(error, KeyboardInterrupt) and "COMMIT" not in backend.journal.steps(id):
            raise Cancelled(id) from error
        raise
    finally:
        recovery.finish(backend, id)


def _said(error: BaseException) -> str:
    if isinstance(error, PkgwidgetsError):
        return error.sentence()
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted"
    return redacted(repr(error))[:500]


def _typed(error: BaseException, id: str) -> PkgwidgetsError:
    """Return what somebody in another process is to raise."""
    if isinstance(error, PkgwidgetsError):
        return error
    return (
        Cancelled(id) if isinstance(error, KeyboardInterrupt) else ApplierFailed(id, _said(error))
    )


def _shortly(plan: Plan) -> str:
    names = [change.name for change in plan.changes]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def _raise_if_stale(backend: Backend, plan: Plan) -> None:
    """Compare the environment with the one that the plan was made for."""
    said = moved_since(backend, plan)
    if said:
        raise StalePlan("", said)


def _raise_if_refused(backend: Backend, plan: Plan) -> None:
    """Refuse what may not be changed; a plan of when it still might be is stale."""
    reason = backend.environment.refusal()
    if reason is None:
        return
    if moved_since(backend, plan):
        raise StalePlan("", (reason,))
    raise EnvironmentRefused(backend.environment.interpreter.python, reason)


def _named(report: Report, transaction: str) -> Report:
    return lambda event: report(replace(event, transaction=transaction))


def _prune(backend: Backend) -> None:
    """Give back the space of save points that are of no use any more, or of too little."""
    history = backend.journal.transactions()
    kept = worth_keeping(history)
    for old in history:
        if old.outcome is Outcome.COMMITTED and old.id not in kept:
            backend.save_point(old.id).discard()
