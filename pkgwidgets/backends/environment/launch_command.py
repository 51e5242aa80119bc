"""Find the Python that a launch command starts or a kernel runs, by asking that Python."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pkgwidgets.backends.processes import process, process_info, running_kernels
from pkgwidgets.core.errors import EnvironmentRefused

_MARK = "pkgwidgets-python:"
# One line: `conda run` refuses arguments with line breaks.
_QUESTION = f"import sys; print('\\n{_MARK}' + sys.executable)"
_ANSWER_SECONDS = 30.0
"""Wrappers take time to start; `conda run` is one."""
_RUN_OPTIONS = ("-m", "-c")
"""Options of Python after which the program to run begins."""


def interpreter_of_command(argv: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the Python that a command starts, perhaps behind a wrapper script or `conda run`.

    The program that the command would run is replaced by a question to Python. Raises
    `EnvironmentRefused` if no Python answers, or if the command has neither `-m` nor `-c`.
    """
    first = argv[0] if argv else ""
    program = shutil.which(first, path=environment.get("PATH")) or first
    position = next((n for n, word in enumerate(argv) if n and word in _RUN_OPTIONS), None)
    if position is None:
        reason = f"The kernel command {program} does not show which Python it starts"
        raise EnvironmentRefused(Path(program), reason, usable=False)
    command = (program, *argv[1:position])
    return _ask_interpreter(command, tuple(sorted(environment.items())), _stat_key(program))


def interpreter_of_process(root_pid: int, connection_file: str) -> Path:
    """Return the Python of a kernel, found from the process that was started and its children.

    Raises `EnvironmentRefused` if none of their command lines starts a Python.
    """
    for pid in running_kernels.kernel_processes(root_pid, connection_file):
        variables = {"PATH": process_info.environment(pid).get("PATH", os.defpath)}
        with suppress(EnvironmentRefused):
            return interpreter_of_command(process_info.command_line(pid), variables)
    reason = f"The kernel process {root_pid} does not show which Python it runs"
    raise EnvironmentRefused(Path(), reason, usable=False)


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
            [*command, "-I", "-c", _QUESTION],
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
    return Path(answer.partition("\n")[0].strip())
