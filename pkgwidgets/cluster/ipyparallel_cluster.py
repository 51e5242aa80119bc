"""A cluster of ipyparallel: its client can neither restart engines nor keep new ones from joining.

So a change needs `restart=False, hold=False`, and the engines are started anew afterwards: they
keep what they have loaded. `Cluster.restart_engines` of ipyparallel restarts whole sets, and only
for who started them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

from .environments import SurveyedEnvironment
from .errors import ClusterRefused
from .ipyparallel_transport import IpyparallelTransport
from .participants import ApplyLimits
from .two_phase import Settlement
from .values import ClusterEnvironment, ClusterPlan, RestartedWorker

if TYPE_CHECKING:
    from ipyparallel import Client

_NO_CONTROL = (
    "a client of ipyparallel can neither restart engines nor keep new ones from joining. "
    "Apply with `restart=False, hold=False`, and start all engines anew afterwards"
)


def _refuse() -> NoReturn:
    raise ClusterRefused("The cluster", _NO_CONTROL)


class IpyparallelCluster:
    """The cluster of an `ipyparallel.Client`."""

    def __init__(self, client: Client) -> None:
        self.transport = IpyparallelTransport(client)

    def check_control(self) -> None:
        """Raise `ClusterRefused`."""
        _refuse()

    def restarting(
        self, environments: Sequence[SurveyedEnvironment], limits: ApplyLimits
    ) -> EngineRestart:
        """Return what refuses to restart."""
        return EngineRestart()

    def gate(self, index_url: str | None) -> OpenGate:
        """Return a gate that is always open."""
        return OpenGate()


class EngineRestart:
    """The restart of engines, which is refused before anything begins."""

    async def check(self, *, lose_data: bool) -> None:
        """Raise `ClusterRefused`."""
        _refuse()

    async def check_data(self) -> None:
        """Raise `ClusterRefused`."""
        _refuse()

    async def drain(self) -> None:
        """Raise `ClusterRefused`."""
        _refuse()

    async def end(self, settled: Settlement) -> list[RestartedWorker]:
        """Raise `ClusterRefused`."""
        _refuse()

    async def drain_and_restart(self) -> list[RestartedWorker]:
        """Raise `ClusterRefused`."""
        _refuse()


class OpenGate:
    """The gate of a cluster that anyone can join."""

    async def close(self) -> None:
        """Do nothing: new engines join during a change, with what their environment has then."""

    async def reopen(self) -> None:
        """Do nothing: it never closed."""

    async def hold(self, plan: ClusterPlan, environments: Iterable[ClusterEnvironment]) -> None:
        """Raise `ClusterRefused`."""
        _refuse()

    async def open(self) -> None:
        """Do nothing: it never closed."""
