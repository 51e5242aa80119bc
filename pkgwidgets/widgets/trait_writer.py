"""Write a trait from background work, unless newer work has claimed it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Any

State = dict[str, Any]


class TraitWriter:
    """Writes a trait; only the latest claim can write to it."""

    def __init__(self, write: Callable[[State], None]) -> None:
        self._write = write
        self._lock = Lock()
        self._latest = 0

    def claim(self, state: State) -> Callable[[State], None]:
        """Write a state; return a function that writes until the next claim."""
        with self._lock:
            self._latest += 1
            self._write(state)
            return partial(self._write_if_latest, self._latest)

    def _write_if_latest(self, number: int, state: State) -> None:
        with self._lock:
            if number == self._latest:
                self._write(state)
