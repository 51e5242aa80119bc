"""Check what a user requests against the releases on the index, before it is resolved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core.compatibility import has_compatible_wheel, why_incompatible
from pkgwidgets.core.dependency_graph import satisfies
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import PkgwidgetsError, PlanImpossible
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.core.updates import eligible_releases, why_no_release
from pkgwidgets.core.versions import admits

from .snapshot import EnvironmentSnapshot, ProjectResults


def check_requested(
    snapshot: EnvironmentSnapshot, requirements: Iterable[Requirement], answers: ProjectResults
) -> None:
    """Raise `PlanImpossible` for a requirement that no release of its project can meet.

    A requirement that the installed release meets is fine. An outdated answer proves nothing.
    """
    interpreter = snapshot.backend.environment.interpreter
    for requirement in requirements:
        name = canonicalize_name(requirement.name)
        answer = answers.get(name, ())
        is_stale = isinstance(answer, ReleaseList) and bool(answer.stale_reason)
        if isinstance(answer, PkgwidgetsError) or is_stale:
            continue
        if not satisfies(requirement, snapshot.versions.get(name)):
            why = _why_impossible(requirement, answer, interpreter)
            if why:
                raise PlanImpossible((str(requirement),), why, has_no_release=True)


def installed_notes(
    snapshot: EnvironmentSnapshot, names: Iterable[NormalizedName]
) -> tuple[str, ...]:
    """Return for each installed package that it is installed, for a plan without changes."""
    return tuple(
        f"{snapshot.distributions[name].name} {snapshot.versions[name]} is already installed"
        for name in names
        if name in snapshot.distributions
    )


def _why_impossible(
    requirement: Requirement, releases: Sequence[Release], interpreter: Interpreter
) -> str:
    """Return why no release meets a requirement, as a sentence; "" if one does."""
    if not releases:
        return f"{requirement.name} cannot be installed: {why_no_release(releases)}."
    matching = [r for r in releases if admits(requirement.specifier, r.version)]
    candidates = _without_pre_releases(requirement, matching, releases)
    if not candidates:
        return _missing_text(requirement, releases, interpreter)
    if any(has_compatible_wheel(release, interpreter) for release in candidates):
        return ""
    newest = max(candidates, key=lambda release: release.version)
    return f"{requirement.name} {newest.version} {why_incompatible(newest, interpreter)}."


def _without_pre_releases(
    requirement: Requirement, matching: Sequence[Release], releases: Sequence[Release]
) -> Sequence[Release]:
    """Leave out pre-releases, unless they are named or the project has no other releases (uv)."""
    if requirement.specifier.prereleases or all(r.version.is_prerelease for r in releases):
        return matching
    return [release for release in matching if not release.version.is_prerelease]


def _missing_text(
    requirement: Requirement, releases: Sequence[Release], interpreter: Interpreter
) -> str:
    name, specifiers = requirement.name, list(requirement.specifier)
    is_exact = len(specifiers) == 1 and specifiers[0].operator in ("==", "===")
    if is_exact and not specifiers[0].version.endswith(".*"):
        problem = f"{name} {specifiers[0].version} does not exist"
    else:
        problem = f"No release of {name} satisfies {name}{requirement.specifier}"
    newest = _newest_text(name, releases, interpreter)
    return f"{problem}; {newest}."


def _newest_text(name: str, releases: Sequence[Release], interpreter: Interpreter) -> str:
    """Name the newest release, and a newer pre-release."""
    not_yanked = [release for release in releases if not release.yanked]
    pre_release = max((r.version for r in not_yanked if r.version.is_prerelease), default=None)
    eligible = next(iter(eligible_releases(releases, interpreter)), None)
    if eligible is not None:
        newest = str(eligible.version)
        is_newer = pre_release is not None and pre_release > eligible.version
        note = f" ({pre_release} is a pre-release)" if is_newer else ""
        return f"the newest is {newest}{note}"
    if pre_release is not None and all(r.version.is_prerelease for r in not_yanked):
        return f"the newest is {pre_release}, a pre-release"
    return f"no release of {name} supports this environment"
