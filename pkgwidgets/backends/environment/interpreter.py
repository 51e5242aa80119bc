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

INTERPRETER = JsonShape(Interpreter)
"""As an interpreter describes itself, and as another process is told of it."""

_MARK = "pkgwidgets-facts:"
_PATIENCE = 60.0

# Runs anywhere Python 3.8 does. `packaging` is lent from here: the other one may have none.
_PROBE = """
import importlib.util, json, sys
lent, facts, mark = sys.argv[1:]
spec = importlib.util.spec_from_file_location(
    "packaging", lent + "/packaging/__init__.py", submodule_search_locations=[lent + "/packaging"])
sys.modules["packaging"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["packaging"])
names = {}
exec(compile(facts, "facts", "exec"), names)
print("\\n" + mark + json.dumps(names["facts"]()))
"""

_FACTS = """
def facts():
    import os, sys, sysconfig
    from packaging.markers import default_environment
    from packaging.tags import sys_tags
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    managed = None
    if sys.prefix == sys.base_prefix and os.path.isfile(marker):
        with open(marker, encoding="utf-8", errors="replace") as file:
            managed = file.read(10000)
    scheme = sysconfig.get_paths()
    return {
        "version": "%d.%d.%d" % sys.version_info[:3],
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "scheme": {name: scheme[name] for name in ("purelib", "platlib", "scripts", "data")},
        "search": [scheme["purelib"], scheme["platlib"]] + [
            entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))
        ],
        "markers": {name: str(value) for name, value in default_environment().items()},
        "tags": [str(tag) for tag in sys_tags()],
        "externally_managed": managed,
        "stdlib": sysconfig.get_path("stdlib"),
    }
"""


def describe(python: Path | None = None) -> Interpreter:
    """Return what `python` is; this process's own without starting another.

    Raises `EnvironmentRefused` if it is no Python that runs.
    """
    if python is None or python == Path(sys.executable):
        return _interpreter(Path(sys.executable), _own_facts())
    return _asked(python.absolute(), _stamp(python))


def _own_facts() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(_FACTS, names)  # noqa: S102 - the same text that another interpreter is asked with
    facts: dict[str, Any] = names["facts"]()
    return facts


def _stamp(python: Path) -> tuple[int, ...]:
    """Return what changes when the interpreter at a path is replaced."""
    try:
        found = python.stat()
    except (OSError, ValueError) as error:
        raise EnvironmentRefused(python, f"There is no Python at {str(python)!a}") from error
    try:  # the same base Python may be that of another environment now
        made = (python.parent.parent / "pyvenv.cfg").stat()
    except OSError:
        return found.st_mtime_ns, found.st_ino, found.st_size
    return found.st_mtime_ns, found.st_ino, found.st_size, made.st_mtime_ns, made.st_ino


@lru_cache(maxsize=32)
def _asked(python: Path, stamp: tuple[int, ...]) -> Interpreter:
    lent = str(Path(packaging.__file__).parent.parent)
    try:
        done = process.run(
            [str(python), "-I", "-c", _PROBE, lent, _FACTS, _MARK], timeout=_PATIENCE
        )
    except OSError as error:
        raise EnvironmentRefused(python, f"{python} cannot be started: {error.strerror}") from error
    # What .pth files print comes before the mark, or on later lines.
    _, mark, answer = done.stdout.rpartition(_MARK)
    if done.returncode != 0 or not mark:
        last = (done.stderr.strip().splitlines() or ["it gave no answer"])[-1]
        raise EnvironmentRefused(python, f"{python} is no Python that answers: {last[:300]}")
    return _interpreter(python, json.loads(answer.partition("\n")[0]))


def _interpreter(python: Path, facts: dict[str, Any]) -> Interpreter:
    search = tuple(dict.fromkeys(map(Path, facts["search"])))
    return INTERPRETER.from_json({**facts, "python": python, "search": search})
