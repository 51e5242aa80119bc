"""Ask the installer for an upgrade, and explain what it holds back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import is_for_other_pythons
from pkgwidgets.core.errors import (
    IndexUnavailable,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.interfaces import mentioned_names
from pkgwidgets.core.limits import Limits, without_repeats
from pkgwidgets.core.plans import AllowPolicy, Change, HeldBack
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.core.text import count_noun, join_names
from pkgwidgets.core.updates import eligible_releases, why_no_release
from pkgwidgets.core.workable import workable_items

from .resolutions import Resolution, Resolutions
from .snapshot import EnvironmentSnapshot, ProjectResults

_MAX_EXPLAINED = 3
"""Packages whose explanation comes from the installer; each resolution takes a second."""
_MAX_ATTEMPTS = 24
"""Resolutions that look for the packages which cannot be upgraded."""
_UNRESOLVED = (PlanImpossible, IndexUnavailable, ResolutionFailed)
_Unresolved = PlanImpossible | IndexUnavailable | ResolutionFailed


class UpgradeResolver:
    """The packages to upgrade, what else may change, and the answers of the index."""

    def __init__(
        self,
        snapshot: EnvironmentSnapshot,
        targets: tuple[NormalizedName, ...],
        answers: ProjectResults,
        resolutions: Resolutions,
        *,
        version: Version | None = None,
        allow: AllowPolicy,
    ) -> None:
        self.snapshot = snapshot
        self.targets = targets
        self.answers = answers
        self.failures: dict[NormalizedName, PkgwidgetsError] = {
            name: answer
            for name in targets
            if isinstance(answer := answers.get(name), PkgwidgetsError)
        }
        """The targets that cannot be upgraded, with the errors."""
        self._resolutions = resolutions
        self.version = version
        self.allow = allow
        self._explanations: dict[NormalizedName, str] = {}

    def resolve(self) -> Resolution:
        """Resolve the upgrade; no target goes below its installed version.

        A single target is first required in its newest compatible release. Without that the
        resolver may choose an older release, to change less. Of several targets, those that cannot
        be resolved with the others are left out, and are in `failures`.
        """
        if not self._candidates:
            return {}
        if self._compatible_target is not None:
            name, version = self._compatible_target
            try:
                return self._resolve_with({name: f"{name}=={version}"})
            except PlanImpossible as error:
                if not self.is_blocked:
                    self._explanations[name] = error.explanation
            except (IndexUnavailable, ResolutionFailed) as error:
                self._explanations[name] = _clause(error)
        try:
            return self._resolve_targets(self._candidates)
        except _UNRESOLVED as error:
            return self._resolve_most(error)

    def _resolve_most(self, error: _Unresolved) -> Resolution:
        """Resolve as many targets as possible, those that the error mentions last.

        Raises the error if the environment cannot be resolved even without upgrades.
        """
        if self.version is not None:
            raise error
        self._resolutions.replace_all_metadata()
        resolution: Resolution = {}
        try:
            self._resolve_targets(())
        except _UNRESOLVED:
            raise error from None

        def attempt(names: tuple[NormalizedName, ...]) -> _Unresolved | None:
            nonlocal resolution
            try:
                resolution = self._resolve_targets(names)
            except _UNRESOLVED as failure:
                return failure
            return None

        mentioned = mentioned_names(str(error))
        suspects = [name for name in self._candidates if name in mentioned]
        others = [name for name in self._candidates if name not in mentioned]
        _, failures = workable_items((others, suspects), attempt, max_attempts=_MAX_ATTEMPTS)
        self.failures |= failures
        return resolution

    @cached_property
    def _candidates(self) -> tuple[NormalizedName, ...]:
        """The targets that may change: the index has a newer release, or did not answer."""
        if self.version is not None:
            return tuple(
                name for name in self.targets if self.snapshot.versions[name] != self.version
            )
        return tuple(
            name
            for name in self.targets
            if name not in self.failures and (self._has_newer(name) or self._stale_reason(name))
        )

    def _has_newer(self, name: NormalizedName) -> bool:
        latest = self._latest(name)
        return latest is not None and latest > self.snapshot.versions[name]

    def _stale_reason(self, name: NormalizedName) -> str:
        answer = self.answers.get(name)
        return answer.stale_reason if isinstance(answer, ReleaseList) else ""

    @cached_property
    def is_blocked(self) -> bool:
        """Whether installed packages forbid the latest release of a single target."""
        return self._latest_target is not None and bool(
            self._blockers(*self._latest_target, self._movable)
        )

    def how_to_unblock(self) -> str:
        """Describe what `allow="all"` would do for a single target; "" if nothing."""
        if self._latest_target is None or self.allow == "all":
            return ""
        name, latest = self._latest_target
        if self._is_only_configured(name, latest):
            return ""
        for requirement in (f"{name}=={latest}", self._requirement(name)):
            try:
                resolution = self._resolve_with({name: requirement}, free=True)
            except _UNRESOLVED:
                continue
            owners = self._blockers(name, latest, ())
            others = sorted(
                (other for other in resolution if other != name),
                key=lambda other: (other not in owners, other),
            )
            if name not in resolution:
                return ""
            return describe_moves(
                resolution[name], [(other, resolution[other]) for other in others]
            )
        return ""

    def held_back(self, changes: Sequence[Change], unlock: str) -> tuple[HeldBack, ...]:
        """Return the targets that do not reach their latest release, with the reasons."""
        if self.version is not None:
            return ()
        after = dependency_graph.versions_after(self.snapshot.versions, changes)
        broken = self._still_broken(after)
        entries: list[HeldBack] = []
        for name in self.targets:
            latest = self._latest(name)
            missed = latest if latest is not None and latest > after[name] else None
            reason = self._failure_reason(name) or self._stale_reason(name)
            if reason:
                entries.append(self._held_entry(name, after, missed, reason))
            elif missed is not None:
                reason = self._explain(
                    name, missed, after, changes, may_resolve=len(entries) < _MAX_EXPLAINED
                )
                shown = None if self._is_only_configured(name, missed) else missed
                entries.append(self._held_entry(name, after, shown, reason, unlock))
            elif (latest is None and name in self.answers) or name in broken:
                reason = broken.get(name) or self._why_no_release(name)
                if after[name] == self.snapshot.versions[name]:
                    entries.append(self._held_entry(name, after, None, reason))
        return tuple(entries)

    def first_failure(self, changes: Sequence[Change]) -> PkgwidgetsError | None:
        """Return why nothing changes if the index or installer failed for every target.

        Without a version, what cannot be resolved is no failure: it is held back.
        """
        failures = [self._failure(name) for name in self.targets]
        if changes or any(f is None or isinstance(f, PlanImpossible) for f in failures):
            return None
        return next(iter(failures), None)

    def _failure(self, name: NormalizedName) -> PkgwidgetsError | None:
        pages, files = self._resolutions.unreadable_pages, self._resolutions.unusable_files
        if name in self.failures or name in pages:
            return self.failures.get(name) or pages[name]
        return next((failure for (project, _), failure in files.items() if project == name), None)

    def _failure_reason(self, name: NormalizedName) -> str:
        """Return why the index or the installer could not handle a target; "" if they could."""
        failure = self._failure(name)
        return "" if failure is None else _clause(failure)

    def _why_no_release(self, name: NormalizedName) -> str:
        answer = self.answers[name]
        return "" if isinstance(answer, PkgwidgetsError) else why_no_release(answer)

    def _still_broken(self, after: Mapping[NormalizedName, Version]) -> dict[NormalizedName, str]:
        """Return the distributions with unmet requirements, before and after, with one of these."""
        unmet = dependency_graph.unmet(self.snapshot.active_requirements, after)
        known = sorted(self.snapshot.unmet, key=str)[::-1]
        return {problem.id: str(problem) for problem in known if problem in unmet}

    def _resolve_targets(self, names: tuple[NormalizedName, ...]) -> Resolution:
        """Resolve upgrades of these targets; the other targets do not go down."""
        requirements = {name: self._requirement(name) for name in self.targets}
        return self._resolve_with(requirements, names)

    def _resolve_with(
        self,
        instead: Mapping[NormalizedName, str],
        upgrade: tuple[NormalizedName, ...] | None = None,
        *,
        free: bool = False,
    ) -> Resolution:
        """Resolve with these requirements; with `free`, all other packages may change."""
        free = free or self.allow == "all"
        movable = () if free else self._movable
        names = self._candidates if upgrade is None else upgrade
        return self._resolutions.resolve(
            self.snapshot,
            configured=self._limits_for(names),
            instead=instead,
            keep=(*self.snapshot.pins(movable, free=free), *self._excluded, *self._floors),
            prefer=self.snapshot.preferred(movable, free=free),
            upgrade=names if self.version is None else (),
        )

    def _requirement(self, name: NormalizedName) -> str:
        if self.version is not None:
            return f"{name}=={self.version}"
        return f"{name}>={self.snapshot.versions[name].public}"

    @cached_property
    def _floors(self) -> tuple[str, ...]:
        """What the targets require, again: an override replaces requirements, but not these."""
        return tuple(map(self._requirement, self.snapshot.limits.replaced(self.targets)))

    def _limits_for(self, upgraded: Collection[NormalizedName]) -> Limits:
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
    def _excluded(self) -> tuple[str, ...]:
        """Requirements that exclude releases for other Pythons: uv reads lower bounds only."""
        interpreter = self.snapshot.backend.environment.interpreter
        return tuple(
            f"{name}!={release.version.public}"
            for name in self.targets
            if not isinstance(answer := self.answers.get(name, ()), PkgwidgetsError)
            for release in answer
            if release.version > self.snapshot.versions[name]
            and is_for_other_pythons(release, interpreter)
        )

    @cached_property
    def _movable(self) -> frozenset[NormalizedName]:
        """The targets and, if allowed, the dependencies of their old and new versions."""
        if self.allow == "all":
            return frozenset(self.snapshot.distributions)
        movable = frozenset(self.targets)
        if self.allow == "dependencies":
            movable |= dependency_graph.dependencies(
                self.targets, self.snapshot.active_requirements
            )
            for name in self._candidates:
                movable |= self._future_dependencies(name)
        return movable

    def _future_dependencies(self, name: NormalizedName) -> frozenset[NormalizedName]:
        """Return the dependencies of the new version; of a given version, raise why there is none.

        Without a given version, the resolution itself tells what cannot be resolved.
        """
        try:
            return self._resolutions.dependencies(
                self.snapshot, self._requirement(name), self._limits_for(self._candidates)
            )
        except _UNRESOLVED:
            if self.version is not None:
                raise
        return frozenset()

    @cached_property
    def _latest_target(self) -> tuple[NormalizedName, Version] | None:
        """A single target and its latest version, if that is an upgrade."""
        if self.version is not None or len(self.targets) != 1:
            return None
        name = self.targets[0]
        latest = self._latest(name)
        return None if latest is None or latest <= self.snapshot.versions[name] else (name, latest)

    @cached_property
    def _compatible_target(self) -> tuple[NormalizedName, Version] | None:
        """A single target and its newest compatible version, if that is an upgrade."""
        if self._latest_target is None or self.snapshot.limits.prefers_lowest:
            return None
        name, _ = self._latest_target
        owners = dependency_graph.reverse_requirements(
            self._requirements_of_others(self._movable)
        ).get(name, {})
        for release in self._eligible(name):
            if release.version <= self.snapshot.versions[name]:
                return None
            if not dependency_graph.conflicting(name, release.version, owners):
                return name, release.version
        return None

    def _latest(self, name: NormalizedName) -> Version | None:
        release = next(iter(self._eligible(name)), None)
        return None if release is None else release.version

    def _eligible(self, name: NormalizedName) -> Iterable[Release]:
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

    def _blockers(
        self, name: NormalizedName, latest: Version, movable: Collection[NormalizedName]
    ) -> dict[NormalizedName, str]:
        """Return the packages outside `movable` and the settings that forbid the latest version."""
        blockers = dependency_graph.blockers(name, latest, self._requirements_of_others(movable))
        return without_repeats(blockers, self._settings)

    def _is_only_configured(self, name: NormalizedName, latest: Version) -> bool:
        """Tell whether the configuration forbids a version, and no package does."""
        owners = set(self._blockers(name, latest, ()))
        return bool(owners) and owners <= set(self._settings)

    def _requirements_of_others(
        self, movable: Collection[NormalizedName]
    ) -> dependency_graph.ActiveRequirements:
        return {
            owner: requirements
            for owner, requirements in self.snapshot.active_requirements.items()
            if owner not in movable
        } | dict(self._settings)

    def _explain(
        self,
        name: NormalizedName,
        latest: Version,
        after: Mapping[NormalizedName, Version],
        changes: Sequence[Change],
        *,
        may_resolve: bool,
    ) -> str:
        """Explain why the latest is not reached: its blockers, else the resolver's words."""
        owners = self._blockers(name, latest, {change.id for change in changes})
        if owners:
            blockers = [
                f"{owner} {after[owner]} ({why})" if owner in after else f"{owner} ({why})"
                for owner, why in owners.items()
            ]
            return f"blocked by {join_names(blockers)}"
        if name not in self._explanations and may_resolve:
            try:
                self._resolve_with({name: f"{name}=={latest}"})
            except _UNRESOLVED as error:
                self._explanations[name] = _clause(error)
        return self._explanations.get(name, "it conflicts with the other packages")

    def _held_entry(
        self,
        normalized_name: NormalizedName,
        after: Mapping[NormalizedName, Version],
        latest: Version | None,
        reason: str,
        unlock: str = "",
    ) -> HeldBack:
        name = self.snapshot.distributions[normalized_name].name
        return HeldBack(
            id=normalized_name,
            name=name,
            kept_version=after[normalized_name],
            latest=latest,
            reason=reason,
            how_to_unblock=unlock,
        )


def _clause(error: PkgwidgetsError) -> str:
    """Return why an error stopped a package, as the reason of a held-back one."""
    if isinstance(error, PlanImpossible):
        return error.explanation
    return error.clause()


def describe_moves(
    reached: Version | None, others: Sequence[tuple[NormalizedName, Version | None]]
) -> str:
    """Describe what a wider plan would change: `3.1.1, but streamlit → 1.67.0 changes too`."""
    if not others:
        return str(reached)
    name, version = others[0]
    first = f"{name} → {version}" if version is not None else f"{name} (removed)"
    if len(others) == 1:
        return f"{reached}, but {first} changes too"
    return f"{reached}, but {first} and {count_noun(len(others) - 1, 'other')} change too"
