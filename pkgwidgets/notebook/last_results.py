"""The results for the rows of the last requests: mostly nothing has changed since."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from pkgwidgets.core.packages import PackageInfo

Rows = tuple[PackageInfo, ...]
_T = TypeVar("_T")
_MAX_RESULTS = 2
"""Those of the last listing and of the last check."""


class LastResults(Generic[_T]):
    """Keeps the results of a function for the rows that it got last.

    The same tuple gives the same result; equal rows in another tuple are not looked for.
    """

    def __init__(self, make: Callable[[Rows], _T]) -> None:
        self._make = make
        self._kept: tuple[tuple[Rows, _T], ...] = ()

    def __call__(self, rows: Rows) -> _T:
        """Return the result for these rows."""
        for known, result in self._kept:
            if known is rows:
                return result
        result = self._make(rows)
        # One assignment, because threads may ask at once.
        self._kept = ((rows, result), *self._kept)[:_MAX_RESULTS]
        return result
