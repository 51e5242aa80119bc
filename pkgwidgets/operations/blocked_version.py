"""Explain why an exact version cannot be installed: which packages forbid it, what would help."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import (
    IndexUnavailable,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.updates import eligible_releases

from .moves import describe_moves
from .resolutions import Resolutions
from .snapshot import EnvironmentSnapshot, ProjectResults


def explain_blocked_version(
    error: PlanImpossible,
    snapshot: EnvironmentSnapshot,
    answers: ProjectResults,
    resolutions: Resolutions,
) -> PlanImpossible:
    """Return the error with the packages and settings that forbid its version, and what would help.

    Returns it unchanged if it is not about one exact version, or if none of them forbids that.
    """
    target = _exact_version(error.requirements)
    if target is None:
        return error
    name, version = target
    kept = {
        owner: requirements
        for owner, requirements in snapshot.active_requirements.items()
        if owner in error.blockers
    }
    owners = dependency_graph.blockers(name, version, kept)
    settings = dependency_graph.blockers(name, version, snapshot.settings)
    if not owners and not settings:
        return error
    return PlanImpossible(
        error.requirements,
        error.explanation,
        error.blockers,
        reasons=tuple(
            f"{snapshot.distributions[owner].name} {snapshot.versions[owner]}, which is installed, "
            f"requires {requirement}"
            for owner, requirement in owners.items()
        )
        + tuple(f"blocked by {owner} ({requirement})" for owner, requirement in settings.items()),
        how_to_unblock=""
        if settings
        else _how_to_unblock(name, version, snapshot, resolutions, tuple(owners)),
        alternative=_compatible_release(name, snapshot, answers, {**kept, **snapshot.settings}),
    )


def _exact_version(requirements: Sequence[str]) -> tuple[NormalizedName, Version] | None:
    """Return the name and version of a single requirement of one exact version; else None."""
    if len(requirements) != 1:
        return None
    with suppress(InvalidRequirement, ValueError):
        requirement = Requirement(requirements[0])
        (specifier,) = requirement.specifier
        if specifier.operator == "==":
            return canonicalize_name(requirement.name), Version(specifier.version)
    return None


def _how_to_unblock(
    name: NormalizedName,
    version: Version,
    snapshot: EnvironmentSnapshot,
    resolutions: Resolutions,
    owners: tuple[NormalizedName, ...],
) -> str:
    """Describe what `allow="all"` would do, the owners first; "" if it would not help."""
    requirement = f"{name}=={version}"
    is_installed = name in snapshot.versions
    try:
        resolution = resolutions.resolve(
            snapshot,
            configured=snapshot.kept_limits((name,)),
            instead={name: requirement} if is_installed else {},
            added=() if is_installed else (requirement,),
            keep=snapshot.pins((), free=True),
            prefer=snapshot.preferred((), free=True),
        )
    except (PlanImpossible, IndexUnavailable, ResolutionFailed):
        return ""
    return describe_moves(name, {name: version, **resolution}, owners)


def _compatible_release(
    name: NormalizedName,
    snapshot: EnvironmentSnapshot,
    answers: ProjectResults,
    kept: dependency_graph.ActiveRequirements,
) -> str:
    """Return the newest release that nothing forbids, if it is new; else ""."""
    answer = answers.get(name, ())
    if isinstance(answer, PkgwidgetsError):
        return ""
    installed = snapshot.versions.get(name)
    interpreter = snapshot.backend.environment.interpreter
    for release in eligible_releases(answer, interpreter, installed=installed):
        if installed is not None and release.version <= installed:
            return ""
        if not dependency_graph.blockers(name, release.version, kept):
            return f"{name} {release.version}"
    return ""
