"""A request to plan: checked and planned in one place for all front ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, get_args

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.names import checked_name, checked_requirement
from pkgwidgets.core.plan_arguments import checked_project, checked_target

if TYPE_CHECKING:
    from pkgwidgets.core.lock import Export
    from pkgwidgets.core.plans import AllowPolicy, Plan, StepLimit

Action = Literal["upgrade", "install", "uninstall", "undo", "fix", "restore"]
ACTIONS: tuple[Action, ...] = get_args(Action)
"""The actions that can be planned."""
PROJECT_ACTIONS = ("upgrade", "install", "uninstall")
"""The actions that can change the project that the environment belongs to, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanRequest:
    """A request to plan.

    `names` are packages to upgrade (none: everything) or to uninstall, requirements to install,
    or the one transaction to undo (none: the last one). For a fix, they are packages (none: all),
    and `sources` are those of the advisories (none: the configured ones). For a restore, the name
    is the path of a lock; `lock` is one as text instead, and `as_of` a day.
    """

    action: Action = "upgrade"
    names: tuple[str, ...] = ()
    version: str | None = None
    allow: AllowPolicy = "dependencies"
    step: StepLimit | None = None
    sources: tuple[str, ...] = ()
    exact: bool = False
    as_of: str | None = None
    lock: Export | None = None
    project: bool = False
    """Whether the files of the project that the environment belongs to change, too."""

    def check(self) -> None:
        """Raise `InvalidRequest` for what cannot be planned, before anything is started."""
        _check_shape(self)
        for name in self.names:
            _check_name(self.action, name)
        checked_target(self.version, self.names, self.step)
        checked_project(self.project, self.allow, self.step)


class Planner(Protocol):
    """The interface that makes plans for one environment; `PackageService` has it."""

    def plan_upgrade(
        self,
        names: tuple[str, ...] | None,
        version: str | None,
        allow: AllowPolicy,
        /,
        *,
        step: StepLimit | None,
        project: bool,
    ) -> Plan:
        """Plan to upgrade packages; None means everything."""

    def plan_install(
        self, requirements: tuple[str, ...], allow: AllowPolicy, /, *, project: bool
    ) -> Plan:
        """Plan to install the projects that requirements name."""

    def plan_uninstall(self, names: tuple[str, ...], /, *, project: bool) -> Plan:
        """Plan to uninstall packages."""

    def plan_undo(self, transaction: str | None, /) -> Plan:
        """Plan to undo a transaction; None means the last one."""

    def plan_fix(self, names: tuple[str, ...] | None, /, *, sources: tuple[str, ...]) -> Plan:
        """Plan the smallest steps out of known vulnerabilities; None means of all packages."""

    def plan_restore(
        self, source: str | Export | None, /, exact: bool, *, as_of: str | None
    ) -> Plan:
        """Plan to return to the packages of a lock, or of a day."""


@dataclass(frozen=True, slots=True)
class BackendPlanner:
    """Plan on a backend alone, without what a kernel adds, such as the restart verdict."""

    backend: Backend
    report: Report = no_report

    def plan_upgrade(
        self,
        names: tuple[str, ...] | None,
        version: str | None,
        allow: AllowPolicy,
        /,
        *,
        step: StepLimit | None,
        project: bool,
    ) -> Plan:
        """Plan to upgrade packages; None means everything."""
        from pkgwidgets.operations import planning, project_planning

        if project:
            return project_planning.plan_upgrade(
                self.backend, names, version=version, report=self.report
            )
        return planning.plan_upgrade(
            self.backend, names, version=version, allow=allow, step=step, report=self.report
        )

    def plan_install(
        self, requirements: tuple[str, ...], allow: AllowPolicy, /, *, project: bool
    ) -> Plan:
        """Plan to install the projects that requirements name."""
        from pkgwidgets.operations import planning, project_planning

        if project:
            return project_planning.plan_install(self.backend, requirements, report=self.report)
        return planning.plan_install(self.backend, requirements, allow=allow, report=self.report)

    def plan_uninstall(self, names: tuple[str, ...], /, *, project: bool) -> Plan:
        """Plan to uninstall packages."""
        from pkgwidgets.operations import planning, project_planning

        if project:
            return project_planning.plan_uninstall(self.backend, names, report=self.report)
        return planning.plan_uninstall(self.backend, names)

    def plan_undo(self, transaction: str | None, /) -> Plan:
        """Plan to undo a transaction; None means the last one."""
        from pkgwidgets.operations import planning

        return planning.plan_undo(self.backend, transaction, report=self.report)

    def plan_fix(self, names: tuple[str, ...] | None, /, *, sources: tuple[str, ...]) -> Plan:
        """Plan the smallest steps out of known vulnerabilities; None means of all packages."""
        from pkgwidgets.operations import audit, fix_planning

        configured = self.backend.advisories().sources(sources)
        audited = audit.audit(self.backend, configured, names, report=self.report)
        return fix_planning.plan_fix(self.backend, audited, report=self.report)

    def plan_restore(
        self, source: str | Export | None, /, exact: bool, *, as_of: str | None
    ) -> Plan:
        """Plan to return to the packages of a lock, or of a day."""
        from pkgwidgets.operations import restore

        return restore.plan_restore(
            self.backend, source, exact=exact, as_of=as_of, report=self.report
        )


def plan_for(request: PlanRequest, planner: Planner) -> Plan:
    """Make the plan for a request; raises what the functions of `operations.planning` raise."""
    match request.action:
        case "upgrade":
            return planner.plan_upgrade(
                request.names or None,
                request.version,
                request.allow,
                step=request.step,
                project=request.project,
            )
        case "install":
            return planner.plan_install(request.names, request.allow, project=request.project)
        case "uninstall":
            return planner.plan_uninstall(request.names, project=request.project)
        case "fix":
            return planner.plan_fix(request.names or None, sources=request.sources)
        case "restore":
            source = request.names[0] if request.names else request.lock
            return planner.plan_restore(source, request.exact, as_of=request.as_of)
        case "undo":
            return planner.plan_undo(request.names[0] if request.names else None)


def _check_shape(request: PlanRequest) -> None:
    if request.action == "install" and not request.names:
        raise InvalidRequest("requirement", None, "no requirement was given")
    if request.action == "uninstall" and not request.names:
        raise InvalidRequest("name", None, "no name was given")
    if request.action == "undo" and len(request.names) > 1:
        raise InvalidRequest("transaction", None, "only one transaction can be undone at a time")
    if request.action == "restore" and len(request.names) > 1:
        raise InvalidRequest("source", None, "give one lock")
    if request.action == "restore" and bool(request.names or request.lock) is bool(request.as_of):
        raise InvalidRequest("source", None, "give the path of a lock, or a day")
    if request.action != "upgrade" and request.version is not None:
        reason = "a version can only be given for an upgrade; to install one, use polars==1.0"
        raise InvalidRequest("version", None, reason)
    if request.project and request.action not in PROJECT_ACTIONS:
        reason = "only upgrade, install and uninstall accept it"
        raise InvalidRequest("project", request.project, reason)
    if request.action != "upgrade" and request.step is not None:
        raise InvalidRequest("step", request.step, "only an upgrade accepts it")


def _check_name(action: Action, name: str) -> None:
    if action == "install":
        checked_requirement(name)
    elif action not in ("undo", "restore"):  # an id of a transaction, or a path
        checked_name(name)
