"""The graph of requirements: what is met, what conflicts, what depends on what."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from .environment import Distribution, Unreadable
from .plans import Change

Installed = Mapping[NormalizedName, Distribution | Unreadable]
ActiveRequirements = Mapping[NormalizedName, tuple[Requirement, ...]]
"""What each installed distribution requires here: markers evaluated, extras in use switched on."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement of an installed distribution that the environment does not satisfy."""

    id: NormalizedName
    requirement: str
    found: str | None = field(compare=False)

    def __str__(self) -> str:
        has = f"{self.found} is installed" if self.found else "it is not installed"
        return f"{self.id} needs {self.requirement}, but {has}"


_normalize = lru_cache(maxsize=65536)(canonicalize_name)


@lru_cache(maxsize=65536)
def parse_requirement(text: str) -> Requirement | None:
    """Return the requirement that `text` spells (PEP 508), None if it spells none."""
    try:
        requirement = Requirement(text)
        requirement.specifier.contains("0", prereleases=True)  # a number too long to be read
        return requirement
    except (InvalidRequirement, ValueError, RecursionError):
        return None


def readable_distributions(installed: Installed) -> dict[NormalizedName, Distribution]:
    """Leave out what cannot be read."""
    return {id: d for id, d in installed.items() if isinstance(d, Distribution)}


def installed_versions(installed: Installed) -> dict[NormalizedName, Version]:
    """Return the version of each readable distribution."""
    return {id: d.version for id, d in readable_distributions(installed).items()}


def versions_after(
    installed: Mapping[NormalizedName, Version], changes: Iterable[Change]
) -> dict[NormalizedName, Version]:
    """Return the versions after `changes`."""
    after = dict(installed)
    for change in changes:
        after.pop(change.id, None)
        if change.after is not None:
            after[change.id] = change.after
    return after


def version_differences(
    expected: Mapping[NormalizedName, Version], found: Mapping[NormalizedName, Version]
) -> tuple[str, ...]:
    """Name what differs between two installed sets, in the order of names."""
    said = []
    for id in sorted({*expected, *found}):
        want, have = expected.get(id), found.get(id)
        if want != have:
            said.append(f"{id} is {have or 'not installed'}, not {want or 'absent'}")
    return tuple(said)


def active_requirements(
    installed: Installed, markers: Mapping[str, str]
) -> dict[NormalizedName, tuple[Requirement, ...]]:
    """Return what each distribution requires in this environment.

    An extra counts if an installed distribution asks for it; which extras a person once asked for
    is recorded nowhere.
    """
    distributions = readable_distributions(installed)
    applies = _MarkerEvaluator.here(tuple(sorted(markers.items())))
    found: dict[NormalizedName, list[Requirement]] = {id: [] for id in distributions}
    asked: set[tuple[NormalizedName, str]] = set()
    todo = [(id, "") for id in distributions]
    while todo:
        id, extra = todo.pop()
        if id not in distributions or (id, extra) in asked:
            continue
        asked.add((id, extra))
        for text in distributions[id].requires:
            requirement = applies.adds(text, extra)
            if requirement is not None:
                found[id].append(requirement)
                target = _normalize(requirement.name)
                todo += [(target, _normalize(each)) for each in requirement.extras]
    return {id: tuple(requirements) for id, requirements in found.items()}


_EXTRA = re.compile(r"""\bextra\s*==\s*(["'])([A-Za-z0-9._-]+)\1""")

_OR = re.compile(r"\bor\b")


def _is_ruled_out(text: str, extra: str) -> bool:
    """Tell whether a requirement plainly belongs to another extra: most do, and are not parsed.

    Plainly: its marker says `extra == "…"` and no `or`, so that it holds for that extra alone.
    """
    _, _, marker = text.partition(";")
    if "extra" not in marker or _OR.search(marker):
        return False
    named = _EXTRA.search(marker)
    return named is not None and _normalize(named[2]) != extra


class _MarkerEvaluator:
    """Which requirements count in one marker environment; each text is evaluated once."""

    def __init__(self, markers: Mapping[str, str]) -> None:
        self._markers = markers
        self._known: dict[tuple[str, str], Requirement | None] = {}

    @classmethod
    @lru_cache(maxsize=8)
    def here(cls, markers: tuple[tuple[str, str], ...]) -> _MarkerEvaluator:
        """Return the one for these markers; a process sees few."""
        return cls(dict(markers))

    def adds(self, text: str, extra: str) -> Requirement | None:
        """Return the requirement if the extra adds it; "" is the distribution itself."""
        try:
            return self._known[text, extra]
        except KeyError:
            if _is_ruled_out(text, extra):
                return self._known.setdefault((text, extra), None)
            requirement = parse_requirement(text)
            if requirement is not None and not self._counts(requirement, extra):
                requirement = None
            return self._known.setdefault((text, extra), requirement)

    def _counts(self, requirement: Requirement, extra: str) -> bool:
        # What counts without the extra is not added by it.
        return self._holds(requirement, extra) and not (extra and self._holds(requirement, ""))

    def _holds(self, requirement: Requirement, extra: str) -> bool:
        if requirement.marker is None:
            return True
        try:
            return requirement.marker.evaluate({**self._markers, "extra": extra})
        except (UndefinedComparison, UndefinedEnvironmentName, ValueError):
            return False


def satisfies(requirement: Requirement, version: Version | None) -> bool:
    """Tell whether an installed version meets a requirement; a URL is met by any version."""
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def unmet(
    required: ActiveRequirements, installed: Mapping[NormalizedName, Version]
) -> frozenset[Unmet]:
    """Return every requirement that these versions do not satisfy."""
    missing = set()
    for id, requirements in required.items():
        for requirement in requirements:
            target = _normalize(requirement.name)
            version = installed.get(target)
            if not satisfies(requirement, version):
                missing.add(
                    Unmet(id, without_marker(requirement), str(version) if version else None)
                )
    return frozenset(missing)


def unmet_in(installed: Installed, markers: Mapping[str, str]) -> frozenset[Unmet]:
    """Return every requirement that an installed set leaves unmet in a marker environment."""
    return unmet(active_requirements(installed, markers), installed_versions(installed))


def newly_unmet(
    before: frozenset[Unmet],
    required: ActiveRequirements,
    versions: Mapping[NormalizedName, Version],
) -> frozenset[Unmet]:
    """Return the requirements that these versions do not satisfy, without those unmet before.

    A change must not break a distribution. It need not repair one that is broken already.
    """
    return unmet(required, versions) - before


def broken_by(
    changes: Collection[Change],
    required: ActiveRequirements,
    versions: Mapping[NormalizedName, Version],
) -> frozenset[Unmet]:
    """Return what changes leave newly unmet for the distributions that they do not touch.

    `required` and `versions` are those before the changes.
    """
    changed = {change.id for change in changes}
    staying = {id: needs for id, needs in required.items() if id not in changed}
    return newly_unmet(unmet(staying, versions), staying, versions_after(versions, changes))


def without_marker(requirement: Requirement) -> str:
    """Return the requirement without its marker, which has been evaluated."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def reverse_requirements(
    required: ActiveRequirements,
) -> dict[NormalizedName, dict[NormalizedName, list[Requirement]]]:
    """Return, of each project, who requires what of it: the same facts from the other end."""
    found: dict[NormalizedName, dict[NormalizedName, list[Requirement]]] = {}
    for owner, requirements in required.items():
        for requirement in requirements:
            target = _normalize(requirement.name)
            if target != owner:
                found.setdefault(target, {}).setdefault(owner, []).append(requirement)
    return found


def conflicting(
    id: NormalizedName, version: Version, owners: Mapping[NormalizedName, Sequence[Requirement]]
) -> dict[NormalizedName, str]:
    """Return which owners of requirements forbid `version`, with the part that does."""
    found: dict[NormalizedName, str] = {}
    for owner, requirements in owners.items():
        forbids = {
            str(specifier)
            for requirement in requirements
            if not requirement.specifier.contains(version, prereleases=True)
            for specifier in requirement.specifier
            if not specifier.contains(version, prereleases=True)
        }
        if forbids:
            found[owner] = f"{id}{','.join(sorted(forbids))}"
    return found


def blockers(
    id: NormalizedName, version: Version, required: ActiveRequirements
) -> dict[NormalizedName, str]:
    """Return who forbids `version` of `id`, with the part of its requirement that does."""
    return conflicting(id, version, reverse_requirements(required).get(id, {}))


def dependencies(
    ids: Collection[NormalizedName], required: ActiveRequirements
) -> frozenset[NormalizedName]:
    """Return what these depend on, directly or not, themselves left out unless needed by others."""
    found: set[NormalizedName] = set()
    todo = list(ids)
    while todo:
        for requirement in required.get(todo.pop(), ()):
            target = _normalize(requirement.name)
            if target not in found:
                found.add(target)
                todo.append(target)
    return frozenset(found)


def dependents(
    ids: Collection[NormalizedName], required: ActiveRequirements
) -> tuple[NormalizedName, ...]:
    """Return what directly depends on any of these, in the order of names."""
    wanted = set(ids)
    return tuple(
        sorted(
            owner
            for owner, requirements in required.items()
            if owner not in wanted
            and any(_normalize(requirement.name) in wanted for requirement in requirements)
        )
    )
