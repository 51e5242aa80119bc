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
"""So many threads that have nothing to do are kept for what comes next."""


async def run_in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread of its own and return what it returns, or raise what it raises.

    A daemon, and none of the loop's few: some work lasts as long as a transaction, which goes on
    without us, and a server that is stopped waits for none of it.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(call: Callable[[Any], None], value: object) -> None:
        def told() -> None:
            if not future.done():  # whoever waited may be gone
                call(value)

        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(told)

    def run() -> None:
        try:
            result = work()
        except BaseException as error:
            tell(future.set_exception, error)
        else:
            tell(future.set_result, result)

    _threads.run(run)
    return await future


class Threads:
    """Threads as many as there is work; to start one, the loop would stand still until it runs."""

    def __init__(self) -> None:
        self._spare: deque[SimpleQueue[Work]] = deque()

    def run(self, work: Work) -> None:
        """Give work, which raises nothing, to a thread that has none, else to a new one."""
        try:
            self._spare.pop().put(work)
        except IndexError:
            threading.Thread(
                target=self._work, args=(work,), name="pkgwidgets", daemon=True
            ).start()

    def _work(self, work: Work) -> None:
        todo: SimpleQueue[Work] = SimpleQueue()
        todo.put(work)
        del work  # what is done is kept by nobody
        while True:
            todo.get()()
            if len(self._spare) >= _MAX_IDLE_THREADS:
                return
            self._spare.append(todo)


_threads = Threads()
