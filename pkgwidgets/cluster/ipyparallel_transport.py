"""Reach the engines of ipyparallel by way of their controller, over its own connections.

Functions are called by name, because ipyparallel sends the code of others. An engine does one thing
at a time: while a leader works for its environment, the engine that started it runs no task.
"""

from __future__ import annotations

import asyncio
import os
import platform
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from pkgwidgets.connect import cluster_records, remote_process
from pkgwidgets.core.redaction import redact

from . import worker_calls
from .cluster_kinds import IPYPARALLEL
from .errors import EnvironmentUnreachable
from .transport import RemoteOutput, WorkerPlace

if TYPE_CHECKING:
    from ipyparallel import Client

_FACT_SECONDS = 60.0
"""How long to wait for facts of an engine; it may be busy with a task."""


class _ByName:
    """A function or module of the standard library or of pkgwidgets, pickled by its name alone.

    `name` is what `pkgutil.resolve_name` reads, such as `platform:python_version`.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call it here; engines get the function itself."""
        return resolve_name(self._name)(*arguments, **options)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return resolve_name, (self._name,)


_SYS = _ByName("sys")
_FACTS: Mapping[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "host": (socket.gethostname, ()),
    "python": (getattr, (_SYS, "executable")),
    "prefix": (getattr, (_SYS, "prefix")),
    "python_version": (platform.python_version, ()),
}
"""What is asked of an engine, by the field of its place: a function, and its arguments."""


class IpyparallelTransport:
    """The engines of the controller of an `ipyparallel.Client`. Names of workers are engine ids."""

    kind = IPYPARALLEL

    def __init__(self, client: Client) -> None:
        self.client: Any = client

    async def places(self) -> tuple[WorkerPlace, ...]:
        """Return the engines as they are now, sorted by name."""
        places = await asyncio.gather(*map(self._place, list(self.client.ids)))
        return tuple(sorted(places, key=lambda place: place.name))

    async def run(
        self, address: str, argv: Sequence[str], stdin: str, seconds: float
    ) -> RemoteOutput:
        """Run a process to its end at an engine, in its own session."""
        _, (function, command), options = remote_process(argv, stdin, seconds)
        try:
            done = await self._call(address, function, command, seconds=seconds, **options)
        except TimeoutError:
            raise
        except Exception as error:
            raise EnvironmentUnreachable(f"engine {address}", _reason(error)) from error
        return RemoteOutput(
            returncode=done.returncode, stdout=str(done.stdout), stderr=str(done.stderr)
        )

    async def run_on_scheduler(self, stdin: str, seconds: float) -> RemoteOutput:
        """Raise `EnvironmentUnreachable`: a controller runs nothing for its clients."""
        why = "the controller of ipyparallel runs nothing for its clients"
        raise EnvironmentUnreachable("the scheduler", why)

    async def loaded(self) -> dict[str, Mapping[str, str] | None]:
        """Return the loaded versions by name of each engine; None if an engine cannot tell."""
        names = list(map(str, self.client.ids))
        return dict(zip(names, await asyncio.gather(*map(self._loaded, names)), strict=True))

    @contextmanager
    def exclusive(self, seconds: float) -> Iterator[None]:
        """Let no other client of this user and machine change a cluster in a block.

        Raises `EnvironmentBusy`. Others are kept apart by the lock of each environment: the plan
        of one of two clients is stale then, and is undone.
        """
        with cluster_records().locked(seconds):
            yield

    async def _place(self, engine: int) -> WorkerPlace:
        name = str(engine)
        try:
            facts = {field: await self._ask(name, *call) for field, call in _FACTS.items()}
            facts["prefix"] = await self._ask(name, os.path.realpath, (facts["prefix"],))
        except Exception as error:
            host = f"engine {name}"
            return WorkerPlace(
                name=name, address=name, has_nanny=False, host=host, error=_reason(error)
            )
        return WorkerPlace(name=name, address=name, has_nanny=False, **facts)

    async def _ask(
        self, engine: str, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> str:
        """Return a fact of an engine."""
        return str(await self._call(engine, function, *arguments, seconds=_FACT_SECONDS))

    async def _loaded(self, engine: str) -> Mapping[str, str] | None:
        function = worker_calls.loaded_versions
        try:
            answer = await self._call(engine, function, seconds=_FACT_SECONDS)
        except Exception:
            return None
        return answer if isinstance(answer, dict) else None

    async def _call(
        self,
        engine: str,
        function: Callable[..., Any],
        *arguments: Any,
        seconds: float,
        **options: Any,
    ) -> Any:
        """Call a function by its name at an engine; raise what it raised, or `TimeoutError`."""
        by_name = _ByName(f"{function.__module__}:{function.__qualname__}")
        view = self.client.direct_view(int(engine))
        answer = view.apply_async(by_name, *arguments, **options)
        # Shielded: what an engine has begun cannot be cancelled.
        future = asyncio.shield(asyncio.wrap_future(answer))
        async with asyncio.timeout(seconds):
            return await future


def _reason(error: BaseException) -> str:
    """Return why an engine gave no answer."""
    return redact(f"{type(error).__name__}: {error}")[:300]
