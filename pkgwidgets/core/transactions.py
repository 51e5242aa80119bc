"""Transactions: plans that are applied, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from packaging.utils import NormalizedName

from .hold_changes import HoldChange
from .html_repr import HtmlRepr
from .plans import Change, HeldBack, Plan

_PROCESS_TEXTS = {
    "kernel": "a notebook kernel",
    "server": "the Jupyter server",
    "terminal": "a terminal",
    "script": "a script",
}
"""What texts call the kinds of process that request changes."""


def requester_text(user: str | None, process: str | None) -> str:
    """Return who requested a change, such as `root, in a terminal`; "" if it is unknown."""
    place = _PROCESS_TEXTS.get(process or "", process or "")
    return f"{user}, in {place}" if user and place else user or place


class Outcome(StrEnum):
    """How a transaction ended.

    ABORTED ended before anything was changed, ROLLED_BACK after; in both the environment is
    unchanged. After INCOMPLETE it is neither old nor new: the error names the paths, and changes
    that touch them are blocked. How an OTHER_VERSION of pkgwidgets ended a transaction cannot be
    read here.

    >>> service.upgrade_package("seedshelf").outcome.value
    'committed'
    """

    STARTED = "started"
    COMMITTED = "committed"
    ABORTED = "aborted"
    ROLLED_BACK = "rolled back"
    INCOMPLETE = "incomplete"
    OTHER_VERSION = "other version"


UNCHANGED_OUTCOMES = frozenset({Outcome.ABORTED, Outcome.ROLLED_BACK})
"""The outcomes after which the environment is unchanged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction(HtmlRepr):
    """A plan that is being applied, was applied or was rolled back. Times are in UTC.

    >>> done = service.upgrade_package("seedshelf")
    >>> done.outcome.value, done.process, done.finished > done.started, done.saved_bytes > 0
    ('committed', 'script', True, True)
    """

    id: str
    plan: Plan
    started: datetime
    finished: datetime | None = None
    outcome: Outcome = Outcome.STARTED
    error: str | None = None
    failure: str | None = None
    """The error that was raised, as JSON: its code and facts."""
    user: str | None = None
    """The Unix user whose process applied it."""
    requested_by: str | None = None
    """The user who requested it, by the name in Jupyter if there is one, else the Unix user."""
    process: str | None = None
    """The kind of process that requested it: kernel, server, terminal or script."""
    saved_bytes: int | None = None
    """The size of the save point; None if nothing was saved."""
    downloaded_bytes: int | None = None
    """The bytes fetched, at most: a cache may have held some. None if unknown."""
    dismissed: tuple[NormalizedName, ...] = ()
    """The packages whose note about the failure was dismissed; not part of JSON."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """The changes of the plan."""
        return self.plan.changes

    @property
    def holds(self) -> tuple[HoldChange, ...]:
        """The changes of holds of the plan."""
        return self.plan.holds

    @property
    def change_texts(self) -> tuple[str, ...]:
        """Its changes of packages, of holds and of a project, one text each."""
        return self.plan.change_texts

    @property
    def requester(self) -> str | None:
        """The user who requested it; None if that is unknown."""
        return self.requested_by or self.user

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """The packages that the plan holds back."""
        return self.plan.held_back

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know about the changes, such as a publisher that changed.

        >>> service.upgrade_package("seedshelf").warnings
        ()
        """
        return self.plan.change_warnings

    @property
    def undoes(self) -> str | None:
        """The id of the transaction that the plan undoes."""
        return self.plan.undoes

    def __str__(self) -> str:
        if self.outcome is Outcome.COMMITTED:
            return str(self.plan)
        ending = {
            Outcome.STARTED: "in progress",
            Outcome.ABORTED: "not applied, nothing was changed",
            Outcome.ROLLED_BACK: "rolled back, the environment is unchanged",
            Outcome.INCOMPLETE: "the rollback is incomplete",
            Outcome.OTHER_VERSION: "made by another version of pkgwidgets",
        }[self.outcome]
        why = f" ({self.error})" if self.error else ""
        return f"{', '.join(self.change_texts)}: {ending}{why}"

    def __repr__(self) -> str:
        return f"Transaction({self.id or 'none'} {self.outcome}: {self})"
