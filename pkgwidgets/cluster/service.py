"""`ClusterService`: one plan for all environments of a Dask cluster, applied in all or in none."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pkgwidgets.connect import cluster_records, connect
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.names import checked_names
from pkgwidgets.core.plan_json import plan_from_json
from pkgwidgets.core.plans import AllowPolicy, Plan, StepLimit
from pkgwidgets.notebook.progress_bar import reporting

from . import messages, planner, runner
from .cluster_restart import ClusterRestart, RestartedWorker
from .comparison import (
    check_requested,
    differing_pins,
    installed,
    stale_workers,
    wanted_versions,
)
from .dask_transport import DaskTransport
from .environments import SURVEY_SECONDS, SurveyedEnvironment, survey_environments
from .errors import ClusterFailed, ClusterRefused, ClusterUnfinished
from .leader_participant import LeaderParticipant
from .newcomer_gate import NewcomerGate
from .participants import ApplyLimits
from .record import ClusterRecord, RecordLog, describe_plan, new_id, read_record
from .survey import survey
from .two_phase import Settlement, TwoPhaseApply
from .values import OLD_STATES, ClusterEnvironment, ClusterOutcome, ClusterPlan, ClusterTransaction

if TYPE_CHECKING:
    import pandas as pd
    from distributed import Client

_Result = TypeVar("_Result")

_PLAN_SECONDS = 900.0
_LOCK_SECONDS = 2.0
"""How long an apply waits for another client."""
_LEASE_SECONDS = 90.0
"""How long a recovery waits for a client that may be gone: until its lease of the lock ends."""


@dataclass
class _GateState:
    """What decides which workers may join after a change: how it ended, and the plan to hold."""

    settled: Settlement | None = None
    held: tuple[ClusterPlan, Sequence[ClusterEnvironment]] | None = None


class ClusterService:
    """List, compare, plan and change the packages of all environments of a Dask cluster.

    `client` is a `distributed.Client` that is not asynchronous. Workers with the same host and real
    prefix share an environment, which changes once. `index_url` is an index for all, without
    credentials; by default each environment uses what uv or pip is configured to use on its host.
    `interpreters` maps host names to a Python there that has pkgwidgets, for environments that do
    not have it. Needs the extra `dask`.

    A change is prepared in every environment, and then committed in one after another: the first
    alone, and then in growing waves. After a failure all are undone. Interrupting the cell does the
    same. Everything goes over the connections of the cluster, with its TLS settings.
    """

    def __init__(
        self,
        client: Client,
        *,
        index_url: str | None = None,
        interpreters: Mapping[str, str] | None = None,
        limits: ApplyLimits | None = None,
    ) -> None:
        if index_url is not None and urlsplit(index_url).username is not None:
            reason = "its credentials would be sent to all hosts: configure uv or pip there"
            raise InvalidRequest("index_url", None, reason)
        self._transport = DaskTransport(client)
        self._index_url = index_url
        self._interpreters = dict(interpreters or {})
        self._limits = limits or ApplyLimits()
        self._records = cluster_records()

    def environments(self) -> pd.DataFrame:
        """Return a row per environment, indexed by `environment` (object): host and prefix.

        Each is read now, from metadata, by a process that its nanny starts. The columns, in order:

        - `host`, `prefix` (string): the host's own name, and the real path of the root folder
        - `python` (string): the version of the interpreter
        - `platform` (string): the operating system and the machine
        - `workers` (string): the names of its workers
        - `nanny` (boolean): whether a nanny can restart them
        - `writable` (boolean): whether its packages can be changed
        - `pkgwidgets` (string): the version that works for it; NA if there is none
        - `problem` (string): why it cannot be changed, in one sentence; NA if it can
        """
        from . import frames

        return frames.environments(self._survey())

    def drift(self) -> pd.DataFrame:
        """Return a row per distribution, indexed by `name` (object), differing ones first.

        Among these, what Dask itself speaks with comes first. All columns are strings but
        `differs`, which is boolean. `client` and `scheduler` have the installed versions there, and
        a column for each environment those of its workers; NA if it is not installed. `loaded`
        names the workers that have loaded another version than is installed: they keep it until
        they are restarted. A distribution differs if one environment lacks it, too; client and
        scheduler may lack it.
        """
        from . import frames

        surveyed, scheduler, loaded = self._run(self._read_all())
        elsewhere = {"client": _own_packages(), "scheduler": scheduler}
        return frames.drift(elsewhere, installed(surveyed), stale_workers(surveyed, loaded))

    def plan_upgrade(
        self,
        names: str | Iterable[str] | None = None,
        version: str | None = None,
        allow: AllowPolicy = "dependencies",
        *,
        step: StepLimit | None = None,
        report: Report | None = None,
    ) -> ClusterPlan:
        """Plan to upgrade packages to the newest versions that every environment can have.

        The arguments are those of `PackageService.plan_upgrade`. Environments that have none of the
        packages are left out. What scheduler and nannies run on, such as distributed and tornado,
        is held back. Nothing is changed. Raises `ClusterRefused`, which names an environment and
        what blocks it, `PackageNotFound`, `EnvironmentUnreachable` and `InvalidRequest`.
        """
        requested = () if names is None else tuple(map(str, checked_names(names)))
        check_requested(requested)
        surveyed = self._survey()
        common: dict[str, Any] = {"version": version, "allow": allow, "step": step}
        if names is None:
            hold = dict.fromkeys(planner.CLUSTER_PACKAGES, planner.LIVE)
            arguments = {key: {**common, "hold": hold} for key in installed(surveyed)}
        else:
            having = planner.with_packages(installed(surveyed), requested)
            arguments = {key: {**common, "names": own} for key, own in having.items()}
        return self._plan(surveyed, "upgrade", arguments, requested, report)

    def plan_install(
        self,
        requirement: str | Iterable[str],
        allow: AllowPolicy = "dependencies",
        *,
        report: Report | None = None,
    ) -> ClusterPlan:
        """Plan to install requirements (PEP 508) everywhere, in the same versions.

        Nothing is changed. Raises what `plan_upgrade` raises.
        """
        texts = (requirement,) if isinstance(requirement, str) else tuple(requirement)
        surveyed = self._survey()
        own = {"requirements": texts, "allow": allow}
        arguments = {entry.environment.id: own for entry in surveyed}
        return self._plan(surveyed, "install", arguments, texts, report)

    def plan_uninstall(
        self, names: str | Iterable[str], *, report: Report | None = None
    ) -> ClusterPlan:
        """Plan to uninstall packages from every environment that has them. Nothing is changed.

        Raises what `plan_upgrade` raises; `ClusterRefused` if another package requires one.
        """
        requested = tuple(map(str, checked_names(names)))
        check_requested(requested)
        surveyed = self._survey()
        having = planner.with_packages(installed(surveyed), requested)
        arguments = {key: {"names": own} for key, own in having.items()}
        return self._plan(surveyed, "uninstall", arguments, requested, report)

    def plan_align(
        self,
        names: str | Iterable[str] | None = None,
        *,
        to: str = "client",
        report: Report | None = None,
    ) -> ClusterPlan:
        """Plan to give every environment the versions that one place has. Nothing is changed.

        `to` is `"client"` (this process), or the id of an environment. Without names, all packages
        count that an environment and that place both have, but not those of Dask itself. Raises
        what `plan_upgrade` raises, and `InvalidRequest` for an unknown place.
        """
        requested = () if names is None else tuple(map(str, checked_names(names)))
        check_requested(requested)
        surveyed = self._survey()
        places = {"client": _own_packages(), **installed(surveyed)}
        if to not in places:
            raise InvalidRequest("to", to, "it is neither `client` nor the id of an environment")
        wanted = wanted_versions(places[to], requested)
        arguments = {}
        for entry in surveyed:
            pins = differing_pins(entry.packages, wanted, is_named=bool(requested))
            if pins:
                arguments[entry.environment.id] = {"requirements": pins, "allow": "self"}
        return self._plan(surveyed, "install", arguments, requested or (f"align to {to}",), report)

    def plan_undo(
        self, change: str | ClusterTransaction | None = None, *, report: Report | None = None
    ) -> ClusterPlan:
        """Plan to undo a committed change everywhere; by default the last one. Nothing is changed.

        Each environment restores its save point, as `PackageService.plan_undo` describes. Raises
        `InvalidRequest` if no committed change has this id, and what `plan_upgrade` raises.
        """
        record = self._committed(change.id if isinstance(change, ClusterTransaction) else change)
        arguments = {key: {"plan": plan.id} for key, plan in record.plan.changed}
        plan = self._plan(self._survey(), "undo", arguments, record.plan.requested, report)
        return replace(plan, undoes=record.id)

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
        outcome = ClusterOutcome.COMMITTED
        if not plan:
            return ClusterTransaction(id="", plan=plan.id, outcome=outcome, environments=())
        with self._transport.exclusive(_LOCK_SECONDS), self._closed_gate() as gate:
            surveyed = {entry.environment.id: entry for entry in self._survey()}
            self._raise_if_unfinished(surveyed)
            changed = [self._get_leader(surveyed, key) for key, _ in plan.changed]
            restarting = self._restarting(changed)
            if restart:
                self._run(restarting.check(lose_data=lose_data))
            change = new_id()
            append = partial(self._records.append, change)
            append(describe_plan(plan))
            work = TwoPhaseApply(
                self._participants(plan, change, surveyed),
                RecordLog(append),
                limits=self._limits,
                before_commit=restarting.drain if restart else None,
            )
            gate.settled = settled = self._settle(work.apply, work, report)
            if hold and settled.outcome is ClusterOutcome.COMMITTED:
                gate.held = plan, [entry.environment for entry in surveyed.values()]
            workers = self._run(restarting.end(settled)) if restart else []
        problems = "; ".join(str(worker) for worker in workers if worker.problem)
        return _raise_if_failed(change, plan, settled, problems)

    def undo(
        self, change: str | ClusterTransaction | None = None, *, report: Report | None = None
    ) -> ClusterTransaction:
        """Plan and apply the undo of a change; raise what `plan_undo` and `apply` raise."""
        return self.apply(self.plan_undo(change, report=report), report=report)

    def recover(self, *, finish: bool = False, report: Report | None = None) -> pd.DataFrame:
        """Undo the interrupted changes of this cluster that this user began; return the history.

        With `finish`, one that was prepared everywhere is committed instead, and undone only if
        that fails. Afterwards every worker may join: `hold` limits it again. Raises `ClusterFailed`
        while an environment does not answer.
        """
        surveyed = {entry.environment.id: entry for entry in self._survey()}
        with self._transport.exclusive(_LEASE_SECONDS):
            for record in self._unfinished(surveyed):
                work = TwoPhaseApply(
                    self._participants(record.plan, record.id, surveyed),
                    RecordLog(partial(self._records.append, record.id)),
                    limits=self._limits,
                )
                undo = partial(work.revert, "it was interrupted")
                main = work.finish if finish and record.can_finish else undo
                settled = self._settle(main, work, report)
                if settled.outcome is ClusterOutcome.INCOMPLETE:
                    _raise_if_failed(record.id, record.plan, settled)
            self._run(NewcomerGate(self._transport, self._index_url).open())
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

        surveyed = {entry.environment.id: entry for entry in self._survey()}
        names = list(surveyed) if environments is None else list(environments)
        workers: list[RestartedWorker] = []
        for name in names:
            entry = self._get_leader(surveyed, name)
            restarting = self._restarting([entry])
            if not lose_data:
                self._run(restarting.check_data())
            workers += self._run(restarting.drain_and_restart())
        return frames.restarted(workers)

    def hold(self, plan: ClusterPlan) -> None:
        """Let only workers join that have the versions of a plan, or get them before they start.

        `apply` does so. A nanny that cannot get them closes, and its log says why. Versions that
        were held before stay held, unless the plan changes them.
        """
        with self._transport.exclusive(_LOCK_SECONDS), self._closed_gate() as gate:
            gate.held = plan, [entry.environment for entry in self._survey()]

    def unhold(self) -> None:
        """Let every worker join, with any versions."""
        with self._transport.exclusive(_LOCK_SECONDS):
            self._run(NewcomerGate(self._transport, self._index_url).open())

    def history(self) -> pd.DataFrame:
        """Return the changes of clusters that this user began, newest first, indexed by `change`.

        They are recorded on this machine. The columns, in order:

        - `started`, `finished` (datetime64[ns, UTC]): NA if it was interrupted
        - `outcome` (category): committed, rolled back, or incomplete
        - `changes` (string): the environments with their packages
        - `environments` (string): the environments that it changes
        - `plan` (string): the id of the plan
        - `undoes` (string): the id of the change that it undoes
        """
        from . import frames

        return frames.history(self._read_records())

    def _plan(
        self,
        surveyed: tuple[SurveyedEnvironment, ...],
        kind: str,
        arguments: Mapping[str, Mapping[str, Any]],
        requested: tuple[str, ...],
        report: Report | None,
    ) -> ClusterPlan:
        by_id = {entry.environment.id: entry for entry in surveyed}
        for entry in surveyed:
            if entry.environment.problem:
                raise ClusterRefused(entry.environment.id, entry.environment.problem)

        async def ask(environment: str, kind: str, given: Mapping[str, Any]) -> Plan:
            answer = await self._get_leader(by_id, environment).leader.ask(
                "plan", _PLAN_SECONDS, kind=kind, arguments=given, index_url=self._index_url
            )
            return plan_from_json(answer["plan"])

        with reporting(report) as progress:
            progress(Event(stage=Stage.RESOLVING))
            return self._run(
                planner.plan_together(ask, installed(surveyed), kind, arguments, requested)
            )

    @contextmanager
    def _closed_gate(self) -> Iterator[_GateState]:
        """Let no worker join in a block; afterwards those that its end allows."""
        gate, state = NewcomerGate(self._transport, self._index_url), _GateState()
        self._run(gate.close())
        try:
            yield state
        finally:
            if state.held is not None:
                self._run(gate.hold(*state.held))
            elif state.settled is None or state.settled.outcome is not ClusterOutcome.INCOMPLETE:
                self._run(gate.reopen())

    def _restarting(self, changed: Iterable[SurveyedEnvironment]) -> ClusterRestart:
        return ClusterRestart(self._transport, list(changed), self._limits)

    def _participants(
        self, plan: ClusterPlan, change: str, surveyed: Mapping[str, SurveyedEnvironment]
    ) -> list[LeaderParticipant]:
        return [
            LeaderParticipant(
                key,
                self._get_leader(surveyed, key).leader,
                part,
                change,
                self._index_url,
                self._limits,
            )
            for key, part in plan.changed
        ]

    def _get_leader(
        self, surveyed: Mapping[str, SurveyedEnvironment], environment: str
    ) -> SurveyedEnvironment:
        if environment not in surveyed:
            raise ClusterRefused(environment, "no worker of the cluster runs in it now")
        return surveyed[environment]

    def _settle(self, main: Any, work: TwoPhaseApply, report: Report | None) -> Settlement:
        with reporting(report) as progress:

            async def run(report_here: Report) -> Settlement:
                work.report = report_here
                settled: Settlement = await main()
                return settled

            return runner.run(run, progress, stop=work.stop)

    def _survey(self) -> tuple[SurveyedEnvironment, ...]:
        return self._run(survey_environments(self._transport, self._interpreters))

    async def _read_all(
        self,
    ) -> tuple[
        tuple[SurveyedEnvironment, ...],
        Mapping[str, str],
        Mapping[str, Mapping[str, str] | None],
    ]:
        return await asyncio.gather(
            survey_environments(self._transport, self._interpreters),
            self._scheduler_packages(),
            self._transport.loaded(),
        )

    async def _scheduler_packages(self) -> Mapping[str, str]:
        """Return the versions of the scheduler's environment; empty if it has no pkgwidgets."""
        request = messages.request("survey")
        try:
            output = await self._transport.run_on_scheduler(request, SURVEY_SECONDS)
            answer = messages.read_answer(output.returncode, output.stdout, output.stderr)
        except PkgwidgetsError:
            return {}
        packages: Mapping[str, str] = answer["packages"]
        return packages

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return runner.run(lambda _: work, lambda _: None)

    def _read_records(self) -> list[ClusterRecord]:
        return list(self._iterate_records())

    def _iterate_records(self) -> Iterator[ClusterRecord]:
        for stored in self._records.read():
            try:
                yield read_record(stored.id, stored.description, stored.steps)
            except ValueError:
                continue

    def _unfinished(self, environments: Iterable[str]) -> list[ClusterRecord]:
        known = {*environments}
        return [
            record
            for record in self._read_records()
            if not record.has_ended and known & {key for key, _ in record.plan.changed}
        ]

    def _raise_if_unfinished(self, environments: Iterable[str]) -> None:
        for record in self._unfinished(environments):
            raise ClusterUnfinished(record.id)

    def _committed(self, change: str | None) -> ClusterRecord:
        """Return a committed change; without an id, the last that is no undo and is not undone."""
        committed = [r for r in self._read_records() if r.outcome is ClusterOutcome.COMMITTED]
        undone = {record.plan.undoes for record in committed}
        for record in reversed(committed):
            if record.id == change:
                return record
            if change is None and not record.plan.undoes and record.id not in undone:
                return record
        reason = "there is nothing to undo" if change is None else "no committed change has this id"
        raise InvalidRequest("change", change, reason)


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


def _own_packages() -> Mapping[str, str]:
    packages: Mapping[str, str] = survey(connect(detached=True))["packages"]
    return packages
