"""A source that is made when it is asked, since a kept audit needs no HTTP client."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.advisory_sources import AdvisoryResult, AdvisorySource
from pkgwidgets.core.interfaces import Report, no_report


class LateSource:
    """What is known of a source before it is made, and how it is made."""

    def __init__(
        self,
        *,
        address: str,
        knows_projects: bool,
        known_state: str,
        make: Callable[[], AdvisorySource],
    ) -> None:
        self.address, self.knows_projects = address, knows_projects
        self._known_state, self._make = known_state, make

    @cached_property
    def _source(self) -> AdvisorySource:
        return self._make()

    def state(self) -> str:
        """Return the state, which the address decides alone."""
        return self._known_state

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        """Ask the source, which loads its HTTP client; see `AdvisorySource`."""
        return self._source.advisories_of(projects, report)
