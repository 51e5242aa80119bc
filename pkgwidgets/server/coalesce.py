"""Coalesce identical requests into one run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

_T = TypeVar("_T")


class Coalescer:
    """One run for all callers that ask for the same key before the run begins.

    Callers that arrive while one runs share the next run, so they never get older data.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, asyncio.Task[Any]] = {}
        self._locks: dict[Hashable, asyncio.Lock] = {}

    async def run(self, key: Hashable, work: Callable[[], Awaitable[_T]]) -> _T:
        """Return what `work` of the first caller for `key` returns, or raise what it raises."""
        task = self._waiting.get(key)
        if task is None:
            task = self._waiting[key] = asyncio.ensure_future(self._run(key, work))
        # Shielded: a client that disconnects must not cancel the run for the others.
        result: _T = await asyncio.shield(task)
        return result

    async def _run(self, key: Hashable, work: Callable[[], Awaitable[_T]]) -> _T:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            del self._waiting[key]
            try:
                return await work()
            finally:
                # Clients choose the keys: drop each one that no caller waits for.
                if key not in self._waiting:
                    self._locks.pop(key, None)
