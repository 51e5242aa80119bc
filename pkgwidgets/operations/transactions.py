"""A plan carried out in a process of its own: started, followed from anywhere, cancelled."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic, sleep

from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.errors import (
    ApplierFailed,
    Cancelled,
    DiskFailed,
    EnvironmentBusy,
    InvalidRequest,
    PkgwidgetsError,
    RollbackFailed,
    TooLate,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.history import find_transaction
from pkgwidgets.core.interfaces import Backend, Report, Worker, no_report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

from . import apply, recovery
from .signals import defer_interrupts

_POLL_SECONDS = 0.05
"""Seconds between two looks at a transaction."""
_REPEAT_SECONDS = 0.1
"""Seconds between two reports of the same event."""
_QUIET_SECONDS = 0.25
"""Seconds without news after which it is asked whether anybody is still at work."""
_FINAL_STEPS = frozenset({"COMMIT", "ROLLED_BACK", "ABORTED", "RB_INCOMPLETE"})


def apply_and_follow(backend: Backend, plan: Plan, report: Report = no_report) -> Transaction:
    """Carry a plan out and return its committed transaction.

    Whatever happens in between, the environment is afterwards exactly the old one or exactly the
    new one. A plan without changes runs nothing and leaves no entry. Raises `StalePlan` if the
    environment is not the planned one any more, another `TransactionError` when it was rolled
    back, `Cancelled` when it was interrupted or `report` raised it, `TooLate` if the interrupt
    came when it was done, `EnvironmentBusy`.
    """
    now = datetime.now(UTC)
    if not plan:
        return Transaction(id="", plan=plan, started=now, finished=now, outcome=Outcome.COMMITTED)
    if backend.worker is None:
        return apply.apply_plan(backend, plan, report)
    id = ""
    try:
        with defer_interrupts() as interrupts:
            id = _start_or_none(backend, plan, interrupts)
        if interrupts:
            raise KeyboardInterrupt
        done = follow(backend, id, report)
    except KeyboardInterrupt as interrupt:
        if not id:
            raise
        done = _cancel_and_wait(backend, id, interrupt)
    # What only this session knows of the plan is not in the journal.
    return replace(done, plan=plan)


def start(backend: Backend, plan: Plan) -> str:
    """Begin to carry a plan out, and return the id of the transaction.

    It goes on whatever becomes of this process. Raises `EnvironmentBusy` at once if another is
    under way, `EnvironmentRefused`, `StalePlan`, `InvalidRequest` for a plan without changes.
    """
    if not plan:
        raise InvalidRequest("plan", None, "the plan changes nothing")
    holder = backend.environment.holder()
    if holder is not None:
        raise EnvironmentBusy(holder)
    return _worker(backend).start(plan)


def _start_or_none(backend: Backend, plan: Plan, interrupts: Sequence[int]) -> str:
    """Start, or return nothing where an interrupt kept it from beginning.

    One from a terminal reaches the new process, too, as long as it has no session of its own.
    """
    try:
        return start(backend, plan)
    except ApplierFailed:
        if interrupts:
            return ""
        raise


def get_transaction(backend: Backend, id: str) -> Transaction:
    """Return a transaction of the history; raises `InvalidRequest` if there is none of this id."""
    found = find_transaction(backend.journal.transactions(), id)
    if found is None:
        raise InvalidRequest("transaction", id, "the history has none of this id")
    return found


def running(backend: Backend) -> Transaction | None:
    """Return the transaction that somebody is carrying out now, if there is one."""
    newest = backend.journal.transactions()[-1:]
    if not newest or newest[0].outcome is not Outcome.STARTED:
        return None
    return newest[0] if backend.environment.holder() is not None else None


def cancel(backend: Backend, id: str) -> None:
    """Ask a transaction to end in the old environment; returns before it has.

    Harmless if it has ended that way already. Raises `TooLate` if it is committed, and
    `InvalidRequest` if there is none of this id.
    """
    get_transaction(backend, id)
    done = backend.journal.steps(id)
    if "COMMIT" in done:
        raise TooLate(id)
    if not _FINAL_STEPS & {*done}:
        _worker(backend).cancel(id)


def follow(backend: Backend, id: str, report: Report = no_report) -> Transaction:
    """Report what a transaction does until it has ended; any process may follow it.

    Returns it if it is committed, and raises what it failed with, as `run` does. An interrupt, or
    anything that `report` raises, cancels it and waits until the old environment is back. What a
    dead process left unfinished is rolled back.
    """
    get_transaction(backend, id)
    try:
        ended = _follow_to_end(backend, id, report)
        if ended.outcome is Outcome.COMMITTED:
            report(Event(stage=Stage.DONE, transaction=id, text=str(ended)))
    except RollbackFailed:
        raise
    except BaseException as error:
        return _cancel_and_wait(backend, id, error)
    if ended.outcome is not Outcome.COMMITTED:
        raise _recorded_error(backend, ended)
    return ended


def _cancel_and_wait(backend: Backend, id: str, error: BaseException) -> Transaction:
    """Cancel because of what was raised here, wait for the end, and raise what the caller needs."""
    with defer_interrupts():
        with suppress(TooLate, DiskFailed):
            cancel(backend, id)
        ended = _follow_to_end(backend, id, no_report)
    wished = isinstance(error, KeyboardInterrupt | Cancelled)
    if ended.outcome is Outcome.COMMITTED:
        if isinstance(error, Cancelled):
            return ended
        raise TooLate(id) if wished else error
    failure = _recorded_error(backend, ended)
    raise failure if wished or not isinstance(failure, Cancelled) else error


def _follow_to_end(backend: Backend, id: str, report: Report) -> Transaction:
    told = _EventReporter(_worker(backend), id, report)
    while not _has_ended(backend, id, quiet=told.quiet()):
        told.tell_news()
        sleep(_POLL_SECONDS)
    told.tell_news()
    return get_transaction(backend, id)


class _EventReporter:
    """What was reported of a transaction; the last again and again, as long as nothing follows."""

    def __init__(self, applier: Worker, id: str, report: Report) -> None:
        self._applier, self._id, self._report = applier, id, report
        self._seen, self._news, self._reported = 0, monotonic(), 0.0
        self._last: Event | None = None

    def quiet(self) -> bool:
        """Tell whether nothing was heard for a while; asked again only after another while."""
        if monotonic() - self._news < _QUIET_SECONDS:
            return False
        self._news = monotonic()
        return True

    def tell_news(self) -> None:
        """Report what is new."""
        events, self._seen = self._applier.events(self._id, self._seen)
        for event in events:
            if event.stage is not Stage.DONE:
                self._tell(event)
                self._news = monotonic()
        if self._last is not None and monotonic() - self._reported > _REPEAT_SECONDS:
            self._tell(replace(self._last, log=""))

    def _tell(self, event: Event) -> None:
        self._last, self._reported = event, monotonic()
        self._report(event)


def _has_ended(backend: Backend, id: str, *, quiet: bool) -> bool:
    """Tell whether it has its final record and nobody holds the environment for it any more."""
    if _FINAL_STEPS & {*backend.journal.steps(id)}:
        free = backend.environment.holder() is None
        return free or backend.journal.transactions()[-1].id != id
    if quiet and backend.environment.holder() is None:
        # Whoever worked on it is dead, or has ended it while we looked.
        with suppress(EnvironmentBusy):
            recovery.recover_if_needed(backend)
    return False


def _recorded_error(backend: Backend, ended: Transaction) -> PkgwidgetsError:
    """Return the error that a transaction ended with, as far as its journal still knows it."""
    said = ended.error or "it did not say why"
    try:
        return error_from_json(json.loads(ended.failure or "{}"))
    except (ValueError, KeyError, AttributeError):
        if ended.outcome is Outcome.INCOMPLETE:
            return RollbackFailed(ended.id, (said,), str(backend.journal.folder(ended.id)))
        return ApplierFailed(ended.id, said)


def _worker(backend: Backend) -> Worker:
    if backend.worker is None:
        raise TypeError("this backend carries plans out itself: there is nothing to follow")
    return backend.worker
