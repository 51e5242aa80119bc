"""Objects that are made when they are first used, so that a start loads only what it needs."""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any, TypeVar, cast

T = TypeVar("T")


def deferred(make: Callable[[], T]) -> T:
    """Return a stand-in for what `make` returns; it is made once, when an attribute is first read.

    An error of `make` is raised there, and the next use tries again.

    >>> deferred(lambda: "pea").upper()
    'PEA'
    """
    return cast(T, _Deferred(make))


class _Deferred:
    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._lock = RLock()
        self._made: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        # Python calls this only for what the stand-in itself lacks.
        with self._lock:
            if not self._made:
                self._made.append(self._make())
        return getattr(self._made[0], name)
