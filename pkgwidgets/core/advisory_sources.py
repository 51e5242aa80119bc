"""The interface of a source of advisories, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from .advisories import Advisory
from .errors import PkgwidgetsError
from .interfaces import Report, no_report


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvisoryAnswer:
    """What a source knows of one project; `as_of` is the UTC time of its data.

    `stale_reason` says why a cached answer replaces a new one; else "".
    """

    advisories: tuple[Advisory, ...]
    as_of: datetime
    stale_reason: str = ""


AdvisoryResult = AdvisoryAnswer | PkgwidgetsError
"""The answer for one project, or the error in its place."""


class AdvisorySource(Protocol):
    """A source of advisories."""

    @property
    def address(self) -> str:
        """The address or path, without credentials."""

    @property
    def knows_projects(self) -> bool:
        """Whether it can answer for all versions of a project at once."""

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        """Return the advisories of each project: those that affect the version.

        For None, those of all versions; only if it `knows_projects`. The answer of a project that
        fails is its error.
        """
