"""Paths that are not as they should be.

Standard library only: recovery needs it when nothing else works.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Difference:
    """A path that a rollback did not restore, and the reason.

    >>> print(Difference("/env/lib/pea.py", "permission denied"))
    /env/lib/pea.py: permission denied
    """

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
