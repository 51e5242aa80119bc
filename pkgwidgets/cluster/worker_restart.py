"""Restart workers in waves, by name: pause, wait for running tasks, restart, look at the result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from pkgwidgets.core.redaction import redact

from . import worker_calls
from .dask_transport import DaskTransport

_POLL_SECONDS = 0.2
_RETURN_SECONDS = 300.0
"""How long a restarted worker may take to come back."""


async def keys_at_stake(transport: DaskTransport, names: Sequence[str]) -> tuple[str, ...]:
    """Return the keys that a restart of these workers would lose for good."""
    keys = await transport.call_scheduler(worker_calls.keys_at_stake, tuple(names))
    return tuple(keys)


async def drain(transport: DaskTransport, names: Sequence[str], seconds: float) -> None:
    """Let workers start no more tasks, and wait until none runs; raise TimeoutError.

    Workers that cannot import pkgwidgets go on.
    """
    addresses = await transport.addresses(names)
    await transport.call(list(addresses.values()), worker_calls.pause)
    async with asyncio.timeout(seconds):
        while True:
            counts = await transport.call(list(addresses.values()), worker_calls.count_running)
            if not any(count for count in counts.values() if isinstance(count, int)):
                return
            await asyncio.sleep(_POLL_SECONDS)


async def resume(transport: DaskTransport, names: Sequence[str]) -> None:
    """Let paused workers start tasks again."""
    addresses = await transport.addresses(names)
    await transport.call(list(addresses.values()), worker_calls.resume)


async def restart(
    transport: DaskTransport, names: Sequence[str], seconds: float = _RETURN_SECONDS
) -> dict[str, str]:
    """Restart workers and wait until they are back; return what is wrong with those that are not.

    The answers of the nannies are not trusted: a worker is back once it has another address.
    """
    before = await transport.addresses(names)
    answers = await transport.restart(list(before.values()), seconds)
    deadline = monotonic() + seconds
    while True:
        now = await transport.addresses(names)
        missing = [name for name in names if now.get(name, before.get(name)) == before.get(name)]
        if not missing or monotonic() > deadline:
            return {name: _problem(answers.get(before.get(name, ""))) for name in missing}
        await asyncio.sleep(_POLL_SECONDS)


def _problem(answer: object) -> str:
    detail = "" if answer in (None, "OK") else f": {redact(str(answer))[:200]}"
    return f"it did not come back{detail}"
