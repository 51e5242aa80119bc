"""Find by processes which one is a kernel, and which notebook it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

from pkgwidgets.core import kernel_commands

from . import process_info

_SESSION_VARIABLE = "JPY_SESSION_NAME"
"""The variable with the path of a kernel's notebook, set by Jupyter Server."""
_POLL_SECONDS = 0.1


def kernel_processes(process: int, connection_file: str) -> tuple[int, ...]:
    """Return the processes of a kernel: `process` and its descendants, such as those of a wrapper.

    Only processes with the connection file in their command count.
    """
    return tuple(
        candidate
        for candidate in (process, *process_info.descendants(process))
        if _names(process_info.command_line(candidate), connection_file)
    )


def find_kernel_process(processes: Sequence[int], connection_file: str) -> int | None:
    """Return which of the processes of one kernel is the kernel itself; None if unsure.

    It is the one whose command starts a kernel without a wrapper, else the one that listens on the
    ports of the connection file. A wrapper does neither: its Python may be another one.
    """
    for process in processes:
        command = process_info.command_line(process)
        if kernel_commands.starts_kernel_directly(command) and _names(command, connection_file):
            return process
    ports = _ports(connection_file)
    if not ports:
        return None
    listening = (process for process in processes if ports & process_info.listening_ports(process))
    return next(listening, None)


def wait_for_kernel_process(
    process: int, connection_file: str, start_seconds: float = 15.0
) -> int | None:
    """Return which of a process and its descendants is a kernel; None if unsure.

    Waits until the process is `start_seconds` old: a wrapper first prepares, and a kernel opens its
    ports only then.
    """
    while True:
        tree = (process, *process_info.descendants(process))
        found = find_kernel_process(tree, connection_file)
        if found is not None or _age(process) >= start_seconds:
            return found
        sleep(_POLL_SECONDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class StartedNotebook:
    """The notebook for which a process was started: paths, "" if unknown.

    `session` is the name that a server gave the session of a kernel, mostly the path of its
    notebook. `executed` is the notebook in the command of a program that executes it, such as
    papermill.
    """

    session: str = ""
    executed: str = ""


def started_notebook(process: int, variables: Mapping[str, str]) -> StartedNotebook:
    """Return the notebook of a process with these environment variables.

    The kernels that a kernel starts inherit the variable of its server. So it counts only if the
    process that started the kernel has another value, and if the server named a connection file.
    """
    session = variables.get(_SESSION_VARIABLE, "")
    command = process_info.command_line(process)
    connection = kernel_commands.connection_file(command)
    starter = _starter(process, command, connection)
    if starter is None:
        return StartedNotebook(session=session)
    is_inherited = process_info.environment(starter).get(_SESSION_VARIABLE) == session
    if session and connection != "" and not is_inherited:
        return StartedNotebook(session=session)
    notebook = kernel_commands.executed_notebook(process_info.command_line(starter))
    folder = process_info.working_folder(starter)
    executed = str(folder / notebook) if notebook and folder is not None else ""
    return StartedNotebook(executed=executed)


def notebook_of(process: int) -> str:
    """Return the path of the notebook of a kernel, "" if unknown."""
    started = started_notebook(process, process_info.environment(process))
    return started.session or started.executed


def _starter(process: int, command: tuple[str, ...], connection: str | None) -> int | None:
    """Return the nearest ancestor that is not of the kernel itself, as its wrappers are."""
    for ancestor in _ancestors(process):
        words = process_info.command_line(ancestor)
        if words != command and not (connection and _names(words, connection)):
            return ancestor
    return None


def _ancestors(process: int) -> Iterator[int]:
    parent = process_info.parent(process)
    while parent is not None:
        yield parent
        parent = process_info.parent(parent)


def _age(process: int) -> float:
    """Return the seconds since a process started; infinite if it has ended."""
    started = process_info.start_time(process)
    return float("inf") if started is None else (datetime.now(UTC) - started).total_seconds()


def _names(command: tuple[str, ...], connection_file: str) -> bool:
    """Tell whether a command has the connection file, perhaps in another spelling of its folder."""
    name = Path(connection_file).name
    return bool(name) and any(name in word for word in command)


def _ports(connection_file: str) -> frozenset[int]:
    """Return the TCP ports of a connection file; none if it cannot be read."""
    try:
        information = json.loads(Path(connection_file).read_text("utf-8"))
        ports = {information[f"{channel}_port"] for channel in ("shell", "control", "hb")}
        return frozenset(port for port in ports if isinstance(port, int) and port)
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()
