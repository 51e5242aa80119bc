"""Which workers may join a cluster: none during a change, afterwards those with its versions."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from . import worker_calls
from .dask_transport import DaskTransport
from .newcomers import AnyNewcomers, HeldSet, NoNewcomers, merged_pins
from .values import ClusterEnvironment, ClusterPlan


class NewcomerGate:
    """The plugin that nannies get before they start their workers."""

    def __init__(self, transport: DaskTransport, index_url: str | None) -> None:
        self._transport = transport
        self._index_url = index_url
        self._held: tuple[tuple[str, ...], tuple[str, ...], str | None] | None = None

    async def close(self) -> None:
        """Let no worker join, and remember what newcomers got so far."""
        with suppress(ImportError):  # a scheduler without pkgwidgets cannot tell
            held = await self._transport.call_scheduler(worker_calls.held_set)
            self._held = held if held is None else (tuple(held[0]), tuple(held[1]), held[2])
        await self._transport.set_newcomers(NoNewcomers())

    async def reopen(self) -> None:
        """Let workers join as before `close`."""
        await self._transport.set_newcomers(HeldSet(*self._held) if self._held else AnyNewcomers())

    async def hold(self, plan: ClusterPlan, environments: Iterable[ClusterEnvironment]) -> None:
        """Let workers join that have, or then get, the versions of a plan, too."""
        held = self._held[0] if self._held else ()
        minors = {".".join(e.python_version.split(".")[:2]) for e in environments}
        pins, pythons = merged_pins(held, plan), sorted(minors - {""})
        await self._transport.set_newcomers(HeldSet(pins, pythons, self._index_url))

    async def open(self) -> None:
        """Let every worker join."""
        await self._transport.set_newcomers(AnyNewcomers())
