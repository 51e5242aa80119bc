"""`ClusterService`: one plan for all environments of a cluster, applied in all or in none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Report
from pkgwidgets.notebook.progress_bar import reporting

from . import runner
from .any_cluster import WorkerRestart, cluster_of
from .cluster_planning import ClusterPlanning
from .environments import SurveyedEnvironment
from .errors import ClusterFailed
from .leader_participant import LeaderParticipant
from .leader_planning import get_environment
from .participants import ApplyLimits
from .two_phase import Settlement, TwoPhaseApply
from .values import (
    OLD_STATES,
    ClusterEnvironment,
    ClusterOutcome,
    ClusterPlan,
    ClusterTransaction,
    RestartedWorker,
)

if TYPE_CHECKING:
    import pandas as pd

_LOCK_SECONDS = 2.0
"""How long an apply waits for another client."""
_LEASE_SECONDS = 90.0
"""How long a recovery waits for a client that may be gone: until its lease of the lock ends."""


@dataclass
class _GateState:
    """What decides which workers may join after a change: how it ended, and the plan to hold."""

    settled: Settlement | None = None
    held: tuple[ClusterPlan, Sequence[ClusterEnvironment]] | None = None


class ClusterService(ClusterPlanning):
    """List, compare, plan and change the packages of all environments of a cluster.

    `client` is a `distributed.Client` that is not asynchronous, or an `ipyparallel.Client`. Workers
    with the same host and real prefix share an environment, which changes once. `index_url` is an
    index for all, without credentials; by default each environment uses what uv or pip is
    configured to use on its host. `interpreters` maps host names to a Python there that has
    pkgwidgets, for environments that do not have it. Needs the extra `dask` or `ipyparallel`.

    A change is prepared in every environment, and then committed in one after another: the first
    alone, and then in growing waves. After a failure all are undone. Interrupting the cell does the
    same. Everything goes over the connections of the cluster, with its TLS settings.

    A client of ipyparallel can neither restart engines nor keep new ones from joining: `apply`
    needs `restart=False, hold=False` there, and says so.

    >>> from distributed import Client
    >>> with Client(n_workers=0, dashboard_address=":0") as client:
    ...     frame = ClusterService(client).environments()  # a row for each environment
    >>> list(frame.columns)[:4]
    ['host', 'prefix', 'python', 'platform']
    """

    def __init__(
        self,
        client: Any,
        *,
        index_url: str | None = None,
        interpreters: Mapping[str, str] | None = None,
        limits: ApplyLimits | None = None,
    ) -> None:
        if index_url is not None and urlsplit(index_url).username is not None:
            reason = "its credentials would be sent to all hosts: configure uv or pip there"
            raise InvalidRequest("index_url", None, reason)
        super().__init__(cluster_of(client), index_url, interpreters or {})
        self._limits = limits or ApplyLimits()

    def apply(
        self,
        plan: ClusterPlan,
        *,
        restart: bool = True,
        hold: bool = True,
        lose_data: bool = False,
        report: Report | None = None,
    ) -> ClusterTransaction:
        """Apply a plan in every environment, or in none; return the committed change.

        With `restart` the workers of the changed environments start no more tasks. Once their
        running tasks have ended, the plan is committed, and they are restarted.
        So no task runs on a mixed set. Without it they go on with what they have loaded: call
        `restart` later. Data that only they hold and that no task can compute again would be lost:
        without `lose_data` this raises `ClusterRefused` before anything begins.

        No worker joins the cluster meanwhile. With `hold`, those that start later get the versions
        of the plan before, see `hold`.

        Raises `ClusterFailed` after a failure, with the state of each environment, and after an
        interrupt. Raises `ClusterRefused`, `ClusterUnfinished` after an interrupted change, and
        `EnvironmentBusy` while another client changes the cluster. A plan without changes does
        nothing.
        """
        if restart or hold:
            self._cluster.check_control()
        outcome = ClusterOutcome.COMMITTED
        if not plan:
            return ClusterTransaction(id="", plan=plan.id, outcome=outcome, environments=())
        with self._transport.exclusive(_LOCK_SECONDS), self._closed_gate() as gate:
            located = self._locate()
            self._records.raise_if_unfinished(located)
            changed = [get_environment(located, key) for key, _ in plan.changed]
            restarting = self._restarting(changed)
            if restart:
                self._run(restarting.check(lose_data=lose_data))
            change, log = self._records.begin(plan)
            work = TwoPhaseApply(
                self._participants(plan, change, located),
                log,
                limits=self._limits,
                before_commit=restarting.drain if restart else None,
            )
            gate.settled = settled = self._settle(work.apply, work, report)
            if hold and settled.outcome is ClusterOutcome.COMMITTED:
                gate.held = plan, [entry.environment for entry in located.values()]
            workers = self._run(restarting.end(settled)) if restart else []
        problems = "; ".join(str(worker) for worker in workers if worker.problem)
        return _raise_if_failed(change, plan, settled, problems)

    def undo(
        self,
        change: str | ClusterTransaction | None = None,
        *,
        restart: bool = True,
        hold: bool = True,
        report: Report | None = None,
    ) -> ClusterTransaction:
        """Plan and apply the undo of a change; `restart` and `hold` are those of `apply`.

        Raises what `plan_undo` and `apply` raise.
        """
        plan = self.plan_undo(change, report=report)
        return self.apply(plan, restart=restart, hold=hold, report=report)

    def recover(self, *, finish: bool = False, report: Report | None = None) -> pd.DataFrame:
        """Undo the interrupted changes of this cluster that this user began; return the history.

        With `finish`, one that was prepared everywhere is committed instead, and undone only if
        that fails. Afterwards every worker may join: `hold` limits it again. Raises `ClusterFailed`
        while an environment does not answer.
        """
        located = self._locate()
        with self._transport.exclusive(_LEASE_SECONDS):
            for record in self._records.unfinished(located):
                work = TwoPhaseApply(
                    self._participants(record.plan, record.id, located),
                    self._records.log(record.id),
                    limits=self._limits,
                )
                undo = partial(work.revert, "it was interrupted")
                main = work.finish if finish and record.can_finish else undo
                settled = self._settle(main, work, report)
                if settled.outcome is ClusterOutcome.INCOMPLETE:
                    _raise_if_failed(record.id, record.plan, settled)
            self._run(self._cluster.gate(self._index_url).open())
        return self.history()

    def restart(
        self, environments: Iterable[str] | None = None, *, lose_data: bool = False
    ) -> pd.DataFrame:
        """Restart the workers of some environments, or of all, one environment after another.

        Workers first end their running tasks. `lose_data` is as for `apply`. Returns a row per
        worker, indexed by its name in `worker` (object). All columns are strings:

        - `environment`: the id of its environment
        - `status`: back or lost
        - `problem`: what is wrong with it, such as another version loaded than installed; or NA
        """
        from . import frames

        self._cluster.check_control()
        located = self._locate()
        names = list(located) if environments is None else list(environments)
        workers: list[RestartedWorker] = []
        for name in names:
            restarting = self._restarting([get_environment(located, name)])
            if not lose_data:
                self._run(restarting.check_data())
            workers += self._run(restarting.drain_and_restart())
        return frames.restarted(workers)

    def hold(self, plan: ClusterPlan) -> None:
        """Let only workers join that have the versions of a plan, or get them before they start.

        `apply` does so. A nanny that cannot get them closes, and its log says why. Versions that
        were held before stay held, unless the plan changes them.
        """
        self._cluster.check_control()
        with self._transport.exclusive(_LOCK_SECONDS), self._closed_gate() as gate:
            gate.held = plan, [entry.environment for entry in self._locate().values()]

    def unhold(self) -> None:
        """Let every worker join, with any versions."""
        with self._transport.exclusive(_LOCK_SECONDS):
            self._run(self._cluster.gate(self._index_url).open())

    @contextmanager
    def _closed_gate(self) -> Iterator[_GateState]:
        """Let no worker join in a block; afterwards those that its end allows."""
        gate, state = self._cluster.gate(self._index_url), _GateState()
        self._run(gate.close())
        try:
            yield state
        finally:
            if state.held is not None:
                self._run(gate.hold(*state.held))
            elif state.settled is None or state.settled.outcome is not ClusterOutcome.INCOMPLETE:
                self._run(gate.reopen())

    def _restarting(self, changed: Iterable[SurveyedEnvironment]) -> WorkerRestart:
        return self._cluster.restarting(list(changed), self._limits)

    def _participants(
        self, plan: ClusterPlan, change: str, located: Mapping[str, SurveyedEnvironment]
    ) -> list[LeaderParticipant]:
        return [
            LeaderParticipant(
                key,
                get_environment(located, key).leader,
                part,
                change,
                self._index_url,
                self._limits,
            )
            for key, part in plan.changed
        ]

    def _settle(self, main: Any, work: TwoPhaseApply, report: Report | None) -> Settlement:
        with reporting(report) as progress:

            async def run(report_here: Report) -> Settlement:
                work.report = report_here
                settled: Settlement = await main()
                return settled

            return runner.run(run, progress, stop=work.stop)


def _raise_if_failed(
    change: str, plan: ClusterPlan, settled: Settlement, problems: str = ""
) -> ClusterTransaction:
    if settled.outcome is not ClusterOutcome.COMMITTED:
        raise ClusterFailed(
            change,
            settled.error,
            tuple(map(str, settled.environments)),
            tuple(o.environment for o in settled.environments if o.state not in OLD_STATES),
        )
    return ClusterTransaction(
        id=change,
        plan=plan.id,
        outcome=settled.outcome,
        environments=settled.environments,
        error=problems,
    )
