"""Work that leaves the event loop, and is shared by all who wait for the same."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def aside(work: Callable[[], T]) -> T:
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

    threading.Thread(target=run, name="pkgwidgets", daemon=True).start()
    return await future


class Together:
    """One run for all who ask for the same before it begins.

    Who asks while it runs gets the next one: what changed before the question is in the answer.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._running: dict[Hashable, asyncio.Lock] = {}

    async def ask(self, key: Hashable, work: Callable[[], T]) -> T:
        """Return what `work` returns, run by whoever asked first for `key`."""
        waiting = self._next.get(key)
        if waiting is None:
            waiting = self._next[key] = asyncio.ensure_future(self._run(key, work))
        # One who hangs up takes the answer from nobody else.
        found: T = await asyncio.shield(waiting)
        return found

    async def _run(self, key: Hashable, work: Callable[[], T]) -> T:
        async with self._running.setdefault(key, asyncio.Lock()):
            del self._next[key]
            return await aside(work)
