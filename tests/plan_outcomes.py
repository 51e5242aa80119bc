"""What uv and pkgwidgets make of a generated world, and what is wrong about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from generated_worlds import SourceRelease, World, project_of
from packaging.version import Version
from world_requirements import is_met, read_requirement, requirements_on, unmet

from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.wheel_builder import BuiltWheel

Changes = Mapping[str, str | None]
"""The new version of each package that changes; None if it is uninstalled."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers of uv and pkgwidgets to the request of a world."""

    world: World
    uv_changes: Changes | None
    """None if uv finds no solution that keeps all installed packages."""
    plan: Plan | None
    error: str = ""

    @property
    def changes(self) -> dict[str, str | None]:
        """The changes of the plan."""
        changes = () if self.plan is None else self.plan.changes
        return {c.id: None if c.after is None else str(c.after) for c in changes}

    @property
    def kind(self) -> str:
        """How the two answers compare."""
        if self.plan is None:
            return "refused" if self.uv_changes is not None else "both refuse"
        if self.uv_changes is None:
            return "plan where uv refuses"
        return _compare(self.changes, self.uv_changes)

    @property
    def is_refused_wrongly(self) -> bool:
        """Whether there is no plan though uv has one, or though nothing exact is requested."""
        if self.plan is not None or self._is_odd_request:
            return False
        is_exact = self.world.version is not None or self.world.requirement is not None
        is_index_failure = self.error.startswith("IndexUnavailable")
        return self.uv_changes is not None or not (is_exact or is_index_failure)

    @property
    def _is_odd_request(self) -> bool:
        """Whether the request names a package that is never changed."""
        return any(self.world.oddities.get(name) == "url" for name in self.requested_names)

    @property
    def requested_names(self) -> tuple[str, ...]:
        """The packages that the request names; all installed ones if it names none."""
        if self.world.requirement is not None:
            return (project_of(self.world.requirement),)
        return self.world.names or tuple(wheel.name for wheel in self.world.installed)

    def reach(self) -> Iterator[tuple[str, str]]:
        """Yield each requested package, and whether the plan reaches less or more than uv."""
        if self.plan is None or self.uv_changes is None:
            return
        before = {wheel.name: wheel.version for wheel in self.world.installed}
        for name in self.requested_names:
            ours = self.changes.get(name, before.get(name))
            theirs = self.uv_changes.get(name, before.get(name))
            if ours is not None and theirs is not None:
                yield name, _order(Version(ours), Version(theirs))

    def forbidden(self) -> list[str]:
        """Return what the plan does that the limits forbid."""
        theirs = self.uv_changes or {}
        problems = [
            problem
            for name, version in self.changes.items()
            if version is None or theirs.get(name) != version
            for problem in self._problems_of(name, version)
        ]
        world = self.world
        new = unmet(world.requires(self._after())) - unmet(world.requires(world.installed))
        return [*problems, *(f"{owner} misses {text}" for owner, text in sorted(new))]

    def _after(self) -> list[BuiltWheel]:
        """Return the releases that are installed after the plan."""
        kept = [wheel for wheel in self.world.installed if wheel.name not in self.changes]
        return kept + [
            wheel for wheel in self.world.published if self.changes.get(wheel.name) == wheel.version
        ]

    def _problems_of(self, name: str, version: str | None) -> Iterator[str]:
        """Yield why a change is not allowed."""
        world = self.world
        published = {wheel.version: wheel for wheel in world.published if wheel.name == name}
        if version is None or version not in published:
            yield f"{name} {version} is not on the index"
            return
        before = next((Version(w.version) for w in world.installed if w.name == name), None)
        if world.oddities.get(name) == "url":
            yield f"{name} came from a URL and may not change"
        is_exact = world.version == version or world.requirement == f"{name}=={version}"
        yield from self._problems_of_release(published[version], is_exact=is_exact)
        was_prerelease = before is not None and before.is_prerelease
        may_be_prerelease = world.allows_prereleases or was_prerelease or is_exact
        if Version(version).is_prerelease and not may_be_prerelease and self._has_final(name):
            yield f"{name} {version} is a pre-release"
        if before is not None and Version(version) < before and world.resolution and not is_exact:
            yield f"{name} goes down to {version}"

    def _problems_of_release(self, wheel: BuiltWheel, *, is_exact: bool = False) -> Iterator[str]:
        """Yield why a release may not be installed anew."""
        release = f"{wheel.name} {wheel.version}"
        if wheel.yanked is not None and not is_exact:
            yield f"{release} is yanked"
        if isinstance(wheel, SourceRelease):
            yield f"{release} has no wheel"
        if wheel.filename in self.world.missing_files:
            yield f"{release} cannot be downloaded"
        if wheel.requires_python == ">=3.99":
            yield f"{release} is for another Python"
        if self.world.is_too_new(wheel):
            yield f"{release} is too new"
        limit = read_requirement(self.world.constraint or "no-project")
        applies = limit.marker is None or limit.marker.evaluate()
        if applies and limit.name == wheel.name and not is_met(limit, Version(wheel.version)):
            yield f"{release} is against the constraint {limit}"

    def _has_final(self, name: str) -> bool:
        """Tell whether a final release would do; uv takes a pre-release only if none does."""
        world = self.world
        others = [wheel for wheel in self._after() if wheel.name != name]
        requirements = requirements_on(name, world.requires(others))
        known = unmet(world.requires(world.installed))
        return any(
            wheel.name == name
            and not Version(wheel.version).is_prerelease
            and not any(self._problems_of_release(wheel))
            and all(is_met(requirement, Version(wheel.version)) for requirement in requirements)
            and unmet(world.requires([*others, wheel])) <= known
            for wheel in world.published
        )


def _compare(ours: Changes, theirs: Changes) -> str:
    if ours == theirs:
        return "the same plan"
    if ours.keys() == theirs.keys():
        return "the same packages, other versions"
    return "fewer changes" if len(ours) < len(theirs) else "other changes"


def _order(ours: Version, theirs: Version) -> str:
    if ours == theirs:
        return "the same"
    return "less" if ours < theirs else "further"
