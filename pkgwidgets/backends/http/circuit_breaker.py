"""A circuit breaker for one host: after five failures in a row, requests pause for a minute."""

from __future__ import annotations

_MAX_FAILURES = 5
OPEN_SECONDS = 60.0
"""How long a host is not asked after `_MAX_FAILURES` in a row."""


class CircuitBreaker:
    """Count the failures of one host since its last answer.

    One short outage fails all requests under way at once. So only a request that started after
    the first failure of the row counts. Any answer ends the row: one project that always fails
    must not block the others. Times are monotonic seconds; the caller holds a lock.
    """

    def __init__(self) -> None:
        self.open_until = 0.0
        self._first_failure = 0.0
        self._count = 0

    def record_failure(self, started: float, now: float) -> None:
        """Count a request that started at `started` and failed at `now`."""
        if now < self.open_until:
            return  # it was under way already, or was not sent at all
        if self._count == 0:
            self._first_failure, self._count = now, 1
        elif started >= self._first_failure:
            self._count += 1
        if self._count == _MAX_FAILURES:
            self._count, self.open_until = 0, now + OPEN_SECONDS

    def reset(self) -> None:
        """Forget the failures, because the host answered."""
        self._count = 0
