"""What the system tells of running processes; nothing of those that are over, or not ours."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pkgwidgets.core.restart import is_library

if TYPE_CHECKING:
    import psutil

_T = TypeVar("_T")
_REMOVED = " (deleted)"
"""How Linux marks a mapped file that was removed or replaced (proc(5))."""


def process_ids() -> tuple[int, ...]:
    """Return the processes of this machine, in ascending order."""
    import psutil  # takes 20 ms, so not at the start

    return tuple(sorted(psutil.pids()))


def command_line(process: int) -> tuple[str, ...]:
    """Return the words that a process was started with."""
    return _ask(process, lambda found: tuple(found.cmdline()), ())


def environment(process: int) -> Mapping[str, str]:
    """Return the environment variables that a process was started with."""
    return _ask(process, lambda found: found.environ(), {})


def descendants(process: int) -> tuple[int, ...]:
    """Return the children of a process, and theirs."""
    return _ask(process, lambda p: tuple(each.pid for each in p.children(recursive=True)), ())


def start_time(process: int) -> datetime | None:
    """Return when a process began."""
    return _ask(process, lambda found: datetime.fromtimestamp(found.create_time(), UTC), None)


def mapped_libraries(process: int) -> frozenset[str]:
    """Return the libraries that a process has mapped, removed ones too: where each is, or was."""
    return frozenset(path for path in _mapped_files(process) if is_library(path))


def _mapped_files(process: int) -> Iterable[str]:
    """Return what may be a library of what a process has mapped.

    On Linux from /proc/PID/maps, 1.2 ms for a process with pandas. psutil reads /proc/PID/smaps,
    for which the system counts the memory of each file: 10 ms, and the panel looks often.
    """
    if sys.platform != "linux":
        return _ask(process, _memory_maps, ())
    try:
        lines = Path(f"/proc/{process}/maps").read_bytes().splitlines()
    except OSError:
        return ()
    paths = {line.split(None, 5)[5] for line in lines if b".so" in line}
    return [os.fsdecode(path).removesuffix(_REMOVED) for path in paths]


def _memory_maps(found: psutil.Process) -> tuple[str, ...]:
    # macOS tells nothing of this.
    return tuple(each.path for each in found.memory_maps()) if hasattr(found, "memory_maps") else ()


def _ask(process: int, look: Callable[[psutil.Process], _T], nothing: _T) -> _T:
    """Look at a process; return `nothing` if it is over, or its owner is another user."""
    import psutil  # takes 20 ms, so not at the start

    try:
        return look(psutil.Process(process))
    except (psutil.Error, OSError, ValueError):  # ValueError: no number of a process
        return nothing
