"""The metadata of installed releases, without what an installer cannot read or satisfy.

An installer that reads METADATA itself fails on one file that it cannot parse. It finds no solution
if one requirement is unmet already. It takes this in its place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from .dependency_graph import (
    ActiveRequirements,
    Installed,
    Unmet,
    parse_requirement,
    readable_distributions,
    without_marker,
)
from .environment import Distribution
from .requirement_text import read_requirement


@dataclass(frozen=True, kw_only=True, slots=True)
class InstalledMetadata:
    """What an installer takes for the metadata of one installed release."""

    id: NormalizedName
    version: Version
    requires: tuple[str, ...]
    """Requirements (PEP 508) that are met now, or that belong to an extra."""


def replaced_metadata(
    installed: Installed,
    active: ActiveRequirements,
    unmet: Collection[Unmet],
    *,
    everything: bool = False,
) -> tuple[InstalledMetadata, ...]:
    """Return the metadata of the distributions whose own would stop an installer.

    Those have an unmet requirement, one that cannot be parsed, or a URL. With `everything`, return
    it for all: an installer may fail on more than that, for example on a `Requires-Python`.
    """
    unmet_texts: dict[NormalizedName, set[str]] = {}
    for problem in unmet:
        unmet_texts.setdefault(problem.id, set()).add(problem.requirement)
    return tuple(
        InstalledMetadata(
            id=name,
            version=distribution.version,
            requires=_met_requirements(distribution, active[name], unmet_texts.get(name, ())),
        )
        for name, distribution in readable_distributions(installed).items()
        if everything or name in unmet_texts or _has_unusual_requirement(distribution)
    )


def _has_unusual_requirement(distribution: Distribution) -> bool:
    requirements = map(read_requirement, distribution.requires)
    return any(requirement is None or requirement.url for requirement in requirements)


def _met_requirements(
    distribution: Distribution, active: Collection[Requirement], unmet_texts: Collection[str]
) -> tuple[str, ...]:
    """Return what is met now, and what extras add: a new release may request an extra.

    Of a requirement with a URL only the name is left: what is installed came from there.
    """
    own = (
        text
        for requirement in active
        if (text := without_marker(requirement)) not in unmet_texts
        and canonicalize_name(requirement.name) != distribution.id
    )
    of_extras = (
        str(requirement)
        for requirement in _extra_requirements(distribution)
        if without_marker(requirement) not in unmet_texts
    )
    return tuple(dict.fromkeys((*own, *of_extras)))


def _extra_requirements(distribution: Distribution) -> Iterator[Requirement]:
    for text in distribution.requires:
        requirement = parse_requirement(text) if "extra" in text.partition(";")[2] else None
        if requirement is not None and requirement.url is None:
            yield requirement
