"""Find the programs that run in a virtual environment by their processes."""

from __future__ import annotations

import os
import shutil
from pathlib import Path, PurePath

from pkgwidgets.core import kernel_commands
from pkgwidgets.core.copies import RunningProgram

from . import kernel_processes, process_info

_FIRST_PROCESS = 1
"""It takes over what a process that ended has started (init(1))."""


def running_programs(folder: Path) -> tuple[RunningProgram, ...]:
    """Return the programs that run in a virtual environment, by process id.

    A program runs in it if its interpreter is there, or if it has mapped a library from there. Its
    child processes do not count. Of another user's program only the command is known. Where the
    system hides processes, there are none.
    """
    commands = {number: process_info.command_line(number) for number in process_info.process_ids()}
    root = folder.resolve()
    running = {
        number: command for number, command in commands.items() if _runs_in(number, command, root)
    }
    return tuple(
        _program(number, command)
        for number, command in running.items()
        if process_info.parent(number) not in running
    )


def _runs_in(number: int, command: tuple[str, ...], root: Path) -> bool:
    if not command:
        return False  # a process of the system, or one that has ended
    program = _program_path(number, command[0])
    # Not the program itself: in a virtual environment, it is a link that leads out of it.
    if program is not None and program.parent.resolve().is_relative_to(root):
        return True
    # A wrapper hides the interpreter, and a program may embed it.
    prefix = f"{root}{os.sep}"
    return any(path.startswith(prefix) for path in process_info.mapped_libraries(number))


def _program_path(number: int, program: str) -> Path | None:
    """Return the path of a program, as its command names it; None if that is unknown."""
    if Path(program).is_absolute():
        return Path(program)
    if os.sep in program:
        folder = process_info.working_folder(number)
        return None if folder is None else folder / program
    path = process_info.environment(number).get("PATH", "")
    found = shutil.which(program, path=path) if path else None
    return Path(found) if found else None


def _program(number: int, command: tuple[str, ...]) -> RunningProgram:
    connection = kernel_commands.connection_file(command)
    notebook = "" if connection is None else kernel_processes.notebook_of(number)
    return RunningProgram(
        process=number,
        name=PurePath(notebook).name or _name(command, connection),
        connection_file=connection or "",
        started=process_info.start_time(number),
        is_orphan=process_info.parent(number) == _FIRST_PROCESS,
    )


def _name(command: tuple[str, ...], connection: str | None) -> str:
    """Return the name of a program: of a kernel, that of its connection file; else its script."""
    if connection is not None:
        return PurePath(connection).stem or "kernel"
    scripts = (word for word in command[1:] if word.endswith(".py"))
    return PurePath(next(scripts, command[0])).name
