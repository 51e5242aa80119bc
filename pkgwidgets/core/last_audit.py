"""The last full audit, kept for a process that audits again while nothing changed."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from .audit import Audit
from .last_check import AnswerTimes


class LastAudit(Protocol):
    """The last full audit of one environment. `sources` is a text of the state of its sources."""

    def state(self, sources: str) -> str:
        """Return a text that changes with everything that the rows depend on, but the answers.

        It is "" if a change could be missed: then no audit is kept.
        """

    def load(self, sources: str) -> Audit | None:
        """Return the last audit, if its state is that of now and all its answers are fresh."""

    def save(self, state: str, audit: Audit, until: datetime, times: AnswerTimes) -> None:
        """Keep an audit whose sources would answer the same until a UTC time.

        `times` are those of the answers of the index.
        """


class NoLastAudit:
    """Keeps nothing, so that each audit asks the sources."""

    def state(self, sources: str) -> str:
        """Return ""."""
        return ""

    def load(self, sources: str) -> Audit | None:
        """Return None."""
        return None

    def save(self, state: str, audit: Audit, until: datetime, times: AnswerTimes) -> None:
        """Do nothing."""


NO_LAST_AUDIT = NoLastAudit()
