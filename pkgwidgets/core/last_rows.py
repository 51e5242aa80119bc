"""The rows of the last listing, kept for a process that lists again while nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .packages import PackageInfo


class LastRows(Protocol):
    """The rows of the last full listing of one environment, without answers of the index."""

    def state(self) -> str:
        """Return a text that changes with everything installed and with the history.

        It is "" if a change could be missed: then no rows are kept.
        """

    def load(self, state: str) -> tuple[PackageInfo, ...] | None:
        """Return the rows of the last listing in this state; None if they are not kept."""

    def save(self, state: str, rows: tuple[PackageInfo, ...]) -> None:
        """Keep the rows of a full listing."""


class NoLastRows:
    """Keeps nothing, so that each listing reads the environment."""

    def state(self) -> str:
        """Return ""."""
        return ""

    def load(self, state: str) -> tuple[PackageInfo, ...] | None:
        """Return None."""
        return None

    def save(self, state: str, rows: tuple[PackageInfo, ...]) -> None:
        """Do nothing."""
