"""Limits of requests: seconds, bytes, tries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpLimits:
    """The limits of one client.

    `read_seconds` limits the time to the next byte, `answer_seconds` the time to the last one.
    `max_bytes` limits one answer, compressed and decompressed. A `Retry-After` of more than
    `max_retry_after_seconds` is not waited for: the request has failed.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    answer_seconds: float = 60.0
    max_bytes: int = 32 << 20
    max_tries: int = 3
    max_retry_after_seconds: float = 30.0
    max_redirects: int = 10
