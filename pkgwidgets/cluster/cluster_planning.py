"""What is read and planned on a cluster: nothing here changes an environment."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from packaging.utils import canonicalize_name

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.names import checked_names
from pkgwidgets.core.plans import AllowPolicy, StepLimit
from pkgwidgets.notebook.progress_bar import reporting

from . import messages, planner, runner
from .any_cluster import Cluster
from .change_records import ChangeRecords
from .comparison import (
    check_requested,
    differing_pins,
    installed,
    stale_workers,
    wanted_versions,
)
from .environments import (
    SURVEY_SECONDS,
    SurveyedEnvironment,
    locate_environments,
    survey_environments,
)
from .leader_planning import LeaderPlanning
from .survey import survey
from .values import ClusterPlan, ClusterTransaction

if TYPE_CHECKING:
    import pandas as pd

_Result = TypeVar("_Result")


class ClusterPlanning:
    """Lists and compares the environments of a cluster, and plans changes of all of them."""

    def __init__(
        self, cluster: Cluster, index_url: str | None, interpreters: Mapping[str, str]
    ) -> None:
        self._cluster = cluster
        self._transport = cluster.transport
        self._index_url = index_url
        self._interpreters = dict(interpreters)
        self._records = ChangeRecords()

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

        Among these, what the cluster itself speaks with comes first. All columns are strings but
        `differs`, which is boolean. `client` and `scheduler` have the installed versions there, and
        a column for each environment those of its workers; NA if it is not installed. `loaded`
        names the workers that have loaded another version than is installed: they keep it until
        they are restarted. A distribution differs if one environment lacks it, too; client and
        scheduler may lack it.
        """
        from . import frames

        surveyed, scheduler, loaded = self._run(self._read_all())
        return frames.drift(
            {"client": _own_packages(), "scheduler": scheduler},
            installed(surveyed),
            stale_workers(surveyed, loaded),
            first=self._transport.kind.packages,
        )

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
        common: dict[str, Any] = {"version": version, "allow": allow, "step": step}
        if names is not None:
            return self._plan_for_names("upgrade", self._checked(names), common, report)
        kind = self._transport.kind
        hold = dict.fromkeys(sorted(kind.packages), kind.live)
        return self._plan_for_all("upgrade", {**common, "hold": hold}, (), report)

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
        own = {"requirements": texts, "allow": allow}
        return self._plan_for_all("install", own, texts, report)

    def plan_uninstall(
        self, names: str | Iterable[str], *, report: Report | None = None
    ) -> ClusterPlan:
        """Plan to uninstall packages from every environment that has them. Nothing is changed.

        Raises what `plan_upgrade` raises; `ClusterRefused` if another package requires one.
        """
        return self._plan_for_names("uninstall", self._checked(names), {}, report)

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
        requested = () if names is None else self._checked(names)
        with _resolving(report):
            surveyed = self._survey()
            places = {"client": _own_packages(), **installed(surveyed)}
            if to not in places:
                raise InvalidRequest(
                    "to", to, "it is neither `client` nor the id of an environment"
                )
            wanted = wanted_versions(places[to], requested, self._transport.kind)
            arguments = {}
            for entry in surveyed:
                pins = differing_pins(entry.packages, wanted, is_named=bool(requested))
                if pins:
                    arguments[entry.environment.id] = {"requirements": pins, "allow": "self"}
            return self._plan(surveyed, "install", arguments, requested or (f"align to {to}",))

    def plan_undo(
        self, change: str | ClusterTransaction | None = None, *, report: Report | None = None
    ) -> ClusterPlan:
        """Plan to undo a committed change everywhere; by default the last one. Nothing is changed.

        Each environment restores its save point, as `PackageService.plan_undo` describes. Raises
        `InvalidRequest` if no committed change has this id, and what `plan_upgrade` raises.
        """
        wanted = change.id if isinstance(change, ClusterTransaction) else change
        record = self._records.committed(wanted)
        arguments = {key: {"plan": plan.id} for key, plan in record.plan.changed}
        with _resolving(report):
            plan = self._plan(self._survey(), "undo", arguments, record.plan.requested)
        return replace(plan, undoes=record.id)

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

        return frames.history(self._records.read())

    def _checked(self, names: str | Iterable[str]) -> tuple[str, ...]:
        requested = tuple(map(str, checked_names(names)))
        check_requested(requested, self._transport.kind)
        return requested

    def _plan_for_names(
        self,
        kind: str,
        requested: tuple[str, ...],
        common: Mapping[str, Any],
        report: Report | None,
    ) -> ClusterPlan:
        """Plan for the environments that have some of these packages."""
        names = tuple(dict.fromkeys(map(canonicalize_name, requested)))
        with _resolving(report):
            surveyed = self._survey({"kind": kind, "arguments": {**common, "names": names}})
            having = planner.with_packages(installed(surveyed), requested)
            arguments = {key: {**common, "names": own} for key, own in having.items()}
            return self._plan(surveyed, kind, arguments, requested)

    def _plan_for_all(
        self, kind: str, own: Mapping[str, Any], requested: tuple[str, ...], report: Report | None
    ) -> ClusterPlan:
        """Plan the same for every environment."""
        with _resolving(report):
            surveyed = self._survey({"kind": kind, "arguments": own})
            arguments = {entry.environment.id: own for entry in surveyed}
            return self._plan(surveyed, kind, arguments, requested)

    def _plan(
        self,
        surveyed: tuple[SurveyedEnvironment, ...],
        kind: str,
        arguments: Mapping[str, Mapping[str, Any]],
        requested: tuple[str, ...],
    ) -> ClusterPlan:
        leaders = LeaderPlanning(surveyed, self._index_url)
        have, cluster = installed(surveyed), self._transport.kind
        return self._run(
            planner.plan_together(leaders.ask, have, kind, arguments, requested, cluster)
        )

    def _locate(self) -> dict[str, SurveyedEnvironment]:
        located = self._run(locate_environments(self._transport, self._interpreters))
        return {entry.environment.id: entry for entry in located}

    def _survey(self, question: Mapping[str, Any] | None = None) -> tuple[SurveyedEnvironment, ...]:
        return self._run(
            survey_environments(self._transport, self._interpreters, question, self._index_url)
        )

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
        return runner.run(lambda _: work, no_report)


@contextmanager
def _resolving(report: Report | None) -> Iterator[None]:
    """Report that plans are made in a block."""
    with reporting(report) as progress:
        progress(Event(stage=Stage.RESOLVING))
        yield


def _own_packages() -> Mapping[str, str]:
    packages: Mapping[str, str] = survey(connect(detached=True))["packages"]
    return packages
