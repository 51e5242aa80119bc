"""An upgrade as it is asked of the installer, and why it does not reach what is newest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import eligible_releases, is_for_other_pythons
from pkgwidgets.core.errors import PkgwidgetsError, PlanImpossible
from pkgwidgets.core.interfaces import ResolveRequest
from pkgwidgets.core.plans import AllowPolicy, Change, HeldBack
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.core.text import join_names

from .snapshot import EnvironmentSnapshot, ProjectResults

_MAX_EXPLAINED = 3
"""So many held-back names are explained by asking the installer; one question takes a second."""

Resolution = Mapping[NormalizedName, Version | None]
"""What would change: the new version of each name, None for a removal."""


class UpgradeRequest:
    """What is to be upgraded, how far that may reach, and what the index said of it."""

    def __init__(
        self,
        snapshot: EnvironmentSnapshot,
        targets: tuple[NormalizedName, ...],
        answers: ProjectResults,
        *,
        version: Version | None = None,
        allow: AllowPolicy,
    ) -> None:
        self.snapshot = snapshot
        self.targets = targets
        self.answers = answers
        self.version = version
        self.allow = allow
        self._explanations: dict[NormalizedName, str] = {}

    def resolve(self) -> Resolution:
        """Return what would change, the installed versions being the floor of the named.

        A single name is first asked for in the newest release that nobody forbids: left to itself
        the resolver settles for less, to move less.
        """
        if not self.targets:
            return {}
        if self._reachable is not None:
            id, version = self._reachable
            try:
                return self._ask({id: f"{id}=={version}"}, self._keep)
            except PlanImpossible as error:
                if not self.is_blocked:
                    self._explanations[id] = error.explanation
        return self._ask({id: self._floor(id) for id in self.targets}, self._keep)

    @cached_property
    def is_blocked(self) -> bool:
        """Whether it is known without the resolver that a single name cannot be the newest."""
        return self._newest is not None and bool(self._owners(*self._newest, self._movable))

    def how_to_unblock(self) -> str:
        """Say what allowing everything to move would do for a single name; "" if nothing."""
        if self._newest is None or self.allow == "all":
            return ""
        id, latest = self._newest
        keep = (*self.snapshot.pins((), free=True), *self._excluded)
        for wanted in (f"{id}=={latest}", self._floor(id)):
            try:
                free = self._ask({id: wanted}, keep)
            except PlanImpossible:
                continue
            owners = self._owners(id, latest, ())
            others = sorted((i for i in free if i != id), key=lambda i: (i not in owners, i))
            return _describe_moves(free[id], [(i, free[i]) for i in others]) if id in free else ""
        return ""

    def held_back(self, moved: Sequence[Change], unlock: str) -> tuple[HeldBack, ...]:
        """Return the named that do not reach their newest eligible release, with the reasons."""
        if self.version is not None:
            return ()
        after = dependency_graph.versions_after(self.snapshot.versions, moved)
        held: list[HeldBack] = []
        for id in self.targets:
            answer, latest = self.answers.get(id, ()), self._latest(id)
            if isinstance(answer, PkgwidgetsError):
                held.append(self._held(id, after, None, answer.sentence().rstrip(".")))
            elif isinstance(answer, ReleaseList) and answer.stale_reason:
                held.append(self._held(id, after, None, answer.stale_reason))
            elif latest is not None and latest > after[id]:
                reason = self._reason(id, latest, after, moved, ask=len(held) < _MAX_EXPLAINED)
                held.append(self._held(id, after, latest, reason, unlock))
        return tuple(held)

    def _ask(self, wanted: Mapping[NormalizedName, str], keep: Sequence[str]) -> Resolution:
        return self.snapshot.backend.installer.resolve(
            ResolveRequest(
                requirements=self.snapshot.requirements(wanted),
                keep=tuple(keep),
                upgrade=self.targets if self.version is None else (),
            )
        )

    def _floor(self, id: NormalizedName) -> str:
        if self.version is not None:
            return f"{id}=={self.version}"
        return f"{id}>={self.snapshot.versions[id].public}"

    @cached_property
    def _keep(self) -> tuple[str, ...]:
        return (*self.snapshot.pins(self._movable, free=self.allow == "all"), *self._excluded)

    @cached_property
    def _excluded(self) -> tuple[str, ...]:
        """Rule out newer releases that are for other Pythons: uv reads lower bounds alone."""
        interpreter = self.snapshot.backend.environment.interpreter
        return tuple(
            f"{id}!={release.version.public}"
            for id in self.targets
            if not isinstance(answer := self.answers.get(id, ()), PkgwidgetsError)
            for release in answer
            if release.version > self.snapshot.versions[id]
            and is_for_other_pythons(release, interpreter)
        )

    @cached_property
    def _movable(self) -> frozenset[NormalizedName]:
        """The named and, if allowed, what they depend on in their old and their new versions."""
        if self.allow == "all":
            return frozenset(self.snapshot.distributions)
        movable = frozenset(self.targets)
        if self.allow == "dependencies":
            movable |= dependency_graph.dependencies(
                self.targets, self.snapshot.active_requirements
            )
            for id in self.targets:
                movable |= self.snapshot.backend.installer.dependencies(self._floor(id))
        return movable

    @cached_property
    def _newest(self) -> tuple[NormalizedName, Version] | None:
        """A single name and its newest eligible release, if that is an upgrade."""
        if self.version is not None or len(self.targets) != 1:
            return None
        id = self.targets[0]
        latest = self._latest(id)
        return None if latest is None or latest <= self.snapshot.versions[id] else (id, latest)

    @cached_property
    def _reachable(self) -> tuple[NormalizedName, Version] | None:
        """A single name and the newest release that nothing which stays forbids, if newer."""
        if self._newest is None:
            return None
        id, _ = self._newest
        owners = dependency_graph.reverse_requirements(self._fixed(self._movable)).get(id, {})
        for release in self._eligible(id):
            if release.version <= self.snapshot.versions[id]:
                return None
            if not dependency_graph.conflicting(id, release.version, owners):
                return id, release.version
        return None

    def _latest(self, id: NormalizedName) -> Version | None:
        newest = next(iter(self._eligible(id)), None)
        return None if newest is None else newest.version

    def _eligible(self, id: NormalizedName) -> Iterable[Release]:
        answer = self.answers.get(id, ())
        if isinstance(answer, PkgwidgetsError):
            return ()
        interpreter = self.snapshot.backend.environment.interpreter
        return eligible_releases(answer, interpreter, installed=self.snapshot.versions[id])

    def _owners(
        self, id: NormalizedName, latest: Version, movable: Collection[NormalizedName]
    ) -> dict[NormalizedName, str]:
        """Return who forbids the latest, of those that stay as they are."""
        return dependency_graph.blockers(id, latest, self._fixed(movable))

    def _fixed(self, movable: Collection[NormalizedName]) -> dependency_graph.ActiveRequirements:
        return {
            i: needs for i, needs in self.snapshot.active_requirements.items() if i not in movable
        }

    def _reason(
        self,
        id: NormalizedName,
        latest: Version,
        after: Mapping[NormalizedName, Version],
        moved: Sequence[Change],
        *,
        ask: bool,
    ) -> str:
        """Find out why not the latest: who forbids it, else what the resolver says."""
        owners = self._owners(id, latest, {change.id for change in moved})
        if owners:
            return " and ".join(f"{i} {after[i]} needs {why}" for i, why in owners.items())
        if id not in self._explanations and ask:
            try:
                self._ask({id: f"{id}=={latest}"}, self._keep)
            except PlanImpossible as error:
                self._explanations[id] = error.explanation
        return self._explanations.get(id, "it does not go together with the rest")

    def _held(
        self,
        id: NormalizedName,
        after: Mapping[NormalizedName, Version],
        latest: Version | None,
        reason: str,
        unlock: str = "",
    ) -> HeldBack:
        name = self.snapshot.distributions[id].name
        return HeldBack(
            id=id,
            name=name,
            kept_version=after[id],
            latest=latest,
            reason=reason,
            how_to_unblock=unlock,
        )


def _describe_moves(
    reached: Version | None, others: Sequence[tuple[NormalizedName, Version | None]]
) -> str:
    """Say what a wider plan would move, the first few by name."""
    shown = [f"{id} to {version}" for id, version in others[:2]]
    if len(others) > 2:
        shown.append(f"{len(others) - 2} more")
    return f"reach {reached} and move {join_names(shown)}" if shown else f"reach {reached}"
