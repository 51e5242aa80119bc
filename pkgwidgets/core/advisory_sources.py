"""The interface of a source of advisories, and its answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from .advisories import Advisory
from .errors import PkgwidgetsError
from .events import Event

Report = Callable[[Event], None]
"""Gets an event per step, as `core/interfaces.py` describes it."""


def _no_report(event: Event) -> None:
    """Ignore an event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdvisoryAnswer:
    """What a source knows of one project; `as_of` is the UTC time of its data.

    `stale_reason` says why a cached answer replaces a new one; else "". Until the UTC time
    `fresh_until` the source would answer the same; None if it is asked each time.
    """

    advisories: tuple[Advisory, ...]
    as_of: datetime
    stale_reason: str = ""
    fresh_until: datetime | None = None


def first_withdrawal(advisories: Iterable[Advisory], until: datetime) -> datetime:
    """Return when the first of these records is withdrawn, if that is before `until`; else that."""
    times = (found.withdrawn_later for found in advisories)
    return min([until, *(time for time in times if time is not None)])


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

    def state(self) -> str:
        """Return a text that changes with its address and files; "" if a change could be missed."""

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = _no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        """Return the advisories of each project: those that affect the version.

        For None, those of all versions; only if it `knows_projects`. The answer of a project that
        fails is its error.
        """


class AdvisorySettings(Protocol):
    """Which sources are configured, and to which of them the user agreed."""

    def sources(self, names: Sequence[str | Path] = ()) -> Sequence[AdvisorySource]:
        """Return the sources of these names, or the configured ones.

        Raises `SourceNotAgreed` for an address to which the user has not agreed, and
        `InvalidRequest` for a name that is neither an address nor a path.
        """

    def agree(self, names: Sequence[str | Path]) -> None:
        """Remember these sources for this user, and that they may get names and versions."""


class NoAdvisorySettings:
    """No source is configured, and none can be."""

    def sources(self, names: Sequence[str | Path] = ()) -> Sequence[AdvisorySource]:
        """Return no source."""
        return ()

    def agree(self, names: Sequence[str | Path]) -> None:
        """Do nothing."""
