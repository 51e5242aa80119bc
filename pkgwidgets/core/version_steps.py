"""How big a step an upgrade may take: patch, minor or major."""

from __future__ import annotations

from packaging.version import Version

from .packages import VersionStep
from .plans import StepLimit
from .versions import version_step

_BEYOND: dict[StepLimit, frozenset[VersionStep]] = {
    "patch": frozenset({VersionStep.MAJOR, VersionStep.MINOR}),
    "minor": frozenset({VersionStep.MAJOR}),
    "major": frozenset(),
}
"""The steps that are too big for each limit; any other step is small enough."""


def exceeds(before: Version, after: Version, limit: StepLimit | None) -> bool:
    """Return whether the step between two versions is too big; None is no limit.

    >>> from packaging.version import Version
    >>> exceeds(Version("2.2.0"), Version("3.1.1"), "minor")
    True
    """
    return limit is not None and version_step(before, after) in _BEYOND[limit]


def step_ceiling(before: Version, limit: StepLimit | None) -> str:
    """Return the specifier that excludes bigger steps, such as `<3`; "" without a limit.

    Its pre-releases are excluded, too: `<3` does not admit 3.0rc1 (PEP 440).

    >>> from packaging.version import Version
    >>> step_ceiling(Version("2.2.0"), "minor"), step_ceiling(Version("2.2.0"), "patch")
    ('<3', '<2.3')
    """
    epoch = f"{before.epoch}!" if before.epoch else ""
    if limit == "minor":
        return f"<{epoch}{before.major + 1}"
    if limit == "patch":
        return f"<{epoch}{before.major}.{before.minor + 1}"
    return ""
