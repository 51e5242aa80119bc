"""The events of a transaction, as a list and as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from functools import partial

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import transactions as operations

from . import payloads
from .event_feed import EventFeeds
from .threads import run_in_thread

HEARTBEAT_SECONDS = 1.0
"""Seconds without a new event after which a comment line keeps the connection alive."""
HEARTBEAT = ": heartbeat\n\n"
"""A comment line of a stream."""


class TransactionFailed(Exception):
    """A transaction that was not committed, and the error that it ended with."""

    def __init__(self, error: PkgwidgetsError, transaction: Transaction) -> None:
        super().__init__(str(error))
        self.error = error
        self.transaction = transaction


def events(backend: Backend, transaction_id: str) -> Sequence[Event]:
    """Return the events of a transaction so far."""
    return operations.get_worker(backend).events(transaction_id)[0]


def cancel(backend: Backend, transaction_id: str) -> None:
    """Request that a transaction is rolled back; raises `TooLate` if it is committed."""
    operations.cancel(backend, transaction_id)


async def apply_and_wait(
    backend: Backend, plan: Plan, *, wait: bool, requested_by: str = ""
) -> Transaction:
    """Apply a plan and return its transaction: after its end, or at once.

    The transaction goes on even if the client disconnects. Raises what prevents its start, and
    `TransactionFailed` if `wait` is true and it was not committed.
    """
    if not plan:
        return operations.apply_and_follow(backend, plan)
    transaction_id = await run_in_thread(
        lambda: operations.start(backend, plan, requested_by=requested_by)
    )
    if wait:
        error = await run_in_thread(partial(_wait_for_error, backend, transaction_id))
        if error is not None:
            raise TransactionFailed(
                error,
                await run_in_thread(partial(_transaction_with_plan, backend, transaction_id, plan)),
            )
    return await run_in_thread(partial(_transaction_with_plan, backend, transaction_id, plan))


async def stream(
    feeds: EventFeeds, backend: Backend, transaction_id: str, seen: int = 0
) -> AsyncGenerator[str, None]:
    """Yield the events of a transaction after `seen`, and its end, as server-sent events.

    The id of an event is the `seen` that continues after it.
    Source: https://html.spec.whatwg.org/multipage/server-sent-events.html.
    """
    feed = feeds.join(backend, transaction_id)
    try:
        while True:
            is_finished = feed.finished is not None
            batch = await feed.next_batch(seen, HEARTBEAT_SECONDS)
            if batch is not None:
                for number, text in enumerate(batch.texts, start=1):
                    # Only the last one has the new id: a client that disconnects before it gets
                    # all again.
                    event_id = batch.after if number == len(batch.texts) else batch.before
                    yield format_event("progress", text, event_id)
                seen = batch.after
            elif is_finished and feed.finished is not None:
                payload = {"success": True, "transaction": payloads.transaction(feed.finished)}
                yield format_event("end", payloads.to_json_text(payload), seen)
                return
            elif feed.finished is None:
                yield HEARTBEAT
    finally:
        feeds.leave(feed)


def format_event(event_type: str, data: str, event_id: int) -> str:
    """Return a message of a stream; the id of its event is the `seen` that continues after it."""
    return f"id: {event_id}\nevent: {event_type}\ndata: {data}\n\n"


def _wait_for_error(backend: Backend, transaction_id: str) -> PkgwidgetsError | None:
    try:
        operations.follow(backend, transaction_id)
    except PkgwidgetsError as error:
        return error
    return None


def _transaction_with_plan(backend: Backend, transaction_id: str, plan: Plan) -> Transaction:
    transaction = operations.get_transaction(backend, transaction_id)
    # The journal does not hold all that this process knows of the plan.
    return replace(transaction, plan=plan)
