"""The environment that a plan is made for, read once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import dependency_graph, fingerprint
from pkgwidgets.core.environment import DIRECT_URL, Distribution, Origin, Unreadable
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PackageNotFound,
    PkgwidgetsError,
)
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.releases import Release

from . import recovery

ProjectResults = Mapping[NormalizedName, Sequence[Release] | PkgwidgetsError]
"""What the index said of each project."""


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
    """What is listed and never changed, and why."""

    @classmethod
    def of(cls, backend: Backend) -> EnvironmentSnapshot:
        """Read it; raises `EnvironmentRefused` if nothing may be changed, `EnvironmentBusy`.

        What a crash left is put back first: no plan is made on half an environment. A spoilt
        direct_url.json stops every plan, because the installer reads them all and stops, too.
        """
        reason = backend.environment.read_only_reason()
        if reason is not None:
            raise EnvironmentRefused(backend.environment.interpreter.python, reason)
        recovery.recover_if_needed(backend)
        installed = backend.environment.distributions()
        needs = dependency_graph.active_requirements(
            installed, backend.environment.interpreter.markers
        )
        versions = dependency_graph.installed_versions(installed)
        distributions = dependency_graph.readable_distributions(installed)
        unmet = dependency_graph.unmet(needs, versions)
        own = set(backend.environment.interpreter.scheme.values())
        _check_direct_urls(backend, installed, own)
        pinned = {
            id: reason
            for id, found in distributions.items()
            if (reason := found.unmanaged_reason(own)) is not None
        }
        return cls(backend, installed, distributions, versions, needs, unmet, pinned)

    def fingerprint(self, moved: Iterable[Change]) -> str:
        """Return what a plan of these changes is tied to: what is installed, and its files."""
        ids = [change.id for change in moved if change.before is not None]
        return fingerprint.fingerprint(self.installed, current_fingerprints(self.backend, ids))

    @property
    def python(self) -> Path:
        """The interpreter whose environment it is."""
        return self.backend.environment.interpreter.python

    def upgradable(self, ids: Collection[NormalizedName] | None) -> tuple[NormalizedName, ...]:
        """Return what may be changed of these; a named one that may not is an error."""
        if ids is None:
            return tuple(id for id in self.distributions if id not in self.pinned)
        for id in ids:
            found = self.installed.get(id)
            if found is None:
                raise PackageNotFound(id)
            if isinstance(found, Unreadable):
                reason = f"{id} cannot be changed: it is unreadable ({found.reason})"
                raise EnvironmentRefused(self.python, reason)
            if id in self.pinned:
                reason = f"{id} cannot be changed: {self.pinned[id]}"
                raise EnvironmentRefused(self.python, reason)
        return tuple(ids)

    def check_changeable(
        self, ids: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> None:
        """Raise `EnvironmentRefused` if the files of any of these cannot be changed."""
        known = [id for id in ids if id in self.distributions]
        for id, reason in self.backend.records.unchangeable_reasons(known, leaving).items():
            raise EnvironmentRefused(self.python, f"{id} cannot be changed: {reason}")

    def with_pinned(self, reasons: Mapping[NormalizedName, str]) -> EnvironmentSnapshot:
        """Return the same with more that is never changed."""
        return replace(self, pinned={**self.pinned, **reasons})

    def unmanaged_reports(self, known: EnvironmentSnapshot | None = None) -> tuple[HeldBack, ...]:
        """Return what is never changed, with the reasons; only what was not so in `known`."""
        new = {
            id: why for id, why in self.pinned.items() if known is None or id not in known.pinned
        }
        return tuple(self.held_back(id) for id in sorted(new))

    def held_back(self, id: NormalizedName, latest: Version | None = None) -> HeldBack:
        """Report that a pinned distribution stays as it is, and why."""
        return HeldBack(
            id=id,
            name=self.distributions[id].name,
            kept_version=self.versions[id],
            latest=latest,
            reason=self.pinned[id],
        )

    def requirements(self, instead: Mapping[NormalizedName, str]) -> tuple[str, ...]:
        """Name everything installed, so that the resolver protects it.

        A distribution that is broken already is represented by those of its requirements that
        are met: what is whole stays so, and what is not stands in nobody's way.
        """
        broken = {problem.id for problem in self.unmet}
        broken |= {
            id
            for id, d in self.distributions.items()
            if None in map(dependency_graph.parse_requirement, d.requires)
        }
        broken -= set(instead)
        # What depends on a broken one would lead the resolver back to it.
        while (
            more := set(dependency_graph.dependents(broken, self.active_requirements))
            - broken
            - set(instead)
        ):
            broken |= more
        broken |= self._elsewhere
        unmet = {(problem.id, problem.requirement) for problem in self.unmet}
        lines = [instead.get(id, id) for id in self.distributions if id not in broken]
        for id in sorted(broken - self._elsewhere):
            lines += [
                text
                for requirement in self.active_requirements[id]
                if (id, text := dependency_graph.without_marker(requirement)) not in unmet
                and canonicalize_name(requirement.name) not in broken
            ]
        return tuple(lines)

    @property
    def _elsewhere(self) -> set[NormalizedName]:
        """What lies outside of this environment's own folders: the installer does not see it."""
        return {id for id, d in self.distributions.items() if d.origin is Origin.SYSTEM}

    def pins(self, movable: Collection[NormalizedName], *, free: bool = False) -> tuple[str, ...]:
        """Return exact versions for all that may not move; with `free`, for what never may."""
        return tuple(
            f"{id}=={found.version}"
            for id, found in self.distributions.items()
            if id in self.pinned or not (free or id in movable)
        )


def _check_direct_urls(
    backend: Backend, installed: dependency_graph.Installed, own: set[Path]
) -> None:
    for id, found in installed.items():
        spoilt = isinstance(found, Unreadable) and found.reason.startswith(DIRECT_URL)
        if isinstance(found, Unreadable) and spoilt and found.path.parent in own:
            reason = f"{found.path.name}/{found.reason}; mend it, or install {id} anew"
            raise EnvironmentRefused(backend.environment.interpreter.python, reason)


def current_fingerprints(backend: Backend, ids: Collection[NormalizedName]) -> Mapping[str, str]:
    """Return what else must not have changed: the environment's own, and the files of these."""
    files = {f"a file of {id}": text for id, text in backend.records.fingerprints(ids).items()}
    return {**backend.environment.fingerprints(), **files}


def changes_since_plan(backend: Backend, plan: Plan) -> tuple[str, ...]:
    """Say what is not as it was when the plan was made; nothing, if all is."""
    ids = [change.id for change in plan.changes if change.before is not None]
    installed = backend.environment.distributions()
    return fingerprint.changes_since(
        plan.environment_fingerprint, installed, current_fingerprints(backend, ids)
    )
