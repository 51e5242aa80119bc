"""Reach the workers of a Dask cluster by way of its scheduler, over the cluster's own connections.

Everything is called by its name, in the standard library or in pkgwidgets: no code is sent. So
hosts may have different Pythons, and leaders can be started where pkgwidgets cannot be imported.
"""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from distributed import Client, Lock, NannyPlugin

from pkgwidgets.connect import leader_command, remote_process
from pkgwidgets.core.errors import EnvironmentBusy, InvalidRequest
from pkgwidgets.core.redaction import redact

from . import worker_calls
from .cluster_kinds import DASK
from .errors import EnvironmentUnreachable
from .transport import RemoteOutput, WorkerPlace

_LOCK_NAME = "pkgwidgets"
"""The name of the lock that a client holds while it changes a cluster."""
_FACT_SECONDS = 60.0
"""How long to wait for facts of the workers."""


class DaskTransport:
    """The workers of the cluster of a `distributed.Client`, which must not be asynchronous."""

    kind = DASK

    def __init__(self, client: Client) -> None:
        if client.asynchronous:
            reason = "an asynchronous client cannot be used: create it without `asynchronous=True`"
            raise InvalidRequest("client", None, reason)
        self.client: Any = client  # its types leave out what `asynchronous=True` returns

    async def places(self) -> tuple[WorkerPlace, ...]:
        """Return the workers as they are now, sorted by name."""
        workers = await self._workers()
        addresses = [worker.get("nanny") or address for address, worker in workers.items()]
        hosts, pythons, prefixes, versions = await asyncio.gather(
            self.call(addresses, socket.gethostname),
            self.call(addresses, getattr, sys, "executable"),
            self._real_prefixes(addresses),
            self.call(addresses, platform.python_version),
        )
        places = [
            _place(
                worker,
                address,
                {
                    "host": hosts.get(address),
                    "python": pythons.get(address),
                    "prefix": prefixes.get(address),
                    "python_version": versions.get(address),
                },
            )
            for address, worker in zip(addresses, workers.values(), strict=True)
        ]
        return tuple(sorted(places, key=lambda place: place.name))

    async def _real_prefixes(self, addresses: Sequence[str]) -> Mapping[str, Any]:
        """Return the real path of the prefix at each address: workers may reach it by a link."""
        prefixes = await self.call(addresses, getattr, sys, "prefix")
        by_prefix: dict[str, list[str]] = {}
        for address, prefix in prefixes.items():
            if isinstance(prefix, str):
                by_prefix.setdefault(prefix, []).append(address)
        answers = await asyncio.gather(
            *(self.call(where, os.path.realpath, prefix) for prefix, where in by_prefix.items())
        )
        return {address: path for real in answers for address, path in real.items()} | {
            address: answer for address, answer in prefixes.items() if not isinstance(answer, str)
        }

    async def run(
        self, address: str, argv: Sequence[str], stdin: str, seconds: float
    ) -> RemoteOutput:
        """Run a process to its end at an address, in its own session; block no event loop there."""
        function, arguments, options = remote_process(argv, stdin, seconds)
        answers = await self.call([address], function, *arguments, wait_for=seconds, **options)
        return _output(address, answers.get(address))

    async def run_on_scheduler(self, stdin: str, seconds: float) -> RemoteOutput:
        """Run a leader for the scheduler's own environment."""
        client = self.client
        python = await self._await(
            lambda: client.run_on_scheduler(getattr, sys, "executable", asynchronous=True)
        )
        function, arguments, options = remote_process(leader_command(python), stdin, seconds)
        answer = await self._await(
            lambda: client.run_on_scheduler(function, *arguments, asynchronous=True, **options)
        )
        return _output("the scheduler", answer)

    async def loaded(self) -> dict[str, Mapping[str, str] | None]:
        """Return the loaded versions by name of each worker; None if a worker cannot tell."""
        workers = await self._workers()
        answers = await self.call(list(workers), asyncio.to_thread, worker_calls.loaded_versions)
        return {
            str(worker["name"]): answer if isinstance(answer, dict) else None
            for address, worker in workers.items()
            for answer in [answers.get(address)]
        }

    @contextmanager
    def exclusive(self, seconds: float) -> Iterator[None]:
        """Let no other client change this cluster in a block; raise `EnvironmentBusy`.

        The scheduler has the lock. It frees that of a client that is gone after its lease time,
        which is 30 seconds by default.
        """
        lock = Lock(_LOCK_NAME, scheduler_rpc=self.client.scheduler, loop=self.client.loop)
        if not lock.acquire(timeout=seconds):
            raise EnvironmentBusy("another client of this cluster")
        try:
            yield
        finally:
            lock.release()

    async def call(
        self,
        addresses: Sequence[str],
        function: Callable[..., Any],
        *arguments: Any,
        wait_for: float = _FACT_SECONDS,
        **options: Any,
    ) -> Mapping[str, Any]:
        """Call a function at nannies or workers; an answer may be the exception that it raised."""
        if not addresses:
            return {}
        unique = list(dict.fromkeys(addresses))
        async with asyncio.timeout(wait_for):
            answers: Mapping[str, Any] = await self._await(
                lambda: self.client.run(
                    function,
                    *arguments,
                    workers=unique,  # sent to these addresses as they are, nannies too
                    on_error="return",
                    asynchronous=True,
                    **options,
                )
            )
        return answers

    async def call_scheduler(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of pkgwidgets in the process of the scheduler."""
        return await self._await(
            lambda: self.client.run_on_scheduler(function, *arguments, asynchronous=True)
        )

    async def addresses(self, names: Sequence[str]) -> dict[str, str]:
        """Return the addresses of those of these workers that are connected now, by name."""
        workers = await self._workers()
        by_name = {str(worker["name"]): address for address, worker in workers.items()}
        return {name: by_name[name] for name in names if name in by_name}

    async def restart(self, addresses: Sequence[str], seconds: float) -> Mapping[str, Any]:
        """Restart workers by their nannies; an answer is `OK`, another word, or an error."""
        answers: Mapping[str, Any] = await asyncio.to_thread(
            self.client.restart_workers, list(addresses), timeout=seconds, raise_for_error=False
        )
        return answers

    async def set_newcomers(self, plugin: NannyPlugin) -> None:
        """Give all future nannies a plugin, instead of the one of the same name before.

        Present nannies have their workers already: what goes wrong there does not count.
        """
        with suppress(ImportError, OSError):
            await asyncio.to_thread(self.client.register_plugin, plugin)

    async def _workers(self) -> dict[str, dict[str, Any]]:
        info = await self._await(lambda: self.client.scheduler.identity(n_workers=-1))
        workers: dict[str, dict[str, Any]] = info["workers"]
        return workers

    async def _await(self, start: Callable[[], Awaitable[Any]]) -> Any:
        """Await what `start` returns in the loop of the client, from another loop."""

        async def main() -> Any:
            return await start()

        work = main()
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.client.loop.asyncio_loop)
        except RuntimeError as error:  # the loop of a closed client
            work.close()
            raise EnvironmentUnreachable("the cluster", "the client is closed") from error
        try:
            return await asyncio.wrap_future(future)
        except OSError as error:  # a lost connection is one, too
            raise EnvironmentUnreachable("the cluster", redact(str(error))) from error


def _place(worker: Mapping[str, Any], address: str, facts: Mapping[str, Any]) -> WorkerPlace:
    name, has_nanny = str(worker["name"]), bool(worker.get("nanny"))
    if not all(isinstance(fact, str) for fact in facts.values()):
        errors = (fact for fact in facts.values() if isinstance(fact, BaseException))
        error = next(errors, None)
        why = redact(repr(error))[:200] if error is not None else "it gave no answer"
        host = str(worker.get("host", address))
        return WorkerPlace(name=name, address=address, has_nanny=has_nanny, host=host, error=why)
    return WorkerPlace(name=name, address=address, has_nanny=has_nanny, **facts)


def _output(where: str, answer: Any) -> RemoteOutput:
    """Return what a process printed; raise `EnvironmentUnreachable` if it did not end."""
    if not hasattr(answer, "returncode"):
        why = "it is gone" if answer is None else redact(repr(answer))[:300]
        raise EnvironmentUnreachable(where, why)
    return RemoteOutput(
        returncode=answer.returncode, stdout=str(answer.stdout), stderr=str(answer.stderr)
    )
