"""A simulated cluster: the code of an apply, over a transport with seeded latencies and failures.

Time is virtual: the loop jumps to the next moment at which something happens.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from pkgwidgets.cluster.errors import EnvironmentUnreachable
from pkgwidgets.cluster.participants import Step
from pkgwidgets.core.errors import Cancelled, InstallFailed, StageFailed

_Result = TypeVar("_Result")


class _NoWaiting(selectors.DefaultSelector):
    """A selector that advances the clock instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock advances only while all its tasks sleep."""

    def __init__(self) -> None:
        self._virtual = _NoWaiting()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The probabilities of what goes wrong in one call, and the longest latency in seconds."""

    fails_to_prepare: float = 0.0
    fails_to_commit: float = 0.0
    fails_to_revert: float = 0.0
    loses_request: float = 0.0
    loses_reply: float = 0.0
    dies_while_committing: float = 0.0
    latency: float = 2.0
    work: float = 10.0


ROUGH = Faults(
    fails_to_prepare=0.001,
    fails_to_commit=0.001,
    fails_to_revert=0.1,
    loses_request=0.002,
    loses_reply=0.002,
    dies_while_committing=0.001,
)
"""So rare for one environment that some of the runs with 500 commit, and most do not."""

RARE = Faults(
    fails_to_prepare=0.0002,
    fails_to_commit=0.0002,
    fails_to_revert=0.1,
    loses_request=0.0002,
    loses_reply=0.0002,
    dies_while_committing=0.0002,
)
"""So rare for one environment that many of the runs with 500 commit."""


@dataclass
class SimulatedEnvironment:
    """One environment: what its leader does there goes on when the client does not wait."""

    id: str
    random: Random
    faults: Faults
    is_new: bool = False
    permitted: bool = False
    commits: int = 0
    reverts: int = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    leaders: set[asyncio.Task[Any]] = field(default_factory=set)

    async def prepare(self) -> None:
        await self._call(self._prepare)

    async def commit(self) -> None:
        await self._call(self._commit)

    async def revert(self) -> bool:
        return await self._call(self._revert)

    async def _prepare(self) -> None:
        await self._work()
        if self._happens(self.faults.fails_to_prepare):
            raise StageFailed("", ("pea 2 does not import",))
        self.permitted = True

    async def _commit(self) -> None:
        async with self.lock:
            if self.is_new:
                return
            self._check_permitted()
            await self._work()
            if self._happens(self.faults.fails_to_commit):
                raise InstallFailed("t")
            if self._happens(self.faults.dies_while_committing):
                raise EnvironmentUnreachable(self.id, "its leader was killed")
            self._check_permitted()
            self.is_new = True
            self.commits += 1

    async def _revert(self) -> bool:
        self.permitted = False
        async with self.lock:
            await self._work()
            if self._happens(self.faults.fails_to_revert):
                raise EnvironmentUnreachable(self.id, "the disk does not answer")
            was_new, self.is_new = self.is_new, False
            self.reverts += was_new
            return was_new

    def _check_permitted(self) -> None:
        if not self.permitted:
            raise Cancelled("t")

    async def _call(self, remote: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        await self._travel()
        if self._happens(self.faults.loses_request):
            raise EnvironmentUnreachable(self.id, "the request was lost")
        leader = asyncio.create_task(remote())
        self.leaders.add(leader)
        result = await asyncio.shield(leader)
        await self._travel()
        if self._happens(self.faults.loses_reply):
            raise EnvironmentUnreachable(self.id, "the reply was lost")
        return result

    async def _travel(self) -> None:
        await asyncio.sleep(self.random.uniform(0, self.faults.latency))

    async def _work(self) -> None:
        await asyncio.sleep(self.random.uniform(0, self.faults.work))

    def _happens(self, probability: float) -> bool:
        return self.random.random() < probability


class MemoryLog:
    """The record of one apply, in memory."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def record(self, step: Step) -> None:
        self.steps.append(step)


def make_environments(count: int, seed: int, faults: Faults) -> list[SimulatedEnvironment]:
    return [
        SimulatedEnvironment(f"node{number:03}:/env", Random(f"{seed}/{number}"), faults)
        for number in range(count)
    ]


def run(main: Callable[[VirtualLoop], Awaitable[_Result]]) -> tuple[_Result, float]:
    """Run to the end in virtual time; return the result and the seconds that passed."""
    loop = VirtualLoop()

    async def timed() -> tuple[_Result, float]:
        try:
            return await main(loop), loop.time()
        finally:
            left = asyncio.all_tasks() - {asyncio.current_task()}
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    try:
        return loop.run_until_complete(timed())
    finally:
        loop.close()


async def let_leaders_end(environments: list[SimulatedEnvironment]) -> None:
    """Wait for what still runs in the environments after the client has ended."""
    for environment in environments:
        await asyncio.gather(*environment.leaders, return_exceptions=True)
