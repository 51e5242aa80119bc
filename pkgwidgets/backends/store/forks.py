"""Descriptors that a forked process must not keep, such as those of locks.

A lock belongs to the open file, which a fork shares: it is held until the last process closes it.
So a worker of `multiprocessing` would hold the environment for as long as it lives.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock

_own: set[int] = set()
"""The open descriptors of this process that a forked one closes."""
_opening = RLock()
"""Held while a descriptor is opened and noted, so that no fork comes in between."""


def open_own(path: str | Path, flags: int, mode: int = 0o777) -> int:
    """Open a file for this process only; a forked process closes it at once."""
    with _opening:
        descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
        _own.add(descriptor)
    return descriptor


def is_own(descriptor: int) -> bool:
    """Return whether this process opened the descriptor, and has not closed it."""
    return descriptor in _own


def close(descriptor: int) -> None:
    """Close a descriptor of `open_own`; in a forked process that was done already."""
    with _opening:
        if descriptor in _own:
            _own.discard(descriptor)
            os.close(descriptor)


@contextmanager
def inheritable(descriptor: int | None) -> Iterator[tuple[int, ...]]:
    """Yield a copy of a descriptor for a child that is to inherit it; () for None.

    A copy, because a child that runs Python code before its program closes the descriptor itself.
    """
    if descriptor is None:
        yield ()
        return
    copy = os.dup(descriptor)
    try:
        yield (copy,)
    finally:
        os.close(copy)


def _close_in_child() -> None:
    for descriptor in _own:
        with suppress(OSError):
            os.close(descriptor)
    _own.clear()
    _opening.release()


os.register_at_fork(
    before=_opening.acquire, after_in_parent=_opening.release, after_in_child=_close_in_child
)
