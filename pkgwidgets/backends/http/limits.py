"""How long a server is waited for, and how much it may answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpLimits:
    """The limits of one client.

    `read_seconds` are those until the next byte, `answer_seconds` those until the last.
    `max_bytes` count for one answer, packed or not. If `Retry-After` says more than
    `max_retry_after_seconds`, that was the answer.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    answer_seconds: float = 60.0
    max_bytes: int = 32 << 20
    max_tries: int = 3
    max_retry_after_seconds: float = 30.0
    max_redirects: int = 10
