"""Read facts of running processes; empty for ended ones and those of other users."""

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
    """Return the process ids of this machine, in ascending order."""
    import psutil  # late: the import takes 20 ms

    return tuple(sorted(psutil.pids()))


def command_line(process: int) -> tuple[str, ...]:
    """Return the arguments of a process, its program first."""
    return _query(process, lambda info: tuple(info.cmdline()), ())


def environment(process: int) -> Mapping[str, str]:
    """Return the environment variables that a process was started with."""
    return _query(process, lambda info: info.environ(), {})


def working_folder(process: int) -> Path | None:
    """Return the working folder of a process; None if it is unknown or deleted."""
    folder = _query(process, lambda info: info.cwd(), "")
    return Path(folder) if folder and Path(folder).is_dir() else None


def descendants(process: int) -> tuple[int, ...]:
    """Return the children of a process, and their descendants."""
    return _query(
        process, lambda info: tuple(child.pid for child in info.children(recursive=True)), ()
    )


def parent(process: int) -> int | None:
    """Return the process that started a process, or that took it over; None if there is none."""
    return _query(process, lambda info: info.ppid() or None, None)


def listening_ports(process: int) -> frozenset[int]:
    """Return the TCP ports on which a process accepts connections."""
    return _query(process, _listening_ports, frozenset())


def runs_program(process: int, program: Path) -> bool:
    """Tell whether a process runs the program that is here at a path, as far as the system says.

    A process in a container or with another root folder may have another program at that path.
    """
    if sys.platform != "linux":
        return True
    place = Path(f"/proc/{process}")
    try:
        if not (place / "root").samefile("/"):
            return False
        if (place / "exe").samefile(program):
            return True
        running = str((place / "exe").readlink())  # its file was replaced by an upgrade
        return running == f"{program.resolve()}{_REMOVED}"
    except OSError:
        return False


def start_time(process: int) -> datetime | None:
    """Return when a process started, in UTC; None if that is unknown."""
    return _query(process, lambda info: datetime.fromtimestamp(info.create_time(), UTC), None)


def mapped_libraries(process: int) -> frozenset[str]:
    """Return the paths of the libraries that a process has mapped, also of removed files."""
    return frozenset(path for path in _mapped_files(process) if is_library(path))


def _mapped_files(process: int) -> Iterable[str]:
    """Return the mapped files of a process that may be libraries.

    On Linux, /proc/PID/maps takes 1.2 ms for a process with pandas. The smaps
    file, which psutil reads, takes 10 ms: the system counts the memory of each file. The panel
    reads the files often.
    """
    if sys.platform != "linux":
        return _query(process, _memory_maps, ())
    try:
        lines = Path(f"/proc/{process}/maps").read_bytes().splitlines()
    except OSError:
        return ()
    paths = {line.split(None, 5)[5] for line in lines if b".so" in line}
    return [os.fsdecode(path).removesuffix(_REMOVED) for path in paths]


def _memory_maps(info: psutil.Process) -> tuple[str, ...]:
    # psutil has no `memory_maps` on macOS.
    return (
        tuple(mapped_file.path for mapped_file in info.memory_maps())
        if hasattr(info, "memory_maps")
        else ()
    )


def _listening_ports(info: psutil.Process) -> frozenset[int]:
    # psutil 6 renamed it.
    read = info.net_connections if hasattr(info, "net_connections") else info.connections
    return frozenset(
        connection.laddr.port for connection in read("tcp") if connection.status == "LISTEN"
    )


def _query(process: int, read: Callable[[psutil.Process], _T], default: _T) -> _T:
    """Read a fact of a process; return `default` if it has ended or is another user's."""
    import psutil  # late: the import takes 20 ms

    try:
        return read(psutil.Process(process))
    except (psutil.Error, OSError, ValueError):  # ValueError: not a valid process id
        return default
