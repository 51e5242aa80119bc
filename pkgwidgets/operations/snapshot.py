"""The environment that a plan is made for, read once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph, fingerprint
from pkgwidgets.core.environment import DIRECT_URL, Distribution, Unreadable
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PackageNotFound,
    PkgwidgetsError,
    RollbackFailed,
    StalePlan,
)
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.limits import Limit, Limits
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.releases import Release

from . import access, project_changes
from .incomplete import BLOCKED, blocked_packages

ProjectResults = Mapping[NormalizedName, Sequence[Release] | PkgwidgetsError]
"""The answer of the index for each project."""


@dataclass(frozen=True, slots=True)
class EnvironmentSnapshot:
    """The environment that a plan is made for, read once."""

    backend: Backend
    installed: dependency_graph.Installed
    distributions: Mapping[NormalizedName, Distribution]
    versions: Mapping[NormalizedName, Version]
    active_requirements: dependency_graph.ActiveRequirements
    unmet: frozenset[dependency_graph.Unmet]
    pinned: Mapping[NormalizedName, str]
    """The distributions that are listed and never changed, with the reasons."""
    limits: Limits
    blocked: Mapping[NormalizedName, RollbackFailed]
    """The packages with an incomplete rollback, each with its error."""
    access_notes: tuple[str, ...] = ()
    """What a plan says to a user who may not apply it."""

    @classmethod
    def of(cls, backend: Backend) -> EnvironmentSnapshot:
        """Read the environment; recover an interrupted change first.

        Raises `EnvironmentRefused` if no user may change anything, `EnvironmentBusy`, and
        `RollbackFailed` if an incomplete rollback blocks all packages. An unreadable
        direct_url.json refuses every plan, because the installer reads them all and fails.
        """
        access_notes, incomplete = access.recover_for_plan(backend)
        blocked = blocked_packages(backend, incomplete)
        installed = backend.environment.distributions()
        limits = backend.limits()
        requirements = dependency_graph.active_requirements(
            installed, backend.environment.interpreter.markers, limits.requires_of
        )
        versions = dependency_graph.installed_versions(installed)
        distributions = dependency_graph.readable_distributions(installed)
        unmet = dependency_graph.unmet(requirements, versions)
        own_folders = set(backend.environment.interpreter.scheme.values())
        _check_direct_urls(backend, installed, own_folders)
        pinned = {
            name: reason
            for name, distribution in distributions.items()
            if (reason := distribution.unmanaged_reason(own_folders)) is not None
        }
        pinned |= {name: BLOCKED for name in blocked if name in distributions}
        return cls(
            backend,
            installed,
            distributions,
            versions,
            requirements,
            unmet,
            pinned,
            limits,
            blocked,
            access_notes,
        )

    def kept_limits(self, requested: Collection[NormalizedName] = ()) -> Limits:
        """Return the limits that what is installed meets; `requested` projects may change."""
        markers = self.backend.environment.interpreter.markers
        return self.limits.keeping(self.versions, markers, requested)

    @property
    def settings(self) -> dependency_graph.ActiveRequirements:
        """The limits of installed projects by setting, as if the settings were packages."""
        return self.limits.by_setting(self.versions, self.backend.environment.interpreter.markers)

    def fingerprint(self, changes: Iterable[Change]) -> str:
        """Return the fingerprint of a plan: of the installed set, and of the files it changes."""
        names = [change.id for change in changes if change.before is not None]
        files = current_fingerprints(self.backend, names)
        return fingerprint.fingerprint(_with_real_paths(self.installed), files)

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.backend.environment.interpreter.python

    def upgradable(self, names: Collection[NormalizedName] | None) -> tuple[NormalizedName, ...]:
        """Return the distributions that may be changed, of `names` or of all.

        Raises `PackageNotFound`, `EnvironmentRefused` or `RollbackFailed` for a name that cannot
        be changed.
        """
        if names is None:
            return tuple(name for name in self.distributions if name not in self.pinned)
        self._raise_if_blocked(names)
        for name in names:
            distribution = self.installed.get(name)
            if distribution is None:
                raise PackageNotFound(name)
            if isinstance(distribution, Unreadable):
                reason = f"{name} cannot be changed: unreadable metadata ({distribution.reason})"
                raise EnvironmentRefused(self.python, reason)
            if name in self.pinned:
                reason = f"{name} cannot be changed: {self.pinned[name]}"
                raise EnvironmentRefused(self.python, reason)
        return tuple(names)

    def check_changeable(
        self, names: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> None:
        """Raise `EnvironmentRefused` if the files of any of these cannot be changed."""
        self._raise_if_blocked(names)
        installed = [name for name in names if name in self.distributions]
        for name, reason in self.backend.records.unchangeable_reasons(installed, leaving).items():
            raise EnvironmentRefused(self.python, f"{name} cannot be changed: {reason}")

    def _raise_if_blocked(self, names: Iterable[NormalizedName]) -> None:
        """Raise the error of an incomplete rollback that left files of one of these packages."""
        for name in names:
            if name in self.blocked:
                raise self.blocked[name]

    def with_pinned(self, reasons: Mapping[NormalizedName, str]) -> EnvironmentSnapshot:
        """Return a copy that pins more distributions."""
        return replace(self, pinned={**self.pinned, **reasons})

    def with_limits(self, limits: Collection[Limit]) -> EnvironmentSnapshot:
        """Return a copy with more constraints."""
        constraints = (*self.limits.constraints, *limits)
        return replace(self, limits=replace(self.limits, constraints=constraints))

    def unmanaged_reports(self, known: EnvironmentSnapshot | None = None) -> tuple[HeldBack, ...]:
        """Return the pinned distributions as held back, without those pinned in `known`."""
        newly_pinned = {
            name: reason
            for name, reason in self.pinned.items()
            if known is None or name not in known.pinned
        }
        return tuple(self.held_back(name) for name in sorted(newly_pinned))

    def held_back(self, name: NormalizedName, latest: Version | None = None) -> HeldBack:
        """Return a pinned distribution as held back, with the reason."""
        return HeldBack(
            id=name,
            name=self.distributions[name].name,
            kept_version=self.versions[name],
            latest=latest,
            reason=self.pinned[name],
        )

    def requirements(
        self,
        instead: Mapping[NormalizedName, str],
        ignored: Collection[NormalizedName] = (),
    ) -> tuple[str, ...]:
        """Return everything installed as requirements, so that the resolver keeps it whole.

        `instead` maps names to the requirements that replace theirs, which come first. A
        distribution that is `ignored` is represented by those of its requirements that are met.
        """
        system = self._system_distributions
        own = [name for name in self.distributions if name not in system]
        own.sort(key=lambda name: name not in instead)
        lines = [instead.get(name, name) for name in own if name not in ignored]
        left_out = {name for name in own if name in ignored}
        partly_read = sorted(left_out | self._eggs | self._unreadable)
        return (*lines, *self._met_requirements(partly_read))

    @property
    def outside_requirements(self) -> tuple[str, ...]:
        """The met requirements of distributions that the installer cannot see."""
        return tuple(
            _without_extras(text)
            for text in self._met_requirements(sorted(self._system_distributions))
        )

    def _met_requirements(self, names: Iterable[NormalizedName]) -> tuple[str, ...]:
        unmet = {(problem.id, problem.requirement) for problem in self.unmet}
        texts = (
            (name, dependency_graph.without_marker(requirement))
            for name in names
            for requirement in self.active_requirements[name]
        )
        return tuple(dict.fromkeys(text for name, text in texts if (name, text) not in unmet))

    @property
    def _system_distributions(self) -> set[NormalizedName]:
        """The distributions outside of the environment's folders: the installer cannot see them."""
        return {
            name
            for name, distribution in self.distributions.items()
            if distribution.origin is Origin.SYSTEM
        }

    @property
    def base_distributions(self) -> frozenset[NormalizedName]:
        """The distributions that lie outside: one in the environment would take their place."""
        own_folders = set(self.backend.environment.interpreter.scheme.values())
        return frozenset(
            name
            for name in self._system_distributions
            if self.distributions[name].path.parent not in own_folders
        )

    def hides_environment(self, name: NormalizedName) -> bool:
        """Tell whether Python imports a distribution from outside before one in the environment.

        The user's own site-packages (PEP 370) precede those of a Python that is not virtual.
        """
        interpreter = self.backend.environment.interpreter
        own_folders = {interpreter.scheme[key] for key in ("purelib", "platlib")}
        folder = self.distributions[name].path.parent
        first = next((path for path in interpreter.search if path in {folder, *own_folders}), None)
        return first == folder and folder not in own_folders

    @property
    def _unreadable(self) -> set[NormalizedName]:
        """The unreadable distributions of which at least the requirements can be read."""
        return self.active_requirements.keys() - self.distributions.keys()

    @property
    def _eggs(self) -> set[NormalizedName]:
        """The distributions without a dist-info: the installer does not read all they require."""
        system = self._system_distributions
        return {
            name
            for name, distribution in self.distributions.items()
            if distribution.path.suffix != ".dist-info" and name not in system
        }

    def pins(self, movable: Collection[NormalizedName], *, free: bool = False) -> tuple[str, ...]:
        """Return exact versions of all that is not `movable`; with `free`, of the pinned only."""
        replaceable = self._replaceable(movable, free=free)
        return tuple(
            f"{name}=={distribution.version}"
            for name, distribution in self.distributions.items()
            if name not in replaceable and (name in self.pinned or not (free or name in movable))
        )

    def preferred(
        self, movable: Collection[NormalizedName], *, free: bool = False
    ) -> tuple[str, ...]:
        """Return exact versions of `movable` ones outside: another is installed only if it must."""
        return tuple(
            f"{name}=={self.versions[name]}"
            for name in sorted(self._replaceable(movable, free=free))
        )

    def _replaceable(
        self, movable: Collection[NormalizedName], *, free: bool
    ) -> frozenset[NormalizedName]:
        return self.base_distributions if free else self.base_distributions & set(movable)


def _without_extras(requirement: str) -> str:
    """Return a requirement as a constraint, which may have no extras."""
    name, _, rest = requirement.partition("[")
    return f"{name}{rest.partition(']')[2]}" if rest else requirement


def _check_direct_urls(
    backend: Backend, installed: dependency_graph.Installed, own_folders: set[Path]
) -> None:
    for name, distribution in installed.items():
        is_direct_url = isinstance(distribution, Unreadable) and distribution.reason.startswith(
            DIRECT_URL
        )
        if (
            isinstance(distribution, Unreadable)
            and is_direct_url
            and distribution.path.parent in own_folders
        ):
            problem = f"{distribution.path.name}/{distribution.reason}"
            reason = f"{problem}. Fix this file, or reinstall {name}"
            raise EnvironmentRefused(backend.environment.interpreter.python, reason)


def current_fingerprints(backend: Backend, names: Collection[NormalizedName]) -> Mapping[str, str]:
    """Return the fingerprints of the environment and of the files of these distributions."""
    files = {
        f"a file of {name}": text for name, text in backend.records.fingerprints(names).items()
    }
    return {**backend.environment.fingerprints(), **files}


def changes_since_plan(backend: Backend, plan: Plan) -> tuple[str, ...]:
    """Return what changed in the environment since the plan was made, one sentence each."""
    names = [change.id for change in plan.changes if change.before is not None]
    installed = backend.environment.distributions()
    files = current_fingerprints(backend, names)
    return (
        *fingerprint.changes_since(
            plan.environment_fingerprint, _with_real_paths(installed), files
        ),
        *project_changes.edited_since_plan(backend, plan),
    )


def _with_real_paths(installed: dependency_graph.Installed) -> dependency_graph.Installed:
    """Return the distributions at the paths without links: a plan may be made through one."""
    folders = {distribution.path.parent for distribution in installed.values()}
    moved = {folder: Path(os.path.realpath(folder)) for folder in folders}
    return {
        name: replace(distribution, path=moved[distribution.path.parent] / distribution.path.name)
        for name, distribution in installed.items()
    }


def check_unchanged(backend: Backend, plan: Plan) -> None:
    """Raise `StalePlan` if the environment changed since the plan was made."""
    differences = changes_since_plan(backend, plan)
    if differences:
        raise StalePlan("", differences)
