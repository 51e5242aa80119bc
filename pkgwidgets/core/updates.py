"""What counts as an update: which releases of a project are eligible, and why none is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from .compatibility import has_compatible_wheel
from .releases import Release, ReleaseList

if TYPE_CHECKING:
    from packaging.version import Version

    from .environment import Interpreter


def may_be_newest(version: Version, installed: Version | None) -> bool:
    """Tell whether a version may count as latest: a pre-release only if one is installed."""
    return not version.is_prerelease or (installed is not None and installed.is_prerelease)


def is_eligible(release: Release, interpreter: Interpreter) -> bool:
    """Tell whether `release` can be installed: it is not yanked and has a compatible wheel."""
    return not release.yanked and has_compatible_wheel(release, interpreter)


def why_no_release(releases: Sequence[Release]) -> str:
    """Return why none of these releases is eligible, as a clause."""
    if not releases:
        hidden = releases.hidden_reason if isinstance(releases, ReleaseList) else ""
        if isinstance(releases, ReleaseList) and releases.status.is_quarantined:
            return f"the index lists it as {releases.status}"
        return hidden or "the index lists no release of it"
    not_yanked = [release for release in releases if not release.yanked]
    if not not_yanked:
        return "all its releases are yanked"
    if all(release.version.is_prerelease for release in not_yanked):
        return "it has only pre-releases"
    if not any(release.wheels for release in not_yanked):
        return "the index has no wheel of it"
    return "no release of it supports this Python"


def eligible_releases(
    releases: Iterable[Release],
    interpreter: Interpreter,
    *,
    installed: Version | None = None,
    counts: Callable[[Version], bool] | None = None,
) -> Iterable[Release]:
    """Yield the eligible releases, newest first.

    Versions count if `counts` accepts them; by default, as in `may_be_newest`. Lazy: if only the
    first is taken, few files of a large project are checked.
    """
    for release in sorted(releases, key=lambda release: release.version, reverse=True):
        is_counted = (
            may_be_newest(release.version, installed) if counts is None else counts(release.version)
        )
        if is_counted and is_eligible(release, interpreter):
            yield release
