"""The lock by which uv keeps other processes of uv from changing an environment.

uv waits for it without a word, for as long as it takes. So it is taken before the old files are
saved, and given to our own uv just before that starts.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

from pkgwidgets.backends.store import filesystem, forks
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report

_POLL_SECONDS = 0.05
_WAITING = "waiting for uv, which changes this environment"


@contextmanager
def hold_uv_lock(prefix: Path, stage: Stage, report: Report) -> Iterator[None]:
    """Keep other processes of uv from changing a virtual environment in a block.

    Reports as long as it waits for one; what `report` raises ends the wait. Where uv's lock cannot
    be opened or locked, uv goes on without it, and so do we.
    """
    descriptor = _open(prefix / ".lock") if (prefix / "pyvenv.cfg").exists() else None
    if descriptor is None:
        yield
        return
    try:
        while not _try_lock(descriptor):
            report(Event(stage=stage, text=_WAITING))
            sleep(_POLL_SECONDS)
        yield
    finally:
        forks.close(descriptor)


def _open(path: Path) -> int | None:
    try:
        return filesystem.open_lock_file(path)
    except OSError:
        return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True
