"""A Dask cluster: nannies restart its workers, and get the versions of those that start later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .cluster_restart import ClusterRestart
from .dask_transport import DaskTransport
from .environments import SurveyedEnvironment
from .newcomer_gate import NewcomerGate
from .participants import ApplyLimits

if TYPE_CHECKING:
    from distributed import Client


class DaskCluster:
    """The cluster of a `distributed.Client`, which must not be asynchronous."""

    def __init__(self, client: Client) -> None:
        self.transport = DaskTransport(client)

    def check_control(self) -> None:
        """Do nothing: nannies restart workers, and get plugins."""

    def restarting(
        self, environments: Sequence[SurveyedEnvironment], limits: ApplyLimits
    ) -> ClusterRestart:
        """Return what restarts the workers of these environments."""
        return ClusterRestart(self.transport, environments, limits)

    def gate(self, index_url: str | None) -> NewcomerGate:
        """Return what decides which workers may join."""
        return NewcomerGate(self.transport, index_url)
