"""The graph of requirements: what is met, what conflicts, what depends on what."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from .environment import Distribution, Unreadable
from .requirement_text import UnknownRequirement, read_old_requirement, read_requirement

if TYPE_CHECKING:
    from packaging.version import Version

    from .plans import Change

Installed = Mapping[NormalizedName, Distribution | Unreadable]
ActiveRequirements = Mapping[NormalizedName, tuple[Requirement, ...]]
"""The requirements of each distribution: markers are evaluated, extras in use are included."""
RequiresOf = Callable[[Distribution], Sequence[str]]
"""Returns the requirements of a distribution: those in its metadata, or what replaces them."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A requirement of an installed distribution that the environment does not satisfy."""

    id: NormalizedName
    requirement: str
    installed_version: str | None = field(compare=False)

    def __str__(self) -> str:
        has = (
            f"{self.installed_version} is installed"
            if self.installed_version
            else "it is not installed"
        )
        return f"{self.id} requires {self.requirement}, but {has}"


_normalize = lru_cache(maxsize=65536)(canonicalize_name)


def parse_requirement(text: str) -> Requirement | None:
    """Return the requirement that `text` spells (PEP 508), as uv or older installers read it.

    None if it names no project.
    """
    return read_requirement(text) or read_old_requirement(text)


def readable_distributions(installed: Installed) -> dict[NormalizedName, Distribution]:
    """Return the installed set without unreadable distributions."""
    return {
        name: distribution
        for name, distribution in installed.items()
        if isinstance(distribution, Distribution)
    }


def installed_versions(installed: Installed) -> dict[NormalizedName, Version]:
    """Return the version of each readable distribution."""
    return {
        name: distribution.version
        for name, distribution in readable_distributions(installed).items()
    }


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
    expected: Mapping[NormalizedName, Version], installed: Mapping[NormalizedName, Version]
) -> tuple[str, ...]:
    """Describe the differences between two installed sets, sorted by name."""
    sentences = []
    for name in sorted({*expected, *installed}):
        planned, actual = expected.get(name), installed.get(name)
        if planned != actual:
            sentences.append(_version_difference(name, planned, actual))
    return tuple(sentences)


def _version_difference(name: str, planned: Version | None, actual: Version | None) -> str:
    if actual is None:
        return f"{name} {planned} is not installed"
    if planned is None:
        return f"{name} {actual} is installed"
    return f"{name} is {actual}, not {planned}"


def _declared(distribution: Distribution) -> Sequence[str]:
    return distribution.requires


def active_requirements(
    installed: Installed, markers: Mapping[str, str], requires_of: RequiresOf = _declared
) -> dict[NormalizedName, tuple[Requirement, ...]]:
    """Return what each distribution requires in this environment.

    An extra counts if an installed distribution requires it. The extras that a user requested are
    not recorded anywhere. If the versions of a requirement cannot be read, it is met only by the
    installed version. An unreadable distribution has those of its requirements that can be read.
    """
    distributions = readable_distributions(installed)
    applies = _MarkerEvaluator.here(tuple(sorted(markers.items())))
    requiring = [
        name
        for name, distribution in installed.items()
        if distribution.requires or name in distributions
    ]
    requirements_of: dict[NormalizedName, list[Requirement]] = {name: [] for name in requiring}
    seen: set[tuple[NormalizedName, str]] = set()
    pending = [(name, "") for name in requiring]
    while pending:
        name, extra = pending.pop()
        if name not in requirements_of or (name, extra) in seen:
            continue
        seen.add((name, extra))
        known = distributions.get(name)
        for text in installed[name].requires if known is None else requires_of(known):
            requirement = applies.adds(text, extra)
            if isinstance(requirement, UnknownRequirement):
                requirement = _held_requirement(requirement, distributions)
            if requirement is not None:
                requirements_of[name].append(requirement)
                target = _normalize(requirement.name)
                pending += [(target, _normalize(extra_name)) for extra_name in requirement.extras]
    return {name: tuple(requirements) for name, requirements in requirements_of.items()}


def _held_requirement(
    requirement: UnknownRequirement, distributions: Mapping[NormalizedName, Distribution]
) -> Requirement | None:
    """Return a requirement on the installed version; None if its project is not installed."""
    target = distributions.get(_normalize(requirement.name))
    if target is None:
        return None
    return UnknownRequirement.of(requirement.name, requirement.source_text, target.version)


_EXTRA = re.compile(r"""\bextra\s*==\s*(["'])([A-Za-z0-9._-]+)\1""")

_OR = re.compile(r"\bor\b")


def _is_for_other_extra(text: str, extra: str) -> bool:
    """Tell without parsing whether a requirement belongs to another extra: most do.

    True if its marker has `extra == "…"` and no `or`, so that it applies to that extra only.
    """
    _, _, marker = text.partition(";")
    if "extra" not in marker or _OR.search(marker):
        return False
    extra_match = _EXTRA.search(marker)
    return extra_match is not None and _normalize(extra_match[2]) != extra


class _MarkerEvaluator:
    """Evaluates requirements in one marker environment, each text once."""

    def __init__(self, markers: Mapping[str, str]) -> None:
        self._markers = markers
        self._evaluated: dict[tuple[str, str], Requirement | None] = {}

    @classmethod
    @lru_cache(maxsize=8)
    def here(cls, markers: tuple[tuple[str, str], ...]) -> _MarkerEvaluator:
        """Return the evaluator for these markers; a process has few."""
        return cls(dict(markers))

    def adds(self, text: str, extra: str) -> Requirement | None:
        """Return the requirement if the extra adds it; "" stands for no extra."""
        try:
            return self._evaluated[text, extra]
        except KeyError:
            if _is_for_other_extra(text, extra):
                return self._evaluated.setdefault((text, extra), None)
            requirement = parse_requirement(text)
            if requirement is not None and not self._is_added(requirement, extra):
                requirement = None
            return self._evaluated.setdefault((text, extra), requirement)

    def _is_added(self, requirement: Requirement, extra: str) -> bool:
        # An extra does not add what applies without it.
        return self._applies(requirement, extra) and not (extra and self._applies(requirement, ""))

    def _applies(self, requirement: Requirement, extra: str) -> bool:
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
    for name, requirements in required.items():
        for requirement in requirements:
            target = _normalize(requirement.name)
            version = installed.get(target)
            if not satisfies(requirement, version):
                missing.add(
                    Unmet(name, without_marker(requirement), str(version) if version else None)
                )
    return frozenset(missing)


def unmet_in(
    installed: Installed, markers: Mapping[str, str], requires_of: RequiresOf = _declared
) -> frozenset[Unmet]:
    """Return every requirement that an installed set leaves unmet in a marker environment."""
    return unmet(
        active_requirements(installed, markers, requires_of), installed_versions(installed)
    )


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
    """Return the newly unmet requirements of distributions that the changes do not touch.

    `required` and `versions` are those before the changes.
    """
    changed = {change.id for change in changes}
    unchanged = {
        name: requirements for name, requirements in required.items() if name not in changed
    }
    return newly_unmet(unmet(unchanged, versions), unchanged, versions_after(versions, changes))


def without_marker(requirement: Requirement) -> str:
    """Return the requirement without its marker, which has been evaluated."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def reverse_requirements(
    required: ActiveRequirements,
) -> dict[NormalizedName, dict[NormalizedName, list[Requirement]]]:
    """Return for each project the requirements on it, by the distribution that has them."""
    owners: dict[NormalizedName, dict[NormalizedName, list[Requirement]]] = {}
    for owner, requirements in required.items():
        for requirement in requirements:
            target = _normalize(requirement.name)
            if target != owner:
                owners.setdefault(target, {}).setdefault(owner, []).append(requirement)
    return owners


def conflicting(
    name: NormalizedName, version: Version, owners: Mapping[NormalizedName, Sequence[Requirement]]
) -> dict[NormalizedName, str]:
    """Return the owners of requirements that forbid `version`, with the specifiers that do."""
    conflicts: dict[NormalizedName, str] = {}
    for owner, requirements in owners.items():
        forbids = {
            str(specifier)
            for requirement in requirements
            if not requirement.specifier.contains(version, prereleases=True)
            for specifier in requirement.specifier
            if not specifier.contains(version, prereleases=True)
        }
        if forbids:
            unknown = _unreadable_text(requirements)
            conflicts[owner] = unknown or f"{name}{','.join(sorted(forbids))}"
    return conflicts


def _unreadable_text(requirements: Iterable[Requirement]) -> str:
    """Return what an owner wrote instead of a readable requirement; "" if it wrote none."""
    texts = (r.source_text for r in requirements if isinstance(r, UnknownRequirement))
    return next((f"{text}, which is unreadable" for text in texts), "")


def blockers(
    name: NormalizedName, version: Version, required: ActiveRequirements
) -> dict[NormalizedName, str]:
    """Return the distributions that forbid a version, with the specifiers that do."""
    return conflicting(name, version, reverse_requirements(required).get(name, {}))


def dependencies(
    names: Collection[NormalizedName], required: ActiveRequirements
) -> frozenset[NormalizedName]:
    """Return all direct and indirect dependencies; `names` only where others depend on them."""
    closure: set[NormalizedName] = set()
    pending = list(names)
    while pending:
        for requirement in required.get(pending.pop(), ()):
            target = _normalize(requirement.name)
            if target not in closure:
                closure.add(target)
                pending.append(target)
    return frozenset(closure)


def roots(required: ActiveRequirements) -> frozenset[NormalizedName]:
    """Return the distributions that no other one requires, except ones in a circle with them."""
    owners = reverse_requirements(required)

    def is_root(name: NormalizedName) -> bool:
        pending, seen = [name], {name}
        circle = dependencies([name], required) if name in owners else frozenset()
        while pending:
            above = owners.get(pending.pop(), {}).keys() - seen
            if not above <= circle:
                return False
            seen |= above
            pending += above
        return True

    return frozenset(filter(is_root, required))


def dependents(
    names: Collection[NormalizedName], required: ActiveRequirements
) -> tuple[NormalizedName, ...]:
    """Return the direct dependents of `names` without `names`, sorted."""
    targets = set(names)
    return tuple(
        sorted(
            owner
            for owner, requirements in required.items()
            if owner not in targets
            and any(_normalize(requirement.name) in targets for requirement in requirements)
        )
    )
