"""Who is concerned by a change without being changed: by shared folders, by commands."""

from __future__ import annotations

import ast
import json
import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.interfaces import Environment
from pkgwidgets.core.plans import Plan

from . import record

_STARTERS = {
    "Popen", "call", "check_call", "check_output", "create_subprocess_exec", "execlp", "execvp",
    "create_subprocess_shell", "getoutput", "popen", "run", "spawnlp", "spawnvp", "system",
}  # fmt: skip
"""What the functions that start a command are called."""
_MAX_SOURCE_BYTES = 1 << 20
"""Source files that are longer, in bytes, are data."""


class RecordedNeighbours:
    """The distributions of one environment that a plan does not change and may hurt."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def sharing_folders(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[NormalizedName, frozenset[Path]]:
        """Return who else has files in the packages that a plan touches, and those that exist.

        A namespace package is shared so, and a module that another one of its name would hide.
        """
        ids = {change.id for change in plan.changes}
        folders = [*self._installed(plan), *self._staged(plan, stage)]
        names = record.first_names(row for folder in folders for row in record.entries(folder))
        found = {}
        for id, other in self._environment.distributions().items():
            if id not in ids and isinstance(other, Distribution):
                rows = record.entries_in(other.path, names - {".."})
                paths = (other.path.parent / row.path for row in rows)
                there = frozenset(path for path in paths if os.path.lexists(path))
                if rows:
                    found[id] = there
        return found

    def lost_commands(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[str, tuple[NormalizedName, ...]]:
        """Return the commands that a plan takes away, of which others say that they run them."""
        prefix, scripts = self._prefix, self._environment.interpreter.scheme["scripts"]
        old = {name for info in self._installed(plan) for name in _scripts(info, scripts)}
        there = stage / scripts.relative_to(prefix) if stage is not None else scripts
        new = {name for info in self._staged(plan, stage) for name in _scripts(info, there)}
        gone = old - new
        found: dict[str, tuple[NormalizedName, ...]] = {}
        for owner in self._needing(plan) if gone else ():
            for name in sorted(_commands_of(owner, gone) & gone):
                found[name] = (*found.get(name, ()), owner.id)
        return found

    @property
    def _prefix(self) -> Path:
        return self._environment.interpreter.prefix

    def _installed(self, plan: Plan) -> list[Path]:
        installed = self._environment.distributions()
        known = (installed.get(change.id) for change in plan.changes)
        return [found.path for found in known if isinstance(found, Distribution)]

    def _staged(self, plan: Plan, stage: Path | None) -> list[Path]:
        if stage is None:
            return []
        scheme = self._environment.interpreter.scheme
        folders = {
            stage / scheme[name].relative_to(self._prefix) for name in ("purelib", "platlib")
        }
        return [path for folder in sorted(folders) for path in sorted(folder.glob("*.dist-info"))]

    def _needing(self, plan: Plan) -> Iterator[Distribution]:
        """Yield what requires a changed project, in whatever extra."""
        ids = {change.id for change in plan.changes}
        for id, other in self._environment.distributions().items():
            if id not in ids and isinstance(other, Distribution):
                requirements = map(dependency_graph.parse_requirement, other.requires)
                if ids & {canonicalize_name(each.name) for each in requirements if each}:
                    yield other


def _scripts(dist_info: Path, folder: Path) -> set[str]:
    """Return the names of the commands that a distribution has."""
    up = os.path.relpath(folder, dist_info.parent)
    rows = (PurePosixPath(row.path) for row in record.entries(dist_info))
    return {row.name for row in rows if str(row.parent) == up}


def _commands_of(owner: Distribution, named: Collection[str]) -> set[str]:
    """Return the commands that the files of a distribution start by a name written out in them.

    Only files in which one of `named` occurs are looked at: taking a file apart is slow.
    """
    found = set[str]()
    spelled = [name.encode("utf-8", "surrogateescape") for name in named]
    for row in record.entries(owner.path):
        path = owner.path.parent / row.path
        with suppress(OSError, ValueError, RecursionError, SyntaxError, MemoryError):
            if row.path.endswith(".py") and path.stat().st_size < _MAX_SOURCE_BYTES:
                source = path.read_bytes()
                if any(name in source for name in spelled):
                    found |= set(_started(ast.parse(source)))
            elif path.name == "kernel.json":
                found.add(str(json.loads(path.read_bytes())["argv"][0]))
    return found


def _started(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            if name in _STARTERS:
                yield from _first_word(node.args[0])


def _first_word(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.List | ast.Tuple) and argument.elts:
        argument = argument.elts[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        with suppress(ValueError):
            yield from shlex.split(argument.value)[:1]
