"""What a project is, in one line of its own metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .text import escape_hidden

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

_MAX_CHARACTERS = 300


class SummarySource(Protocol):
    """Reads the summaries of wheels, which are on an index and not installed."""

    def summary_of(self, name: NormalizedName, filename: str) -> str:
        """Return the `Summary` (core metadata) of a wheel; "" if it cannot be had."""


class NoSummarySource:
    """Knows no summaries."""

    def summary_of(self, name: NormalizedName, filename: str) -> str:
        """Return no summary."""
        return ""


NO_SUMMARIES = NoSummarySource()


def short_summary(text: str) -> str:
    r"""Return a summary on one line, short and without hidden characters; "" for a placeholder.

    >>> short_summary("  Peas\n and pods ")
    'Peas and pods'
    """
    line = escape_hidden(" ".join(text.split()))[:_MAX_CHARACTERS]
    return "" if line.upper() == "UNKNOWN" else line
