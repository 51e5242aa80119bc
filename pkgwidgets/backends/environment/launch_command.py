"""Find the Python that a launch command starts or a kernel runs, by asking that Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from pkgwidgets.backends.processes import kernel_processes, process, process_info
from pkgwidgets.core import kernel_commands
from pkgwidgets.core.errors import EnvironmentRefused

_MARK = "pkgwidgets-python:"
# One line: `conda run` refuses arguments with line breaks.
_QUESTION = (
    "import os, sys; s = os.stat(sys.executable); "
    f"print('\\n{_MARK}%s:%s:%s' % (s.st_dev, s.st_ino, sys.executable))"
)
_ANSWER_SECONDS = 30.0
"""Wrappers take time to start; `conda run` is one."""


def interpreter_of_command(argv: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the Python that starts a kernel in a command, perhaps behind wrappers.

    The kernel in the command is replaced by a question to its Python. Raises `EnvironmentRefused`
    if the command does not show the Python, if it may run elsewhere, or if none here answers.
    """
    first = argv[0] if argv else ""
    program = shutil.which(first, path=environment.get("PATH")) or first
    starter = kernel_commands.unsure_starter(argv)
    if starter:
        reason = (
            f"The kernel command starts Python through {starter}, "
            "so only a running kernel shows which Python that is"
        )
        raise EnvironmentRefused(Path(program), reason, usable=False)
    question = kernel_commands.with_other_program(argv, ("-I", "-c", _QUESTION))
    if question is None:
        reason = f"The kernel command {program} does not show which Python it starts"
        raise EnvironmentRefused(Path(program), reason, usable=False)
    variables = tuple(sorted(environment.items()))
    return _ask_interpreter((program, *question[1:]), variables, _stat_key(program))


def interpreter_of_process(root_pid: int, connection_file: str) -> Path:
    """Return the Python of a kernel, found from the process that was started and its children.

    Raises `EnvironmentRefused` if none of them is known to be the kernel, or to run a Python that
    is on this machine.
    """
    pid = kernel_processes.wait_for_kernel_process(root_pid, connection_file)
    if pid is None:
        reason = f"The kernel process {root_pid} does not show which Python it runs"
        raise EnvironmentRefused(Path(), reason, usable=False)
    variables = {"PATH": process_info.environment(pid).get("PATH", os.defpath)}
    program = _program_of_process(pid, variables["PATH"])
    if program is None:
        reason = f"The kernel process {pid} runs a Python that is not on this machine"
        raise EnvironmentRefused(Path(), reason, usable=False)
    command = (program, "-I", "-c", _QUESTION)
    return _ask_interpreter(command, tuple(variables.items()), _stat_key(program))


def _program_of_process(process_id: int, search: str) -> str | None:
    """Return the path of the program that a process runs; None if it is not here."""
    name = "".join(process_info.command_line(process_id)[:1])
    folder = process_info.working_folder(process_id) or Path("/")
    program = str(folder / name) if os.sep in name else shutil.which(name, path=search)
    return program if program and process_info.runs_program(process_id, Path(program)) else None


def _stat_key(path: str) -> tuple[int, ...]:
    """Return a key that changes when a file is replaced; raise `EnvironmentRefused` if missing."""
    try:
        status = os.stat(path)  # noqa: PTH116 - the text may be no valid path
    except (OSError, ValueError) as error:
        reason = f"There is no command at {path!a}"
        raise EnvironmentRefused(Path(path), reason, usable=False) from error
    return status.st_mtime_ns, status.st_ino, status.st_size


@lru_cache(maxsize=64)
def _ask_interpreter(
    command: tuple[str, ...], environment: tuple[tuple[str, str], ...], stat_key: tuple[int, ...]
) -> Path:
    variables = {**process.clean_environment(), **dict(environment)}
    python = Path(command[0])
    try:
        completed = process.run(
            command,
            environment=variables,
            timeout=_ANSWER_SECONDS,
            cwd=python.parent,
        )
    except OSError as error:
        reason = f"{python} cannot be started: {error.strerror}"
        raise EnvironmentRefused(python, reason, usable=False) from error
    _, mark, answer = completed.stdout.rpartition(_MARK)
    if completed.returncode != 0 or not mark:
        reason = f"{python} did not start a Python interpreter"
        raise EnvironmentRefused(python, reason, usable=False)
    return _python_here(answer.partition("\n")[0].strip())


def _python_here(answer: str) -> Path:
    """Return the Python of an answer; raise `EnvironmentRefused` if it ran on another machine."""
    device, inode, path = [*answer.split(":", 2), "", ""][:3]
    python = Path(path)
    try:
        status = python.stat()
    except (OSError, ValueError):
        status = None
    if status is None or (str(status.st_dev), str(status.st_ino)) != (device, inode):
        reason = f"The Python {python} that the kernel command starts is not on this machine"
        raise EnvironmentRefused(python, reason, usable=False)
    return python
