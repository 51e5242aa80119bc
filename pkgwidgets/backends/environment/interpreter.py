"""Descriptions of interpreters: this process's own, or asked once of another interpreter."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import packaging

from pkgwidgets.backends.environment.scripts.describe_interpreter import interpreter_facts
from pkgwidgets.backends.processes import process
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import EnvironmentRefused

_MARK = "pkgwidgets-facts:"
_ANSWER_SECONDS = 60.0

_SCRIPT = (Path(__file__).parent / "scripts" / "describe_interpreter.py").read_text("utf-8")
"""Read at import, so that it matches the function that this process imported."""


def describe(python: Path | None = None) -> Interpreter:
    """Describe the interpreter `python`; by default this process's own, without starting one.

    Raises `EnvironmentRefused` if there is no Python there or it does not run, or if this process
    does not know its own.
    """
    if python is None:
        return _parse_facts(process.this_python(), interpreter_facts())
    if str(python) == sys.executable:
        return _parse_facts(python, interpreter_facts())
    return _ask_interpreter(python.absolute(), _stat_key(python))


def _stat_key(python: Path) -> tuple[int, ...]:
    """Return a key that changes when the interpreter at a path is replaced."""
    try:
        status = python.stat()
    except (OSError, ValueError) as error:
        raise EnvironmentRefused(python, _missing_reason(python), usable=False) from error
    try:  # another environment may use the same base Python
        configuration = (python.parent.parent / "pyvenv.cfg").stat()
    except OSError:
        return status.st_mtime_ns, status.st_ino, status.st_size
    return (
        status.st_mtime_ns,
        status.st_ino,
        status.st_size,
        configuration.st_mtime_ns,
        configuration.st_ino,
    )


def _missing_reason(python: Path) -> str:
    """Return why there is no Python at a path: often its base was moved or uninstalled."""
    reason = f"There is no Python at {str(python)!a}"
    try:
        target = python.resolve() if python.is_symlink() else None
    except (OSError, RuntimeError):  # a loop of links
        return f"{reason}: its links lead to themselves"
    if target is None:
        return reason
    return (
        f"{reason}: it is a link to {str(target)!a}, which does not exist. "
        "Install that Python again, or create the environment again"
    )


@lru_cache(maxsize=32)
def _ask_interpreter(python: Path, stat_key: tuple[int, ...]) -> Interpreter:
    packaging_folder = str(Path(packaging.__file__).parent.parent)
    try:
        completed = process.run(
            [str(python), "-I", "-c", _SCRIPT, packaging_folder, _MARK], timeout=_ANSWER_SECONDS
        )
    except OSError as error:
        reason = f"{python} cannot be started: {error.strerror}"
        raise EnvironmentRefused(python, reason, usable=False) from error
    # Output of .pth files comes before the mark, or on later lines.
    _, mark, answer = completed.stdout.rpartition(_MARK)
    if completed.returncode != 0 or not mark:
        last_line = (completed.stderr.strip().splitlines() or ["it printed no error message"])[-1]
        reason = f"{python} did not start as a Python interpreter: {last_line[:300]}"
        raise EnvironmentRefused(python, reason, usable=False)
    return _parse_facts(python, json.loads(answer.partition("\n")[0]))


def _parse_facts(python: Path, facts: Mapping[str, Any]) -> Interpreter:
    # By hand: at every start this process describes itself, and msgspec takes a while to load.
    return Interpreter(
        python=python,
        version=facts["version"],
        prefix=Path(facts["prefix"]),
        base_prefix=Path(facts["base_prefix"]),
        scheme={name: Path(folder) for name, folder in facts["scheme"].items()},
        search=tuple(dict.fromkeys(map(Path, facts["search"]))),
        markers=facts["markers"],
        tags=tuple(facts["tags"]),
        externally_managed=facts["externally_managed"],
        stdlib=Path(facts["stdlib"]),
        stage_moves=facts["stage_moves"],
    )
