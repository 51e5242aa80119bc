"""What stands in for a backend that an environment does not have; each is loaded when it is used.

Making their values' classes takes longer than a listing does, which uses none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .advisory_sources import AdvisorySettings
    from .copies import EnvironmentCopies
    from .last_audit import LastAudit
    from .limits import Limits
    from .listing import LastVersions
    from .policy import Policy
    from .project_names import ProjectNames
    from .projects import OwningProject, ProjectFiles
    from .provenance import ProvenanceSource
    from .summaries import SummarySource


def no_advisory_settings() -> AdvisorySettings:
    """Return settings without a source."""
    from .advisory_sources import NoAdvisorySettings

    return NoAdvisorySettings()


def no_copies() -> EnvironmentCopies:
    """Return what makes no copies."""
    from .copies import NO_COPIES

    return NO_COPIES


def no_last_audit() -> LastAudit:
    """Return what keeps no audit."""
    from .last_audit import NO_LAST_AUDIT

    return NO_LAST_AUDIT


def no_last_versions() -> LastVersions:
    """Return what keeps no listing."""
    from .listing import NO_LAST_VERSIONS

    return NO_LAST_VERSIONS


def no_limits() -> Limits:
    """Return limits that allow everything."""
    from .limits import NO_LIMITS

    return NO_LIMITS


def no_policy() -> Policy:
    """Return a policy that allows everything."""
    from .policy import NO_POLICY

    return NO_POLICY


def no_project() -> OwningProject | None:
    """Return None: the environment belongs to no project."""
    return None


def no_project_files() -> ProjectFiles:
    """Return what changes no project."""
    from .projects import NO_PROJECT_FILES

    return NO_PROJECT_FILES


def no_project_names() -> ProjectNames:
    """Return what knows no names of projects."""
    from .project_names import NO_PROJECT_NAMES

    return NO_PROJECT_NAMES


def no_provenance() -> ProvenanceSource:
    """Return what knows no publishers."""
    from .provenance import NO_PROVENANCE

    return NO_PROVENANCE


def no_summaries() -> SummarySource:
    """Return what knows no summaries."""
    from .summaries import NO_SUMMARIES

    return NO_SUMMARIES
