"""The lock of one environment: `flock` on a file that is never deleted.

Standard library only: recovery runs on it when nothing else runs.
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
"""How long to wait for the lock, or for its holder's name."""


@contextlib.contextmanager
def hold_lock(place: Path, holder: str) -> Iterator[int]:
    """Lock the environment and yield the descriptor that holds the lock.

    The system releases the lock when the last process with the descriptor ends. So an installer
    that outlives us still holds it. The file's text is only for people. Raises `EnvironmentBusy`
    at once if another process holds the lock, `DiskFailed` if locking is impossible.
    """
    path = place / "lock"
    descriptor = _acquire(path)
    try:
        with contextlib.suppress(OSError):  # a full disk has no room for a name
            filesystem.set_text(descriptor, path, f"{holder} (process {os.getpid()})")
        try:
            yield descriptor
        finally:
            with contextlib.suppress(OSError):
                filesystem.set_text(descriptor, path, "")
    finally:
        os.close(descriptor)


def lock_holder(place: Path) -> str | None:
    """Return who holds the lock, without taking it from anyone; None if it is free."""
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


def _acquire(path: Path) -> int:
    try:
        if not path.parent.is_dir():
            with contextlib.suppress(FileExistsError):
                filesystem.make_folder(path.parent, 0o700)
        descriptor = filesystem.open_lock_file(path)
    except OSError as error:
        raise DiskFailed("", str(path), filesystem.os_error_text(error)) from error
    try:
        _lock(descriptor)
    except BlockingIOError:
        holder = _holder_text(descriptor)
        os.close(descriptor)
        raise EnvironmentBusy(holder) from None
    except OSError as error:
        os.close(descriptor)
        raise DiskFailed(
            "", str(path), f"it cannot be locked: {filesystem.os_error_text(error)}"
        ) from error
    return descriptor


def _lock(descriptor: int) -> None:
    """Take the lock; raise BlockingIOError if it is not free within a moment.

    A moment, because `lock_holder` holds it for as long, too.
    """
    deadline = monotonic() + _WAIT_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() > deadline:
                raise
            sleep(_WAIT_SECONDS / 20)


def _holder_text(descriptor: int) -> str:
    """Read the holder's name, which the holder writes just after it took the lock."""
    deadline = monotonic() + _WAIT_SECONDS
    while True:
        text = os.pread(descriptor, 300, 0).decode("utf-8", "replace").strip()
        if text or monotonic() > deadline:
            return text or "another process"
        sleep(_WAIT_SECONDS / 20)


def mark_in_use(path: Path) -> int:
    """Lock a new file for as long as this process runs; return the descriptor, to be closed.

    Raises OSError.
    """
    descriptor = filesystem.open_lock_file(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def is_in_use(path: Path) -> bool:
    """Tell whether a running process has locked a file; a missing file is in no use."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
