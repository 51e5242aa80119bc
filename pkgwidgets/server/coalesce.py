"""Coalesce identical requests into one run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

_T = TypeVar("_T")


class Coalescer:
    """One run for all who ask for the same before it begins.

    Who asks while it runs gets the next one: what changed before the question is in the answer.
    """

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Task[Any]] = {}
        self._running: dict[Hashable, asyncio.Lock] = {}

    async def ask(self, key: Hashable, work: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `work` returns, run by whoever asked first for `key`."""
        waiting = self._next.get(key)
        if waiting is None:
            waiting = self._next[key] = asyncio.ensure_future(self._run(key, work))
        # One who hangs up takes the answer from nobody else.
        found: _T = await asyncio.shield(waiting)
        return found

    async def _run(self, key: Hashable, work: Callable[[], Awaitable[_T]]) -> _T:
        lock = self._running.setdefault(key, asyncio.Lock())
        async with lock:
            del self._next[key]
            try:
                return await work()
            finally:
                # Clients choose the keys: none is kept that nobody waits for.
                if key not in self._next:
                    self._running.pop(key, None)
