"""What a project that is not installed is, in its own words."""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.core.compatibility import compatible_wheels
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.releases import Release

from .inventory import list_releases


def find_summary(backend: Backend, name: str, report: Report = no_report) -> str:
    """Return the summary of the latest suitable release; "" if the index does not offer it.

    It is read from the metadata file next to the wheel (PEP 658). Raises the errors of
    `list_releases`.
    """
    project = checked_name(name)
    release = _latest(list_releases(backend, name, report))
    if release is None:
        return ""
    wheel = compatible_wheels(release, backend.environment.interpreter)[0]
    return backend.summaries.summary_of(project, wheel.filename)


def _latest(releases: Sequence[Release]) -> Release | None:
    """Return the newest release that is neither yanked nor a pre-release, else the newest."""
    final = (r for r in releases if not r.yanked and not r.version.is_prerelease)
    return next(final, releases[0] if releases else None)
