"""One look at a running transaction for all who follow it, however many they are."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import transactions as operations

from . import payloads
from .threads import run_in_thread

_POLL_SECONDS = 0.1
"""Seconds between two looks at the event log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventBatch:
    """The events of one look, also as JSON texts, and the `seen` before and after them."""

    before: int
    after: int
    events: Sequence[Event]
    texts: Sequence[str]


class EventFeed:
    """The events of one transaction, read by one task for all followers.

    The events of a transaction take at most a megabyte, and all followers share them.
    """

    def __init__(self, backend: Backend, transaction_id: str) -> None:
        self._backend = backend
        self._transaction_id = transaction_id
        self._batches: dict[int, EventBatch] = {}
        self._end = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.finished: Transaction | None = None
        """The transaction, when it has ended or was interrupted."""
        self.followers = 0

    def start(self) -> None:
        """Start to read; `stop` ends it."""
        self._task = asyncio.ensure_future(self._poll())

    def stop(self) -> None:
        """Stop reading; there is no follower any more."""
        if self._task is not None:
            self._task.cancel()

    async def next_batch(self, seen: int, timeout: float) -> EventBatch | None:
        """Return the events after `seen`; None if there are none for `timeout` seconds, or no more.

        Raises what made reading impossible.
        """
        batch = self._batches.get(seen)
        if batch is None and seen < self._end:  # a client that continues from another look
            batch = await run_in_thread(partial(self._read, seen))
            if batch.after == seen:  # the events were deleted
                batch = None
        if batch is None and self.finished is None:
            await self._wait(timeout)
            batch = self._batches.get(seen)
        return batch

    async def _wait(self, timeout: float) -> None:
        task = self._task
        if task is not None and task.done():
            task.result()
        try:
            await asyncio.wait_for(self._changed.wait(), timeout)
        except TimeoutError:
            return

    async def _poll(self) -> None:
        try:
            while self.finished is None:
                finished, batch = await run_in_thread(self._look)
                if batch.texts:
                    self._batches[batch.before] = batch
                    self._end = batch.after
                self.finished = finished
                if batch.texts or finished is not None:
                    self._wake()
                if finished is None:
                    await asyncio.sleep(_POLL_SECONDS)
        finally:
            self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _look(self) -> tuple[Transaction | None, EventBatch]:
        # The end first, so that no event before it is missed.
        finished = operations.find_ended(self._backend, self._transaction_id)
        return finished, self._read(self._end)

    def _read(self, seen: int) -> EventBatch:
        worker = operations.get_worker(self._backend)
        events, after = worker.events(self._transaction_id, seen)
        texts = [payloads.to_json_text(payloads.event(event)) for event in events]
        return EventBatch(before=seen, after=after, events=events, texts=texts)


class EventFeeds:
    """The feeds of the transactions that are followed now, by environment and transaction."""

    def __init__(self) -> None:
        self._feeds: dict[tuple[Path, str], EventFeed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def join(self, backend: Backend, transaction_id: str) -> EventFeed:
        """Return the feed of a transaction for one more follower, who must `leave` it."""
        key = (backend.environment.interpreter.prefix, transaction_id)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = EventFeed(backend, transaction_id)
            feed.start()
        feed.followers += 1
        return feed

    def leave(self, feed: EventFeed) -> None:
        """Take one follower away; without followers nothing is read."""
        feed.followers -= 1
        if feed.followers == 0:
            feed.stop()
            self._feeds = {key: other for key, other in self._feeds.items() if other is not feed}
