"""Apply a plan in a worker process: start, follow from any process, cancel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, sleep

from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.errors import (
    Cancelled,
    DiskFailed,
    EnvironmentBusy,
    InvalidRequest,
    PkgwidgetsError,
    RollbackFailed,
    TooLate,
    WorkerFailed,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend, Report, Worker, no_report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

from . import apply, recovery
from .lost_files import saved_files_lost
from .signals import defer_interrupts

_POLL_SECONDS = 0.05
"""Seconds between two reads of a transaction's events."""
_REPEAT_SECONDS = 0.1
"""Seconds between two reports of the same event."""
_QUIET_SECONDS = 0.25
"""Seconds without an event after which the worker is checked for life."""
_LOST_SECONDS = 30.0
"""Seconds in which a worker finds that its journal was deleted, and makes a new one."""
_FINAL_STEPS = frozenset({"COMMIT", "ROLLED_BACK", "ABORTED", "INCOMPLETE"})


def apply_and_follow(backend: Backend, plan: Plan, report: Report = no_report) -> Transaction:
    """Apply a plan and return its committed transaction.

    The environment gets every change of the plan, or stays unchanged. A plan without changes runs
    nothing and leaves no entry. Raises `StalePlan` if the environment changed since the plan was
    made, and `EnvironmentBusy`. Raises `Cancelled` after an interrupt or if `report` raised it,
    `TooLate` if the interrupt came after the commit. Any other `TransactionError` follows a
    rollback.
    """
    now = datetime.now(UTC)
    if not plan:
        return Transaction(id="", plan=plan, started=now, finished=now, outcome=Outcome.COMMITTED)
    if backend.worker is None:
        return apply.apply_plan(backend, plan, report)
    transaction_id = ""
    try:
        with defer_interrupts() as interrupts:
            transaction_id = _start_or_none(backend, plan, interrupts)
        if interrupts:
            raise KeyboardInterrupt
        done = follow(backend, transaction_id, report)
    except KeyboardInterrupt as interrupt:
        if not transaction_id:
            raise
        done = _cancel_and_wait(backend, transaction_id, interrupt)
    # The journal lacks the parts of the plan that only this session knows.
    return replace(done, plan=plan)


def apply_here(backend: Backend, plan: Plan) -> Transaction:
    """Apply a change of holds in this process, and return its transaction.

    It is over in a moment, so that it needs no worker. An interrupted one is rolled back later.
    """
    if not plan:
        return apply_and_follow(backend, plan)
    return apply.apply_plan(backend, plan)


def start(backend: Backend, plan: Plan, *, requested_by: str = "") -> str:
    """Start to apply a plan in a worker and return the id of the transaction.

    `requested_by` is the user who requests it, by default that of this process.

    The worker goes on if this process ends. Raises `EnvironmentBusy` at once if another
    transaction is running, `EnvironmentRefused`, `StalePlan`, and `InvalidRequest` for a plan
    without changes.
    """
    if not plan:
        raise InvalidRequest("plan", None, "the plan changes nothing")
    holder = backend.environment.holder()
    if holder is not None:
        raise EnvironmentBusy(holder)
    apply.check_changeable(backend, plan)  # what the worker would find, with the way on
    return get_worker(backend).start(plan, requested_by)


def _start_or_none(backend: Backend, plan: Plan, interrupts: Sequence[int]) -> str:
    """Start a transaction; return "" if an interrupt stopped the worker before it began.

    An interrupt from a terminal also reaches the worker until that has its own session.
    """
    try:
        return start(backend, plan)
    except WorkerFailed:
        if interrupts:
            return ""
        raise


def get_transaction(backend: Backend, transaction_id: str) -> Transaction:
    """Return the transaction of this id; raise `InvalidRequest` if the history has none."""
    transaction = backend.journal.transaction(transaction_id)
    if transaction is None:
        raise InvalidRequest(
            "transaction", transaction_id, "the history has no transaction with this id"
        )
    return transaction


def running(backend: Backend) -> Transaction | None:
    """Return the transaction that is being applied now; else None."""
    last = backend.journal.transaction(backend.journal.newest_id())
    if last is None or last.outcome is not Outcome.STARTED:
        return None
    return last if backend.environment.holder() is not None else None


def cancel(backend: Backend, transaction_id: str) -> None:
    """Ask a transaction to roll back; return without waiting for it.

    Does nothing if it was rolled back already. Raises `TooLate` if it is committed, and
    `InvalidRequest` if the history has no transaction of this id.
    """
    get_transaction(backend, transaction_id)
    steps = backend.journal.steps(transaction_id)
    if "COMMIT" in steps:
        raise TooLate(transaction_id)
    if not _FINAL_STEPS & {*steps}:
        get_worker(backend).cancel(transaction_id)


def find_ended(backend: Backend, transaction_id: str) -> Transaction | None:
    """Return a transaction that has ended or was interrupted; None while it is applied.

    Its plan is read only then, and never another transaction: followers ask often. Raises
    `InvalidRequest` if the history has no transaction of this id.
    """
    is_locked = backend.environment.holder() is not None
    is_final = bool(_FINAL_STEPS & {*backend.journal.steps(transaction_id)})
    return get_transaction(backend, transaction_id) if is_final or not is_locked else None


def follow(backend: Backend, transaction_id: str, report: Report = no_report) -> Transaction:
    """Report the events of a transaction until it ends; any process may follow it.

    Returns the committed transaction, and raises its error as `apply_and_follow` does. An
    interrupt, or anything that `report` raises, cancels it and waits for the rollback. If the
    worker died, its interrupted change is recovered.
    """
    get_transaction(backend, transaction_id)
    try:
        ended = _follow_to_end(backend, transaction_id, report)
        if ended.outcome is Outcome.COMMITTED:
            report(Event(stage=Stage.DONE, transaction=transaction_id, text=str(ended)))
    except RollbackFailed:
        raise
    except BaseException as error:
        return _cancel_and_wait(backend, transaction_id, error)
    if ended.outcome is not Outcome.COMMITTED:
        raise _recorded_error(backend, ended)
    return ended


def _cancel_and_wait(backend: Backend, transaction_id: str, error: BaseException) -> Transaction:
    """Cancel a transaction because of an error in this process, and wait for its end.

    Raises the error of the transaction, or `error` if that says more. Raises `TooLate` for an
    interrupt after the commit; a `Cancelled` after the commit returns the transaction.
    """
    with defer_interrupts():
        with suppress(TooLate, DiskFailed):
            cancel(backend, transaction_id)
        ended = _follow_to_end(backend, transaction_id, no_report)
    is_cancellation = isinstance(error, KeyboardInterrupt | Cancelled)
    if ended.outcome is Outcome.COMMITTED:
        if isinstance(error, Cancelled):
            return ended
        raise TooLate(transaction_id) if is_cancellation else error
    failure = _recorded_error(backend, ended)
    raise failure if is_cancellation or not isinstance(failure, Cancelled) else error


def _follow_to_end(backend: Backend, transaction_id: str, report: Report) -> Transaction:
    reporter = _EventReporter(get_worker(backend), transaction_id, report)
    started, last_seen = get_transaction(backend, transaction_id), monotonic()
    while not _has_ended(backend, transaction_id, is_quiet=reporter.is_quiet()):
        reporter.report_new_events()
        sleep(_POLL_SECONDS)
        if backend.journal.has_records(transaction_id):
            last_seen = monotonic()
        elif monotonic() - last_seen > _LOST_SECONDS:
            raise saved_files_lost(backend, started)
    reporter.report_new_events()
    return get_transaction(backend, transaction_id)


class _EventReporter:
    """Reports the events of a transaction; repeats the last one while no other follows."""

    def __init__(self, worker: Worker, transaction_id: str, report: Report) -> None:
        self._worker, self._transaction_id, self._report = worker, transaction_id, report
        self._seen, self._last_news, self._reported = 0, monotonic(), 0.0
        self._last: Event | None = None

    def is_quiet(self) -> bool:
        """Tell whether no event came for `_QUIET_SECONDS`; true at most once in that time."""
        if monotonic() - self._last_news < _QUIET_SECONDS:
            return False
        self._last_news = monotonic()
        return True

    def report_new_events(self) -> None:
        """Report the events since the last call, or the last event again."""
        events, self._seen = self._worker.events(self._transaction_id, self._seen)
        for event in events:
            if event.stage is not Stage.DONE:
                self._report_event(event)
                self._last_news = monotonic()
        if self._last is not None and monotonic() - self._reported > _REPEAT_SECONDS:
            self._report_event(replace(self._last, log=""))

    def _report_event(self, event: Event) -> None:
        self._last, self._reported = event, monotonic()
        self._report(event)


def _has_ended(backend: Backend, transaction_id: str, *, is_quiet: bool) -> bool:
    """Tell whether a transaction has its final record and no longer holds the environment."""
    if _FINAL_STEPS & {*backend.journal.steps(transaction_id)}:
        is_unlocked = backend.environment.holder() is None
        return is_unlocked or backend.journal.newest_id() != transaction_id
    if is_quiet and backend.environment.holder() is None:
        # The worker died, or ended the transaction just now.
        with suppress(EnvironmentBusy):
            recovery.recover_if_needed(backend)
    return False


def _recorded_error(backend: Backend, ended: Transaction) -> PkgwidgetsError:
    """Return the error of a transaction, as far as its journal records it."""
    reason = ended.error or "its error was not recorded"
    try:
        return error_from_json(json.loads(ended.failure or "{}"))
    except ValueError:
        if ended.outcome is Outcome.INCOMPLETE:
            return RollbackFailed(ended.id, (reason,), str(backend.journal.folder(ended.id)))
        return WorkerFailed(ended.id, reason)


def get_worker(backend: Backend) -> Worker:
    """Return the worker of a backend; raise `TypeError` if it applies plans in this process."""
    if backend.worker is None:
        raise TypeError("this backend applies plans in this process, so there is nothing to follow")
    return backend.worker
