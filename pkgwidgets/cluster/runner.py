"""Run coroutines for a caller that waits: in an event loop of their own, in another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Report

_Result = TypeVar("_Result")

_TICK_SECONDS = 0.05


def run(
    main: Callable[[Report], Coroutine[Any, Any, _Result]],
    report: Report,
    stop: Callable[[], None] | None = None,
) -> _Result:
    """Run to the end and return the result; `report` is called in the thread of the caller.

    `main` gets a report that may be called in its loop. An interrupt, or `Cancelled` out of
    `report`, calls `stop` in that loop; this waits until the work has ended.
    Without `stop` the work is cancelled, and the interrupt is raised.
    """
    events: SimpleQueue[Event] = SimpleQueue()
    loop: asyncio.AbstractEventLoop | None = None
    task: asyncio.Task[_Result] | None = None

    async def work() -> _Result:
        nonlocal loop, task
        loop, task = asyncio.get_running_loop(), asyncio.create_task(main(events.put))
        return await task

    def end() -> None:
        if loop is not None and task is not None and not loop.is_closed():
            loop.call_soon_threadsafe(stop or task.cancel)

    with ThreadPoolExecutor(1, "pkgwidgets-cluster") as pool:
        future = pool.submit(asyncio.run, work())
        while not future.done():
            try:
                _pass_on(events, report)
            except (KeyboardInterrupt, Cancelled):
                end()
                if stop is None:
                    raise
    with suppress(Cancelled):  # too late
        while not events.empty():
            report(events.get())
    return future.result()


def _pass_on(events: SimpleQueue[Event], report: Report) -> None:
    """Report the next event, if one comes soon."""
    with suppress(Empty):
        report(events.get(timeout=_TICK_SECONDS))
