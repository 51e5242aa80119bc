"""What a transaction tells while it runs: as a list, and as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend, Worker
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.operations import transactions as operations

from . import error_status
from .threads import run_in_thread

_POLL_SECONDS = 0.1
"""Between two looks."""
_POLLS_PER_HEARTBEAT = 10
"""So many looks without news until a line says that somebody is still there."""


class TransactionFailed(Exception):
    """A transaction that was not committed, and the error that it ended with."""

    def __init__(self, raised: PkgwidgetsError, transaction: Transaction) -> None:
        super().__init__(str(raised))
        self.raised = raised
        self.transaction = transaction


def events(backend: Backend, id: str) -> Sequence[Event]:
    """Return what a transaction told so far."""
    return _applier(backend).events(id)[0]


def cancel(backend: Backend, id: str) -> None:
    """Ask a transaction to end; raises `TooLate` if it is committed."""
    operations.cancel(backend, id)


async def apply_and_wait(backend: Backend, plan: Plan, *, wait: bool) -> Transaction:
    """Carry a plan out, and return its transaction: when it has ended, or at once.

    It goes on whatever becomes of who asked. Raises what kept it from beginning, and `Ended` when
    it was waited for and not committed.
    """
    if not plan:
        return operations.apply_and_follow(backend, plan)
    id = await run_in_thread(lambda: operations.start(backend, plan))
    if wait:
        raised = await run_in_thread(partial(_failure, backend, id))
        if raised is not None:
            raise TransactionFailed(raised, await run_in_thread(partial(_found, backend, id, plan)))
    return await run_in_thread(partial(_found, backend, id, plan))


async def stream(backend: Backend, id: str, seen: int = 0) -> AsyncIterator[str]:
    """Yield what a transaction tells after `seen`, and how it ended, as server-sent events.

    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html. The id of an event is
    what to give as `seen` to go on after it.
    """
    quiet = 0
    while True:
        ended = await run_in_thread(partial(_ended, backend, id))
        before = seen
        told, seen = await run_in_thread(partial(_applier(backend).events, id, before))
        for n, each in enumerate(told, start=1):
            # Who is cut off among these hears them all again, and misses none.
            after = seen if n == len(told) else before
            yield _message("progress", error_status.to_json_text(error_status.event(each)), after)
        if ended is not None:
            said = {"success": True, "transaction": error_status.transaction(ended)}
            yield _message("end", error_status.to_json_text(said), seen)
            return
        quiet = 0 if told else quiet + 1
        if quiet % _POLLS_PER_HEARTBEAT == _POLLS_PER_HEARTBEAT - 1:
            yield ": at work\n\n"
        await asyncio.sleep(_POLL_SECONDS)


def _message(kind: str, text: str, id: int) -> str:
    return f"id: {id}\nevent: {kind}\ndata: {text}\n\n"


def _failure(backend: Backend, id: str) -> PkgwidgetsError | None:
    try:
        operations.follow(backend, id)
    except PkgwidgetsError as error:
        return error
    return None


def _ended(backend: Backend, id: str) -> Transaction | None:
    """Return a transaction at which nobody works: it has ended, or was cut off."""
    at_work = backend.environment.holder() is not None
    found = operations.get_transaction(backend, id)
    return found if found.outcome is not Outcome.STARTED or not at_work else None


def _found(backend: Backend, id: str, plan: Plan) -> Transaction:
    found = operations.get_transaction(backend, id)
    # What only this process knows of the plan is not in the journal.
    return replace(found, plan=plan)


def _applier(backend: Backend) -> Worker:
    if backend.worker is None:
        raise TypeError("this backend carries plans out itself: there is nothing to follow")
    return backend.worker
