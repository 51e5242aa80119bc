"""Ask the installer for an upgrade of some packages, alone and together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import (
    IndexUnavailable,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.interfaces import mentioned_names
from pkgwidgets.core.plans import AllowPolicy
from pkgwidgets.core.workable import workable_items

from .moves import describe_moves
from .resolutions import Resolution, Resolutions
from .upgrade_targets import UpgradeTargets

_MAX_ATTEMPTS = 24
"""Resolutions that look for the packages which cannot be upgraded."""
_UNRESOLVED = (PlanImpossible, IndexUnavailable, ResolutionFailed)
_Unresolved = PlanImpossible | IndexUnavailable | ResolutionFailed


class UpgradeResolver:
    """Asks for upgrades of the targets; `allow` says what else may change."""

    def __init__(
        self, targets: UpgradeTargets, resolutions: Resolutions, *, allow: AllowPolicy
    ) -> None:
        self.targets = targets
        self.failures = dict(targets.failures)
        """The targets that cannot be upgraded, with the errors."""
        self._resolutions = resolutions
        self._snapshot = targets.snapshot
        self._allow = allow
        self._explanations: dict[NormalizedName, str] = {}

    def resolve(self) -> Resolution:
        """Resolve the upgrade; no target goes below its installed version.

        A single target is first required in its newest compatible release. Without that the
        resolver may choose an older release, to change less. Of several targets, those that cannot
        be resolved with the others are left out, and are in `failures`.
        """
        if not self.targets.candidates:
            return {}
        compatible = None
        if self.targets.single is not None:
            compatible = self.targets.single_compatible(self._movable)
        if compatible is not None:
            name, version = compatible
            try:
                return self._resolve_with({name: f"{name}=={version}"})
            except PlanImpossible as error:
                if not self.is_blocked:
                    self._explanations[name] = error.explanation
            except (IndexUnavailable, ResolutionFailed) as error:
                self._explanations[name] = held_back_reason(error)
        try:
            return self._resolve_targets(self.targets.candidates)
        except _UNRESOLVED as error:
            return self._resolve_most(error)

    def _resolve_most(self, error: _Unresolved) -> Resolution:
        """Resolve as many targets as possible, those that the error mentions last.

        Raises the error if the environment cannot be resolved even without upgrades.
        """
        if self.targets.version is not None:
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
        suspects = [name for name in self.targets.candidates if name in mentioned]
        others = [name for name in self.targets.candidates if name not in mentioned]
        _, failures = workable_items((others, suspects), attempt, max_attempts=_MAX_ATTEMPTS)
        self.failures |= failures
        return resolution

    @cached_property
    def is_blocked(self) -> bool:
        """Whether installed packages forbid the latest release of a single target."""
        single = self.targets.single
        return single is not None and bool(self.targets.blockers(*single, self._movable))

    def how_to_unblock(self) -> str:
        """Describe what `allow="all"` would do for a single target; "" if nothing."""
        if self.targets.single is None or self._allow == "all":
            return ""
        name, latest = self.targets.single
        if self.targets.is_only_configured(name, latest):
            return ""
        for requirement in (f"{name}=={latest}", self.targets.requirement(name)):
            try:
                resolution = self._resolve_with({name: requirement}, free=True)
            except _UNRESOLVED:
                continue
            if name not in resolution:
                return ""
            owners = self.targets.blockers(name, latest, ())
            return describe_moves(name, resolution, owners)
        return ""

    def failure(self, name: NormalizedName) -> PkgwidgetsError | None:
        """Return the error of a target: of the index, of a page or file, or of the installer."""
        pages, files = self._resolutions.unreadable_pages, self._resolutions.unusable_files
        if name in self.failures or name in pages:
            return self.failures.get(name) or pages[name]
        return next((failure for (project, _), failure in files.items() if project == name), None)

    def explanation(self, name: NormalizedName, latest: Version, *, may_resolve: bool) -> str:
        """Return the installer's words why a target does not reach its latest version."""
        if name not in self._explanations and may_resolve:
            try:
                self._resolve_with({name: f"{name}=={latest}"})
            except _UNRESOLVED as error:
                self._explanations[name] = held_back_reason(error)
        return self._explanations.get(name, "it conflicts with the other packages")

    def _resolve_targets(self, names: tuple[NormalizedName, ...]) -> Resolution:
        """Resolve upgrades of these targets; the other targets do not go down."""
        requirements = {name: self.targets.requirement(name) for name in self.targets.names}
        return self._resolve_with(requirements, names)

    def _resolve_with(
        self,
        instead: Mapping[NormalizedName, str],
        upgrade: tuple[NormalizedName, ...] | None = None,
        *,
        free: bool = False,
    ) -> Resolution:
        """Resolve with these requirements; with `free`, all other packages may change."""
        free = free or self._allow == "all"
        movable = () if free else self._movable
        targets, snapshot = self.targets, self._snapshot
        names = targets.candidates if upgrade is None else upgrade
        return self._resolutions.resolve(
            snapshot,
            configured=targets.limits_for(names),
            instead=instead,
            keep=(
                *snapshot.pins(movable, free=free),
                *targets.excluded,
                *targets.floors,
                *targets.ceilings,
            ),
            prefer=snapshot.preferred(movable, free=free),
            upgrade=names if targets.version is None else (),
        )

    @cached_property
    def _movable(self) -> frozenset[NormalizedName]:
        """The targets and, if allowed, the dependencies of their old and new versions."""
        if self._allow == "all":
            return frozenset(self._snapshot.distributions)
        movable = frozenset(self.targets.names)
        if self._allow == "dependencies":
            movable |= dependency_graph.dependencies(
                self.targets.names, self._snapshot.active_requirements
            )
            for name in self.targets.candidates:
                movable |= self._future_dependencies(name)
        return movable

    def _future_dependencies(self, name: NormalizedName) -> frozenset[NormalizedName]:
        """Return the dependencies of the new version; of a given version, raise why there is none.

        Without a given version, the resolution itself tells what cannot be resolved.
        """
        targets = self.targets
        try:
            return self._resolutions.dependencies(
                self._snapshot, targets.requirement(name), targets.limits_for(targets.candidates)
            )
        except _UNRESOLVED:
            if targets.version is not None:
                raise
        return frozenset()


def held_back_reason(error: PkgwidgetsError) -> str:
    """Return why an error stopped a package, as the reason of a held-back one."""
    if isinstance(error, PlanImpossible):
        return error.explanation
    return error.clause()
