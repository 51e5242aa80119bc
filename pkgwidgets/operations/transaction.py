"""A plan carried out: staged, saved, installed, verified, committed; or nothing at all."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pkgwidgets.core import changes
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentRefused,
    PkgwidgetsError,
    RollbackFailed,
    StageFailed,
    StalePlan,
    TransactionError,
    VerificationFailed,
)
from pkgwidgets.core.history import committed, in_force, takes_back
from pkgwidgets.core.interfaces import Backend, Report, ignore
from pkgwidgets.core.model import Event, Outcome, Plan, Stage, Transaction

from . import recovery, verification

_KEPT = 5
"""So many transactions can be undone from their save points."""


def run(backend: Backend, plan: Plan, report: Report = ignore) -> Transaction:
    """Carry a plan out and return its committed transaction.

    Whatever happens in between, the environment is afterwards exactly the old one or exactly the
    new one. A plan without changes runs nothing and leaves no entry. Raises `StalePlan` if the
    environment is not the planned one any more, another `TransactionError` when it was rolled
    back, `Cancelled` when it was interrupted or `report` raised it, `EnvironmentBusy`.
    """
    now = datetime.now(UTC)
    if not plan:
        return Transaction(id="", plan=plan, started=now, finished=now, outcome=Outcome.COMMITTED)
    environment = backend.environment
    reason = environment.refusal()
    if reason is not None:
        raise EnvironmentRefused(environment.interpreter.python, reason)
    with environment.locked(f"{plan.id}, begun {now:%H:%M:%S} UTC"):
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
        with _uninterrupted():
            recovery.recover(backend)
        raise


def _carry_out(backend: Backend, transaction: Transaction, report: Report) -> None:
    """Go through the steps; any exception leaves the rest to the caller."""
    plan, id = transaction.plan, transaction.id
    record = backend.journal.record
    stage = _staged(backend, transaction, report)
    report(Event(stage=Stage.CHECKING))
    failing, tolerated = verification.failing_beside(backend, plan, stage, report)
    if failing:
        raise StageFailed(id, failing)
    record(id, "STAGED")
    before = backend.environment.distributions()
    _raise_if_stale(backend, plan)
    record(id, "LOCKED")
    report(Event(stage=Stage.SAVING))
    # A plan that goes back has no stage: what it writes is what the undone one replaced.
    paths = backend.records.touched(plan, stage)
    if plan.undoes is not None and plan.from_save_point:
        paths |= backend.save_point(plan.undoes).paths()
    backend.save_point(id).save(paths)
    record(id, "SAVED", paths=len(paths))
    record(id, "INTENT")
    report(Event(stage=Stage.INSTALLING))
    _install(backend, plan, report)
    record(id, "INSTALLED")
    # One call for all of it: file by file, thousands of small files take seconds.
    os.sync()
    record(id, "SYNCED")
    report(Event(stage=Stage.VERIFYING))
    problems = verification.problems_after(backend, plan, before, tolerated, report)
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
        with _uninterrupted():
            with suppress(Exception):  # nobody can cancel what puts the old back
                report(Event(stage=Stage.RESTORING))
            recovery.end(backend, id, _said(error))
        if isinstance(error, KeyboardInterrupt) and "COMMIT" not in backend.journal.steps(id):
            raise Cancelled(id) from error
        if isinstance(error, TransactionError) and not isinstance(error, RollbackFailed):
            error.transaction = id
        raise
    finally:
        shutil.rmtree(backend.journal.folder(id) / "stage", ignore_errors=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Keep a second interrupt from cutting off the rollback of the first."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _said(error: BaseException) -> str:
    if isinstance(error, PkgwidgetsError):
        return error.sentence()
    return "it was interrupted" if isinstance(error, KeyboardInterrupt) else repr(error)[:500]


def _raise_if_stale(backend: Backend, plan: Plan) -> None:
    """Compare what is installed with what the plan was made for."""
    installed = backend.environment.distributions()
    if changes.fingerprint(installed) == plan.environment:
        return
    found = changes.versions(installed)
    said = tuple(
        f"{c.id} is {found.get(c.id) or 'not installed'}, not {c.before or 'absent'}"
        for c in plan.changes
        if found.get(c.id) != c.before
    )
    raise StalePlan("", said or ("something else was installed, removed or replaced",))


def _named(report: Report, transaction: str) -> Report:
    return lambda event: report(replace(event, transaction=transaction))


def _prune(backend: Backend) -> None:
    """Give back the space of save points: kept are the last that can be undone, and the newest."""
    done = committed(backend.journal.transactions())
    undoable = [each.id for each in in_force(done) if not takes_back(each, done)]
    kept = {*undoable[-_KEPT:], *(each.id for each in done[-1:])}
    for old in done:
        if old.id not in kept:
            backend.save_point(old.id).discard()
