"""Plans carried out or undone: how they ended, and what is told on the way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .html_repr import HtmlRepr
from .plans import Change, HeldBack, Plan


class Outcome(StrEnum):
    """How a transaction ended; INCOMPLETE is neither old nor new and blocks further changes."""

    STARTED = "started"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled back"
    INCOMPLETE = "broken"


@dataclass(frozen=True, kw_only=True, slots=True)
class Transaction(HtmlRepr):
    """A plan carried out or undone."""

    id: str
    plan: Plan
    started: datetime
    finished: datetime | None = None
    outcome: Outcome = Outcome.STARTED
    error: str | None = None
    failure: str | None = None
    """What failed, as JSON: the code and facts of the error that was raised."""
    user: str | None = None
    process: str | None = None
    """What kind of process asked for it: kernel, server, terminal or script."""
    saved_bytes: int | None = None
    """The size of the old files that were kept; None if it did not come to that."""
    downloaded_bytes: int | None = None
    """What was fetched, at most: a cache may have held some. None if it is not known."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """What the plan changes."""
        return self.plan.changes

    @property
    def held_back(self) -> tuple[HeldBack, ...]:
        """What the plan holds back."""
        return self.plan.held_back

    @property
    def undoes(self) -> str | None:
        """The id of the transaction that the plan undoes."""
        return self.plan.undoes

    def __str__(self) -> str:
        if self.outcome is Outcome.COMMITTED:
            return str(self.plan)
        done = {
            Outcome.STARTED: "under way",
            Outcome.ROLLED_BACK: "everything is as it was",
            Outcome.INCOMPLETE: "the environment is neither the old one nor the new one",
        }[self.outcome]
        why = f" ({self.error})" if self.error else ""
        return f"{', '.join(map(str, self.changes))}: {done}{why}"

    def __repr__(self) -> str:
        return f"Transaction({self.id or 'none'} {self.outcome}: {self})"
