"""What a change needs of a cluster beside its transport, and the cluster of a client."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from pkgwidgets.core.errors import InvalidRequest

from .environments import SurveyedEnvironment
from .participants import ApplyLimits
from .transport import Transport
from .two_phase import Settlement
from .values import ClusterEnvironment, ClusterPlan, RestartedWorker


class WorkerRestart(Protocol):
    """Drains and restarts the workers of some environments, by their names."""

    async def check(self, *, lose_data: bool) -> None:
        """Raise `ClusterRefused` if a change cannot restart these workers afterwards."""

    async def check_data(self) -> None:
        """Raise `ClusterRefused` if a restart loses data that no task can compute again."""

    async def drain(self) -> None:
        """Let all these workers end their running tasks, and start no others."""

    async def end(self, settled: Settlement) -> list[RestartedWorker]:
        """Restart the workers whose environments changed, and resume the others."""

    async def drain_and_restart(self) -> list[RestartedWorker]:
        """Drain and restart all; return them with what they have loaded and should not."""


class Gate(Protocol):
    """Decides which workers may join."""

    async def close(self) -> None:
        """Let no worker join, and remember what newcomers got so far."""

    async def reopen(self) -> None:
        """Let workers join as before `close`."""

    async def hold(self, plan: ClusterPlan, environments: Iterable[ClusterEnvironment]) -> None:
        """Let workers join that have, or then get, the versions of a plan, too."""

    async def open(self) -> None:
        """Let every worker join."""


class Cluster(Protocol):
    """A cluster of workers, whose environments get one plan."""

    @property
    def transport(self) -> Transport:
        """The way to its workers."""

    def check_control(self) -> None:
        """Raise `ClusterRefused` if workers can be neither restarted nor kept from joining."""

    def restarting(
        self, environments: Sequence[SurveyedEnvironment], limits: ApplyLimits
    ) -> WorkerRestart:
        """Return what restarts the workers of these environments."""

    def gate(self, index_url: str | None) -> Gate:
        """Return what decides which workers may join."""


def cluster_of(client: Any) -> Cluster:
    """Return the cluster of a client of Dask or ipyparallel; raise `InvalidRequest` for others."""
    module = type(client).__module__.partition(".")[0]
    if module == "distributed":
        from .dask_cluster import DaskCluster

        return DaskCluster(client)
    if module == "ipyparallel":
        from .ipyparallel_cluster import IpyparallelCluster

        return IpyparallelCluster(client)
    reason = "it is a client of neither `distributed` nor `ipyparallel`"
    raise InvalidRequest("client", type(client).__name__, reason)
