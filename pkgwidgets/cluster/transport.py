"""How a client reaches the workers of a cluster, and the environments that they run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from .cluster_kinds import ClusterKind


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerPlace:
    """One worker, and where processes are started for its environment.

    `name` stays when the worker is restarted. `address` is where to start a process: its nanny, or
    the worker itself without one. `python`, the real path of its `prefix` and `python_version` are
    those of the process there. `error` says why nothing is known of it.
    """

    name: str
    address: str
    has_nanny: bool
    host: str = ""
    python: str = ""
    prefix: str = ""
    python_version: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteOutput:
    """What a process on another machine printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


class Transport(Protocol):
    """The way to the workers of one cluster. Each call may raise `EnvironmentUnreachable`."""

    @property
    def kind(self) -> ClusterKind:
        """The kind of the cluster."""

    async def places(self) -> Sequence[WorkerPlace]:
        """Return the workers as they are now, sorted by name."""

    async def run(
        self, address: str, argv: Sequence[str], stdin: str, seconds: float
    ) -> RemoteOutput:
        """Run a process to its end at an address, in its own session."""

    async def run_on_scheduler(self, stdin: str, seconds: float) -> RemoteOutput:
        """Run a leader for the scheduler's own environment."""

    async def loaded(self) -> Mapping[str, Mapping[str, str] | None]:
        """Return the loaded versions by name of each worker; None if a worker cannot tell."""

    def exclusive(self, seconds: float) -> AbstractContextManager[None]:
        """Let no other client change this cluster in a block; raise `EnvironmentBusy`.

        `seconds` is how long to wait for another client.
        """
