"""What an interpreter says of itself: asked in this process, or once in a fresh one of its own."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import packaging

from pkgwidgets.backends.processes import process
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.json_values import JsonShape

from .scripts.describe_interpreter import interpreter_facts

INTERPRETER = JsonShape(Interpreter)
"""As an interpreter describes itself, and as another process is told of it."""

_MARK = "pkgwidgets-facts:"
_ANSWER_SECONDS = 60.0

_SCRIPT = (Path(__file__).parent / "scripts" / "describe_interpreter.py").read_text("utf-8")
"""Read when this is imported: it says the same as the function that this process calls."""


def describe(python: Path | None = None) -> Interpreter:
    """Return what `python` is; this process's own without starting another.

    Raises `EnvironmentRefused` if it is no Python that runs.
    """
    if python is None or python == Path(sys.executable):
        return _interpreter(Path(sys.executable), interpreter_facts())
    return _asked(python.absolute(), _stamp(python))


def _stamp(python: Path) -> tuple[int, ...]:
    """Return what changes when the interpreter at a path is replaced."""
    try:
        found = python.stat()
    except (OSError, ValueError) as error:
        reason = f"There is no Python at {str(python)!a}"
        raise EnvironmentRefused(python, reason, usable=False) from error
    try:  # the same base Python may be that of another environment now
        made = (python.parent.parent / "pyvenv.cfg").stat()
    except OSError:
        return found.st_mtime_ns, found.st_ino, found.st_size
    return found.st_mtime_ns, found.st_ino, found.st_size, made.st_mtime_ns, made.st_ino


@lru_cache(maxsize=32)
def _asked(python: Path, stamp: tuple[int, ...]) -> Interpreter:
    lent = str(Path(packaging.__file__).parent.parent)
    try:
        done = process.run([str(python), "-I", "-c", _SCRIPT, lent, _MARK], timeout=_ANSWER_SECONDS)
    except OSError as error:
        reason = f"{python} cannot be started: {error.strerror}"
        raise EnvironmentRefused(python, reason, usable=False) from error
    # What .pth files print comes before the mark, or on later lines.
    _, mark, answer = done.stdout.rpartition(_MARK)
    if done.returncode != 0 or not mark:
        last = (done.stderr.strip().splitlines() or ["it gave no answer"])[-1]
        reason = f"{python} is no Python that answers: {last[:300]}"
        raise EnvironmentRefused(python, reason, usable=False)
    return _interpreter(python, json.loads(answer.partition("\n")[0]))


def _interpreter(python: Path, facts: dict[str, Any]) -> Interpreter:
    search = tuple(dict.fromkeys(map(Path, facts["search"])))
    return INTERPRETER.from_json({**facts, "python": python, "search": search})
