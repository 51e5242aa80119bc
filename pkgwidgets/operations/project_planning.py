"""Plans that change a project as well: its lock is made anew, and the environment follows it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import EVERYTHING, InvalidRequest, LockUnreadable, PlanImpossible
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.lock import LockedPackage
from pkgwidgets.core.names import checked_names, checked_requirements
from pkgwidgets.core.plan_arguments import checked_target
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.projects import LockedProject, OwningProject, ProjectRequest
from pkgwidgets.core.requirements_text import hashes_of

from .plan_builder import attach_wheels, build_plan, check_still_met, raise_first_error
from .proposals import report_resolving
from .release_ages import ReleaseAges
from .release_notes import release_notes
from .snapshot import EnvironmentSnapshot, ProjectResults

_REASON = "as the new lock has it"
"""The reason of a change that the user did not request."""


def plan_upgrade(
    backend: Backend,
    names: str | Iterable[str] | None = None,
    *,
    version: str | None = None,
    report: Report = no_report,
) -> Plan:
    """Plan to upgrade packages of the project's lock; without names, all of them.

    The project decides which versions are allowed. Raises `InvalidRequest` in an environment of no
    project that can be changed. Raises `PackageNotFound`, `EnvironmentRefused`, `PlanImpossible`
    with the explanation of the project's tool, `StillNeeded`, `IndexUnavailable`,
    `ResolutionFailed`.
    """
    project_names = None if names is None else checked_names(names)
    target = checked_target(version, project_names)
    project = changeable_project(backend)
    snapshot = EnvironmentSnapshot.of(backend)
    targets = () if project_names is None else snapshot.upgradable(project_names)
    pin = "" if target is None else f"=={target}"
    request = ProjectRequest(
        upgrade=tuple(f"{name}{pin}" for name in targets), everything=project_names is None
    )
    planning = _ProjectPlanning(snapshot, project, request, frozenset(targets), report)
    plan = planning.plan(request.upgrade if pin else targets)
    return plan if plan else replace(plan, notes=(*plan.notes, *planning.unchanged_notes(targets)))


def plan_install(
    backend: Backend, requirements: str | Iterable[str], *, report: Report = no_report
) -> Plan:
    """Plan to add requirements (`polars>=1`) to the project, and to install them.

    Raises the errors of `plan_upgrade`.
    """
    parsed = checked_requirements(requirements)
    project = changeable_project(backend)
    snapshot = EnvironmentSnapshot.of(backend)
    names = frozenset(canonicalize_name(requirement.name) for requirement in parsed.values())
    request = ProjectRequest(add=tuple(parsed))
    return _ProjectPlanning(snapshot, project, request, names, report).plan(tuple(parsed))


def plan_uninstall(
    backend: Backend, names: str | Iterable[str], *, report: Report = no_report
) -> Plan:
    """Plan to remove packages from the project, and to uninstall them.

    Raises the errors of `plan_upgrade`.
    """
    project_names = checked_names(names)
    project = changeable_project(backend)
    snapshot = EnvironmentSnapshot.of(backend)
    targets = snapshot.upgradable(project_names)
    request = ProjectRequest(remove=tuple(targets))
    return _ProjectPlanning(snapshot, project, request, frozenset(targets), report).plan(targets)


def changeable_project(backend: Backend) -> OwningProject:
    """Return the project of the environment; raise `InvalidRequest` if no plan can change it."""
    project = backend.project()
    if project is None:
        reason = "this environment belongs to no project: leave `project` out"
        raise InvalidRequest("project", None, reason)
    if not project.can_change:
        reason = f"a plan cannot change a {project.tool} project ({project.file})"
        raise InvalidRequest("project", None, reason)
    return project


@dataclass
class _ProjectPlanning:
    """One plan for a project: what its new lock means for the environment."""

    snapshot: EnvironmentSnapshot
    project: OwningProject
    request: ProjectRequest
    requested: frozenset[NormalizedName]
    report: Report

    def plan(self, requested_texts: Sequence[str]) -> Plan:
        """Lock again, and return the plan of what differs from the new lock."""
        snapshot, backend = self.snapshot, self.snapshot.backend
        report_resolving(backend, self.report)
        locked = backend.project_files.lock_again(self.project, self.request)
        wanted = dict(self._wanted(locked))
        answers = backend.index.releases_of(IndexQuery(tuple(wanted)), self.report)
        raise_first_error(answers)
        ages = ReleaseAges.of(backend)
        self._check_limits(wanted, answers, ages)
        removed = tuple(canonicalize_name(name) for name in self.request.remove)
        changes = [
            *(self._change_to(package) for package in wanted.values()),
            *(self._removal_of(name) for name in removed),
        ]
        replaced = [change.id for change in changes if change.before is not None]
        snapshot.check_changeable(replaced, leaving=removed)
        changed = {change.id for change in changes}
        kept = {n: r for n, r in snapshot.active_requirements.items() if n not in changed}
        check_still_met(snapshot, changes, kept)
        with_wheels = attach_wheels(snapshot, changes, answers)
        checked = tuple(self._with_locked_files(c, wanted.get(c.id)) for c in with_wheels)
        plan = build_plan(
            snapshot,
            tuple(requested_texts) or (EVERYTHING,),
            checked,
            notes=(
                *ages.notes(checked, answers),
                *release_notes(backend, checked, answers),
            ),
            project=locked.change,
        )
        return replace(plan, commands=self._commands(locked)) if plan else plan

    def unchanged_notes(self, names: Iterable[NormalizedName]) -> Iterator[str]:
        """Yield why an upgrade changes nothing."""
        for name in names:
            versions = self.snapshot.versions
            yield f"{self.project.file} allows no other release of {name} than {versions[name]}"

    def _wanted(self, locked: LockedProject) -> Iterator[tuple[NormalizedName, LockedPackage]]:
        """Yield the packages that the project's tool would install: the requested ones first.

        Those of extras and groups are among them only if they are installed.
        """
        installed = self.snapshot.versions
        optional = {p.name: p for p in locked.optional.packages if p.name in installed}
        packages = {**optional, **{package.name: package for package in locked.lock.packages}}
        for name, package in sorted(packages.items(), key=lambda i: i[0] not in self.requested):
            is_of_index = package.source is None and package.version is not None
            is_removed = name in self.request.remove
            if not is_of_index or is_removed or installed.get(name) == package.version:
                continue
            if name in self.snapshot.installed:
                self.snapshot.upgradable([name])
            yield name, package

    def _check_limits(
        self,
        wanted: Mapping[NormalizedName, LockedPackage],
        answers: ProjectResults,
        ages: ReleaseAges,
    ) -> None:
        """Raise `PlanImpossible` if a hold or the minimum age forbids what the lock has."""
        snapshot = self.snapshot.with_limits(ages.limits(answers, self.snapshot.versions))
        versions = {name: p.version for name, p in wanted.items() if p.version is not None}
        markers = snapshot.backend.environment.interpreter.markers
        settings = snapshot.limits.by_setting({**snapshot.versions, **versions}, markers)
        for name, version in versions.items():
            for owner, limit in dependency_graph.blockers(name, version, settings).items():
                why = f"The new lock has {name} {version}, but {owner} allows only {limit}."
                raise PlanImpossible((f"{name}=={version}",), why, has_no_release=True)

    def _change_to(self, package: LockedPackage) -> Change:
        distribution = self.snapshot.distributions.get(package.name)
        is_requested = package.name in self.requested
        return Change(
            id=package.name,
            name=package.name if distribution is None else distribution.name,
            before=self.snapshot.versions.get(package.name),
            after=package.version,
            requested=is_requested,
            requested_after=is_requested if distribution is None else distribution.requested,
            reason="" if is_requested else _REASON,
        )

    def _removal_of(self, name: NormalizedName) -> Change:
        distribution = self.snapshot.distributions[name]
        return Change(id=name, name=distribution.name, before=distribution.version, requested=True)

    def _with_locked_files(self, change: Change, package: LockedPackage | None) -> Change:
        """Accept only the files that the lock has, by their hashes."""
        locked: Collection[str] = () if package is None else hashes_of(package)
        if not locked or not change.hashes:
            return change
        hashes = tuple(digest for digest in change.hashes if digest in locked)
        if not hashes:
            reason = f"{change.id} {change.after}: the index has other files, by their sha256"
            raise LockUnreadable(str(self.project.file.with_name("uv.lock")), reason)
        if change.sha256 in hashes:
            return replace(change, hashes=hashes)
        return replace(change, hashes=hashes, wheel=None, sha256=hashes[0], size=None)

    def _commands(self, locked: LockedProject) -> tuple[str, ...]:
        commands = () if locked.change is None else locked.change.commands
        folder = shlex.quote(str(self.project.file.parent))
        return (*commands, f"uv sync --inexact --project {folder}")
