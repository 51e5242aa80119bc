"""Which Python a launch command starts, or a kernel runs: asked of that Python itself."""

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
# One line: `conda run` refuses arguments of more.
_ASK = f"import sys; print('\\n{_MARK}' + sys.executable)"
_ANSWER_SECONDS = 30.0
"""What a wrapper may take, as `conda run` is one that takes some."""
_BEGINNINGS = ("-m", "-c")
"""Where a command's own Python options end, and what it runs begins."""


def interpreter_of_command(argv: Sequence[str], environment: Mapping[str, str]) -> Path:
    """Return the Python that a command starts: a wrapper script or `conda run` may stand before it.

    What the command would run is replaced by a question. Raises `EnvironmentRefused` if no Python
    answers, or nothing says where its part of the command begins.
    """
    first = argv[0] if argv else ""
    found = shutil.which(first, path=environment.get("PATH")) or first
    begins = next((n for n, word in enumerate(argv) if n and word in _BEGINNINGS), None)
    if begins is None:
        reason = f"{found} does not say which Python it starts"
        raise EnvironmentRefused(Path(found), reason, usable=False)
    before = (found, *argv[1:begins])
    return _asked(before, tuple(sorted(environment.items())), _stat_key(found))


def interpreter_of_process(process: int, connection_file: str) -> Path:
    """Return the Python of a kernel that was started as a process, as its processes show.

    Raises `EnvironmentRefused` if none of them shows it.
    """
    for each in running_kernels.kernel_processes(process, connection_file):
        variables = {"PATH": process_info.environment(each).get("PATH", os.defpath)}
        with suppress(EnvironmentRefused):
            return interpreter_of_command(process_info.command_line(each), variables)
    reason = f"The process {process} does not show which Python it is"
    raise EnvironmentRefused(Path(), reason, usable=False)


def _stat_key(path: str) -> tuple[int, ...]:
    """Return what changes when a file is replaced; raises `EnvironmentRefused` if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a path of any text, also of none
    except (OSError, ValueError) as error:
        reason = f"There is no command at {path!a}"
        raise EnvironmentRefused(Path(path), reason, usable=False) from error
    return found.st_mtime_ns, found.st_ino, found.st_size


@lru_cache(maxsize=64)
def _asked(
    before: tuple[str, ...], environment: tuple[tuple[str, str], ...], stamp: tuple[int, ...]
) -> Path:
    whole = {**process.clean_environment(), **dict(environment)}
    python = Path(before[0])
    try:
        done = process.run(
            [*before, "-I", "-c", _ASK],
            environment=whole,
            timeout=_ANSWER_SECONDS,
            cwd=python.parent,
        )
    except OSError as error:
        reason = f"{python} cannot be started: {error.strerror}"
        raise EnvironmentRefused(python, reason, usable=False) from error
    _, mark, answer = done.stdout.rpartition(_MARK)
    if done.returncode != 0 or not mark:
        reason = f"{python} starts no Python that answers"
        raise EnvironmentRefused(python, reason, usable=False)
    return Path(answer.partition("\n")[0].strip())
