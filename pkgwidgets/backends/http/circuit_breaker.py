"""Failures of one host in a row: after five it is left alone for a minute."""

from __future__ import annotations

_MAX_FAILURES = 5
_OPEN_SECONDS = 60.0
"""That a host is left alone after so many failures."""


class CircuitBreaker:
    """Counts the failures of one host that have no answer between them.

    With many requests at once a moment's trouble fails them all, so that only those count that
    were begun after the first of the row had failed. Any answer ends the row: a project that fails
    for ever must not cost the others theirs. Times are monotonic; the caller keeps threads apart.
    """

    def __init__(self) -> None:
        self.shut_until = 0.0
        self._first = 0.0
        self._count = 0

    def add(self, begun: float, now: float) -> None:
        """Count a failure, now, of a request that was begun then."""
        if now < self.shut_until:
            return  # it was under way, or was not sent at all
        if self._count == 0:
            self._first, self._count = now, 1
        elif begun >= self._first:
            self._count += 1
        if self._count == _MAX_FAILURES:
            self._count, self.shut_until = 0, now + _OPEN_SECONDS

    def end(self) -> None:
        """Begin anew: there was an answer."""
        self._count = 0
