"""Let threads send to a page of Shiny for Python; elsewhere this does nothing.

In Shiny a message needs the session of its page, which a new thread does not have. And it waits for
a flush of the reactive graph, which only the page's own messages cause. Source:
https://shiny.posit.co/py/api/core/reactive.lock.html
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

_FLUSH_SECONDS = 0.2
"""Seconds between two flushes while work is running."""
_WAIT_SECONDS = 10.0

_loops: WeakKeyDictionary[Any, asyncio.AbstractEventLoop] = WeakKeyDictionary()
"""The event loop of each session."""


def with_session(work: Callable[[], None], *, flushes: bool = True) -> Callable[[], None]:
    """Return `work` for a new thread: there it has the session of this call.

    With `flushes`, what it sends arrives while it runs.
    """
    module: Any = sys.modules.get("shiny.session")
    current = None if module is None else module.get_current_session()
    if current is None:
        return work
    session = current.root_scope()
    with suppress(RuntimeError):  # called from another thread
        _loops[session] = asyncio.get_running_loop()
    loop = _loops.get(session)

    def run() -> None:
        ended = threading.Event()
        if loop is not None and flushes:
            threading.Thread(
                target=_keep_flushing, args=(loop, ended), name="pkgwidgets-flush", daemon=True
            ).start()
        try:
            with module.session_context(session):
                work()
        finally:
            ended.set()

    return run


def _keep_flushing(loop: asyncio.AbstractEventLoop, ended: threading.Event) -> None:
    while not ended.wait(_FLUSH_SECONDS):
        _flush(loop)
    _flush(loop)


def _flush(loop: asyncio.AbstractEventLoop) -> None:
    if loop.is_closed():
        return
    with suppress(RuntimeError, TimeoutError):  # the application ends
        asyncio.run_coroutine_threadsafe(_flush_graph(), loop).result(_WAIT_SECONDS)


async def _flush_graph() -> None:
    reactive = import_module("shiny.reactive")
    async with reactive.lock():
        await reactive.flush()
