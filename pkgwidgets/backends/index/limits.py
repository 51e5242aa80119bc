"""How long indexes are waited for, and how many questions they get at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from pkgwidgets.backends.http.limits import HttpLimits


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexLimits:
    """The limits of one round of questions, to one index or to several.

    What has not answered after `round_seconds` is unknown. `max_connections` count for each index.
    An answer is fresh for `max_fresh_seconds` at most, whatever it says: it may be un-yanked.
    """

    round_seconds: float = 120.0
    max_connections: int = 48
    max_fresh_seconds: float = 600.0
    http: HttpLimits = field(default_factory=HttpLimits)
