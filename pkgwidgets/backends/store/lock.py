"""The lock of one environment: `flock` on a file that is never deleted.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

from pkgwidgets.core.errors import DiskFailed, EnvironmentBusy

from . import filesystem

_WAIT_SECONDS = 0.1
"""Seconds that the lock is waited for."""


@contextlib.contextmanager
def hold_lock(place: Path, holder: str) -> Iterator[int]:
    """Hold the environment alone and yield the descriptor that holds it.

    The system frees it with the last process that has the descriptor, so that an installer
    that outlived us still holds it. What the file says is for people only. Raises
    `EnvironmentBusy` at once if another holds it, `DiskFailed` if it cannot be had at all.
    """
    descriptor = _taken(place)
    try:
        with contextlib.suppress(OSError):  # a full disk has no room for a name
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{holder} (process {os.getpid()})".encode(), 0)
        try:
            yield descriptor
        finally:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def lock_holder(place: Path) -> str | None:
    """Tell who holds the environment, without taking it from anybody; None if nobody does."""
    try:
        descriptor = os.open(place / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder_text(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return None


def _taken(place: Path) -> int:
    path = place / "lock"
    try:
        place.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DiskFailed("", str(path), filesystem.os_error_text(error)) from error
    try:
        _lock(descriptor)
    except BlockingIOError:
        said = _holder_text(descriptor)
        os.close(descriptor)
        raise EnvironmentBusy(said) from None
    except OSError as error:
        os.close(descriptor)
        raise DiskFailed(
            "", str(path), f"it cannot be locked: {filesystem.os_error_text(error)}"
        ) from error
    return descriptor


def _lock(descriptor: int) -> None:
    """Take the lock; raise BlockingIOError if it is not free within a moment.

    A moment, since who only asks for the holder has it, too, while it looks.
    """
    until = monotonic() + _WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > until:
                raise
            sleep(_WAIT_SECONDS / 20)


def _holder_text(descriptor: int) -> str:
    """Read who holds the lock: whoever took it writes that in a moment."""
    until = monotonic() + _WAIT_SECONDS
    while True:
        said = os.pread(descriptor, 300, 0).decode("utf-8", "replace").strip()
        if said or monotonic() > until:
            return said or "another process"
        sleep(_WAIT_SECONDS / 20)
