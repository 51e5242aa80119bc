"""Find unmet requirements of generated releases, without pkgwidgets' own code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import Version

from pkgwidgets.demo.wheel_builder import BuiltWheel

Requires = Mapping[BuiltWheel, Sequence[str]]
"""Releases, and what each requires."""


def unmet(requires: Requires) -> set[tuple[str, str]]:
    """Return the requirements that these releases do not meet, by who requires them."""
    versions = {wheel.name: Version(wheel.version) for wheel in requires}
    return {
        (owner, text)
        for owner, text, requirement in _active(requires)
        if not is_met(requirement, versions.get(requirement.name))
    }


def is_met(requirement: Requirement, version: Version | None) -> bool:
    """Tell whether an installed version meets a requirement; pre-releases count."""
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def read_requirement(text: str) -> Requirement:
    """Read a requirement as uv does: `>=1.*` means `>=1`."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return Requirement(text.replace(".*", ""))


def requirements_on(name: str, requires: Requires) -> list[Requirement]:
    """Return the requirements on a project that are in force."""
    return [requirement for _, _, requirement in _active(requires) if requirement.name == name]


def _active(requires: Requires) -> list[tuple[str, str, Requirement]]:
    """Return the requirements whose markers hold; an extra is in use if a package requires it."""
    extras: dict[str, set[str]] = {wheel.name: {""} for wheel in requires}
    while True:
        active = [
            (wheel.name, text, requirement)
            for wheel, lines in requires.items()
            for text in lines
            if _applies(requirement := read_requirement(text), extras[wheel.name])
        ]
        count = sum(map(len, extras.values()))
        for _, _, requirement in active:
            extras.setdefault(requirement.name, {""}).update(requirement.extras)
        if sum(map(len, extras.values())) == count:
            return active


def _applies(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
