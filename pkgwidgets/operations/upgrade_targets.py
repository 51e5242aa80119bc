"""The packages to upgrade, and what the index, the settings and other packages say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import is_for_other_pythons
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.limits import Limits, without_repeats
from pkgwidgets.core.plans import StepLimit
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.core.updates import eligible_releases
from pkgwidgets.core.version_steps import exceeds, step_ceiling

from .snapshot import EnvironmentSnapshot, ProjectResults


class UpgradeTargets:
    """The packages to upgrade; a `version` is the exact one for a single target.

    Releases that exceed the `step` are not eligible.
    """

    def __init__(
        self,
        snapshot: EnvironmentSnapshot,
        names: tuple[NormalizedName, ...],
        answers: ProjectResults,
        version: Version | None = None,
        step: StepLimit | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.names = names
        self.answers = answers
        self.version = version
        self.step = step
        self.failures: dict[NormalizedName, PkgwidgetsError] = {
            name: answer
            for name in names
            if isinstance(answer := answers.get(name), PkgwidgetsError)
        }
        """The targets that the index could not answer for, with the errors."""

    @cached_property
    def candidates(self) -> tuple[NormalizedName, ...]:
        """The targets that may change: a newer release is allowed, or the index did not answer."""
        if self.version is not None:
            return tuple(
                name for name in self.names if self.snapshot.versions[name] != self.version
            )
        return tuple(
            name
            for name in self.names
            if name not in self.failures and (self._may_rise(name) or self.stale_reason(name))
        )

    def stale_reason(self, name: NormalizedName) -> str:
        """Return why the index gave no new answer for a target; "" if it did."""
        answer = self.answers.get(name)
        return answer.stale_reason if isinstance(answer, ReleaseList) else ""

    @cached_property
    def single(self) -> tuple[NormalizedName, Version] | None:
        """A single target and its latest version, if that is an upgrade."""
        if self.version is not None or len(self.names) != 1:
            return None
        name = self.names[0]
        latest = self.latest(name)
        return None if latest is None or latest <= self.snapshot.versions[name] else (name, latest)

    def single_compatible(
        self, movable: Collection[NormalizedName]
    ) -> tuple[NormalizedName, Version] | None:
        """Return a single target and its newest compatible version, if that is an upgrade."""
        if self.single is None or self.snapshot.limits.prefers_lowest:
            return None
        name, _ = self.single
        owners = dependency_graph.reverse_requirements(self._requirements_of_others(movable)).get(
            name, {}
        )
        for release in self._eligible(name):
            if release.version <= self.snapshot.versions[name]:
                return None
            if not dependency_graph.conflicting(name, release.version, owners):
                return name, release.version
        return None

    def latest(self, name: NormalizedName) -> Version | None:
        """Return the latest eligible version; None without one."""
        release = next(iter(self._eligible(name)), None)
        return None if release is None else release.version

    def too_big_a_step(self, name: NormalizedName) -> Version | None:
        """Return the latest version if that exceeds the step; else None."""
        latest = next(iter(self._of_any_step(name)), None)
        installed = self.snapshot.versions[name]
        if latest is None or not exceeds(installed, latest.version, self.step):
            return None
        return latest.version

    def _eligible(self, name: NormalizedName) -> Iterable[Release]:
        installed = self.snapshot.versions[name]
        return (
            release
            for release in self._of_any_step(name)
            if release.version <= installed or not exceeds(installed, release.version, self.step)
        )

    def _of_any_step(self, name: NormalizedName) -> Iterable[Release]:
        answer = self.answers.get(name, ())
        if isinstance(answer, PkgwidgetsError):
            return ()
        interpreter = self.snapshot.backend.environment.interpreter
        installed = self.snapshot.versions[name]
        return eligible_releases(
            answer,
            interpreter,
            counts=lambda version: self.snapshot.limits.counts(name, version, installed),
        )

    def requirement(self, name: NormalizedName) -> str:
        """Return what is required of a target: its exact version, else no older one."""
        if self.version is not None:
            return f"{name}=={self.version}"
        return f"{name}>={self.snapshot.versions[name].public}"

    @cached_property
    def floors(self) -> tuple[str, ...]:
        """What the targets require, again: an override replaces requirements, but not these."""
        return tuple(map(self.requirement, self.snapshot.limits.replaced(self.names)))

    @cached_property
    def ceilings(self) -> tuple[str, ...]:
        """Requirements that exclude releases beyond the step."""
        return tuple(
            f"{name}{ceiling}"
            for name in self.names
            if (ceiling := step_ceiling(self.snapshot.versions[name], self.step))
        )

    def limits_for(self, upgraded: Collection[NormalizedName]) -> Limits:
        """Return the limits; only these leave a forbidden version, and only for a newer one."""
        return self.snapshot.kept_limits(
            [name for name in upgraded if self.version is not None or self._may_rise(name)]
        )

    def _may_rise(self, name: NormalizedName) -> bool:
        """Tell whether the settings admit any newer release of a package."""
        installed = self.snapshot.versions[name]
        return any(
            not dependency_graph.blockers(name, release.version, self._settings)
            for release in self._eligible(name)
            if release.version > installed
        )

    @cached_property
    def _settings(self) -> dependency_graph.ActiveRequirements:
        return self.snapshot.settings

    @cached_property
    def excluded(self) -> tuple[str, ...]:
        """Requirements that exclude releases for other Pythons: uv reads lower bounds only."""
        interpreter = self.snapshot.backend.environment.interpreter
        return tuple(
            f"{name}!={release.version.public}"
            for name in self.names
            if not isinstance(answer := self.answers.get(name, ()), PkgwidgetsError)
            for release in answer
            if release.version > self.snapshot.versions[name]
            and is_for_other_pythons(release, interpreter)
        )

    def blockers(
        self, name: NormalizedName, latest: Version, movable: Collection[NormalizedName]
    ) -> dict[NormalizedName, str]:
        """Return the packages outside `movable` and the settings that forbid a version."""
        blockers = dependency_graph.blockers(name, latest, self._requirements_of_others(movable))
        return without_repeats(blockers, self._settings)

    def is_only_configured(self, name: NormalizedName, latest: Version) -> bool:
        """Tell whether the configuration forbids a version, and no package does."""
        owners = set(self.blockers(name, latest, ()))
        return bool(owners) and owners <= set(self._settings)

    def still_broken(self, after: Mapping[NormalizedName, Version]) -> dict[NormalizedName, str]:
        """Return the distributions with unmet requirements, before and after, with one of these."""
        unmet = dependency_graph.unmet(self.snapshot.active_requirements, after)
        known = sorted(self.snapshot.unmet, key=str)[::-1]
        return {problem.id: str(problem) for problem in known if problem in unmet}

    def _requirements_of_others(
        self, movable: Collection[NormalizedName]
    ) -> dependency_graph.ActiveRequirements:
        return {
            owner: requirements
            for owner, requirements in self.snapshot.active_requirements.items()
            if owner not in movable
        } | dict(self._settings)
