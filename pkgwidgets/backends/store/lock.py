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

from . import filesystem, forks, ownership

_WAIT_SECONDS = 0.1
"""How long to wait for the lock, or for its holder's name."""
_ANOTHER_PROCESS = "another process"
_held: dict[Path, int] = {}
"""The descriptors of the locks that this process holds, by the data folder."""


@contextlib.contextmanager
def hold_lock(place: Path, holder: str) -> Iterator[int]:
    """Lock the environment and yield the descriptor that holds the lock.

    The system releases the lock when the last process with the descriptor ends. So an installer
    that outlives us still holds it; `forks.inheritable` hands it on. A worker that this process
    forks holds nothing. The file's text is only for people. Raises `EnvironmentBusy` at once if
    another process holds the lock, `DiskFailed` if locking is impossible.
    """
    path = place / "lock"
    descriptor = _held[place] = _acquire(path)
    try:
        with contextlib.suppress(OSError):  # a full disk has no room for a name
            filesystem.set_text(descriptor, path, f"{holder} (process {os.getpid()})")
        try:
            yield descriptor
        finally:
            if forks.is_own(descriptor):  # a forked worker that gets here never had it
                with contextlib.suppress(OSError):
                    filesystem.set_text(descriptor, path, "")
    finally:
        del _held[place]
        forks.close(descriptor)


@contextlib.contextmanager
def wait_for_lock(place: Path, holder: str, seconds: float) -> Iterator[None]:
    """Lock as `hold_lock`, but raise `EnvironmentBusy` only after so many seconds."""
    deadline = monotonic() + seconds
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(hold_lock(place, holder))
                break
            except EnvironmentBusy:
                if monotonic() > deadline:
                    raise
        yield


def descriptor_of(place: Path) -> int | None:
    """Return the descriptor by which this process holds the lock; None if it does not."""
    descriptor = _held.get(place)
    return descriptor if descriptor is not None and forks.is_own(descriptor) else None


def lock_holder(place: Path) -> str | None:
    """Return who holds the lock, without taking it from anyone; None if it is free.

    None also where this user may not read it, or where the file system has no locks.
    """
    try:
        descriptor = forks.open_own(place / "lock", os.O_RDONLY | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    except OSError:  # such as too many open files: the lock may be held
        return _ANOTHER_PROCESS
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough if a child shares it
    except BlockingIOError:
        return _holder_text(descriptor)
    except OSError:
        return None
    finally:
        forks.close(descriptor)
    return None


def _acquire(path: Path) -> int:
    try:
        ownership.prepare_data_folder(path.parent)
        descriptor = filesystem.open_lock_file(path)
    except OSError as error:
        raise DiskFailed("", str(path), filesystem.os_error_text(error)) from error
    try:
        _lock(descriptor)
    except BlockingIOError:
        holder = _holder_text(descriptor)
        forks.close(descriptor)
        raise EnvironmentBusy(holder) from None
    except OSError as error:
        forks.close(descriptor)
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
            return text or _ANOTHER_PROCESS
        sleep(_WAIT_SECONDS / 20)


def mark_in_use(path: Path) -> int:
    """Lock a new file for as long as this process runs; return the descriptor.

    `forks.close` closes it. Raises OSError.
    """
    descriptor = filesystem.open_lock_file(path)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def is_in_use(path: Path) -> bool:
    """Tell whether a running process has locked a file; a missing file is in no use."""
    try:
        descriptor = forks.open_own(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    except OSError:
        return True
    finally:
        forks.close(descriptor)
    return False
