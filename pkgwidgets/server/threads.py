"""Run blocking work in daemon threads, off the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
Work = Callable[[], None]

_MAX_IDLE_THREADS = 8
"""Idle threads that are kept for the next work."""


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own and return what it returns, or raise what it raises.

    It is a daemon thread and not one of the loop's few executor threads. Some work lasts as long
    as a transaction, which goes on without the server, so a server that stops must not wait.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def set_from_thread(setter: Callable[[Any], None], value: object) -> None:
        def set_if_waiting() -> None:
            if not future.done():  # the caller may have been cancelled
                setter(value)

        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(set_if_waiting)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            set_from_thread(future.set_exception, error)
        else:
            set_from_thread(future.set_result, result)

    _threads.run(run)
    return await future


def start_in_thread(work: Work) -> None:
    """Run `work`, which must not raise, in a daemon thread of its own."""
    _threads.run(work)


class Threads:
    """Unlimited daemon threads, reused because starting one blocks the loop until it runs."""

    def __init__(self) -> None:
        self._idle: deque[SimpleQueue[Work]] = deque()

    def run(self, work: Work) -> None:
        """Give work, which must not raise, to an idle thread, else to a new one."""
        try:
            self._idle.pop().put(work)
        except IndexError:
            threading.Thread(
                target=self._run_queue, args=(work,), name="pkgwidgets", daemon=True
            ).start()

    def _run_queue(self, work: Work) -> None:
        queue: SimpleQueue[Work] = SimpleQueue()
        queue.put(work)
        del work  # so that an idle thread keeps nothing alive
        while True:
            queue.get()()
            if len(self._idle) >= _MAX_IDLE_THREADS:
                return
            self._idle.append(queue)


_threads = Threads()
