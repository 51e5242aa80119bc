"""The rows of the last update check, kept for a process that asks again while nothing changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from packaging.utils import NormalizedName

if TYPE_CHECKING:
    from .packages import PackageInfo

AnswerTimes = Mapping[NormalizedName, tuple[float, float]]
"""When the index gave each answer, and until when it is fresh, in seconds since the epoch."""

KnownRows = tuple["tuple[PackageInfo, ...]", AnswerTimes]
"""The rows of a check, and the times of the answers that it used."""


class LastCheck(Protocol):
    """The rows of the last full update check of one environment."""

    def state(self) -> str:
        """Return a text that changes with everything installed, the history and the settings.

        It is "" if a change could be missed: then no rows are kept.
        """

    def load(self, state: str) -> tuple[PackageInfo, ...] | None:
        """Return the rows of the last check in this state, if all its answers are fresh."""

    def known(self, state: str) -> KnownRows | None:
        """Return the rows of the last check in this state, fresh or not.

        The cache still holds the answers that it used. If the index confirms them, the rows hold.
        """

    def save(self, state: str, rows: tuple[PackageInfo, ...], times: AnswerTimes) -> None:
        """Keep the rows of a full check; `times` are those of the answers that it used."""


class NoLastCheck:
    """Keeps nothing, so that each check asks the index."""

    def state(self) -> str:
        """Return ""."""
        return ""

    def load(self, state: str) -> tuple[PackageInfo, ...] | None:
        """Return None."""
        return None

    def known(self, state: str) -> KnownRows | None:
        """Return None."""
        return None

    def save(self, state: str, rows: tuple[PackageInfo, ...], times: AnswerTimes) -> None:
        """Do nothing."""
