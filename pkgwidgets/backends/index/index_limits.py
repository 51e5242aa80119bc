"""Time limits of requests to indexes."""

from __future__ import annotations

from dataclasses import dataclass, field

from pkgwidgets.backends.http.http_limits import HttpLimits


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexLimits:
    """The limits of one query, to one index or to several.

    A project without an answer after `round_seconds` is unknown.
    """

    round_seconds: float = 120.0
    http: HttpLimits = field(default_factory=HttpLimits)
