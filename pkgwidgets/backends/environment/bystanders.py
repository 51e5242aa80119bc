"""Distributions that a plan affects without changing them: shared folders, lost commands."""

from __future__ import annotations

import ast
import json
import os
import shlex
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.interfaces import Environment
from pkgwidgets.core.plans import Plan

from . import record

_COMMAND_FUNCTIONS = {
    "Popen", "call", "check_call", "check_output", "create_subprocess_exec", "execlp", "execvp",
    "create_subprocess_shell", "getoutput", "popen", "run", "spawnlp", "spawnvp", "system",
}  # fmt: skip
"""Names of functions that start a command."""
_MAX_SOURCE_BYTES = 1 << 20
"""A longer source file is taken for data and is not parsed."""


class RecordAffectedDistributions:
    """The distributions of one environment that a plan does not change but may break."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def sharing_folders(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[NormalizedName, frozenset[Path]]:
        """Return the other distributions with files in the packages that a plan touches.

        Each maps to those of its files that exist. Distributions share a namespace package
        (PEP 420), or have a module that another one of the same name would hide.
        """
        changed = {change.id for change in plan.changes}
        folders = [*self._installed_dist_infos(plan), *self._staged_dist_infos(stage)]
        names = record.first_names(row for folder in folders for row in record.entries(folder))
        affected = {}
        for name, distribution in self._environment.distributions().items():
            if name not in changed and isinstance(distribution, Distribution):
                rows = record.entries_in(distribution.path, names - {".."})
                paths = (f"{distribution.path.parent}/{row.path}" for row in rows)
                existing = frozenset(Path(path) for path in paths if os.path.lexists(path))
                if rows:
                    affected[name] = existing
        return affected

    def lost_commands(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[str, tuple[NormalizedName, ...]]:
        """Return the commands that a plan removes, each with the distributions that start it."""
        prefix, scripts = self._prefix, self._environment.interpreter.scheme["scripts"]
        staged_scripts = stage / scripts.relative_to(prefix) if stage is not None else scripts
        installed, staged = self._installed_dist_infos(plan), self._staged_dist_infos(stage)
        old = {name for info in installed for name in _script_names(info, scripts)}
        new = {name for info in staged for name in _script_names(info, staged_scripts)}
        removed = old - new
        users: dict[str, tuple[NormalizedName, ...]] = {}
        for owner in self._dependents(plan) if removed else ():
            for name in sorted(_started_commands(owner, removed) & removed):
                users[name] = (*users.get(name, ()), owner.id)
        return users

    @property
    def _prefix(self) -> Path:
        return self._environment.interpreter.prefix

    def _installed_dist_infos(self, plan: Plan) -> list[Path]:
        installed = self._environment.distributions()
        changed = (installed.get(change.id) for change in plan.changes)
        return [release.path for release in changed if isinstance(release, Distribution)]

    def _staged_dist_infos(self, stage: Path | None) -> list[Path]:
        if stage is None:
            return []
        scheme = self._environment.interpreter.scheme
        folders = {
            stage / scheme[name].relative_to(self._prefix) for name in ("purelib", "platlib")
        }
        return [path for folder in sorted(folders) for path in sorted(folder.glob("*.dist-info"))]

    def _dependents(self, plan: Plan) -> Iterator[Distribution]:
        """Yield the distributions that require a changed project, in any extra."""
        changed = {change.id for change in plan.changes}
        for name, distribution in self._environment.distributions().items():
            if name not in changed and isinstance(distribution, Distribution):
                requirements = map(dependency_graph.parse_requirement, distribution.requires)
                if changed & {canonicalize_name(parsed.name) for parsed in requirements if parsed}:
                    yield distribution


def _script_names(dist_info: Path, folder: Path) -> set[str]:
    """Return the names of the commands that a distribution installs into `folder`."""
    relative_folder = os.path.relpath(folder, dist_info.parent)
    rows = (row.path.rpartition("/") for row in record.entries(dist_info))
    return {name for folder, _, name in rows if folder == relative_folder}


def _started_commands(owner: Distribution, candidates: Collection[str]) -> set[str]:
    """Return the commands that the files of a distribution start by a literal name.

    Only files in which one of `candidates` occurs are parsed: parsing is slow.
    """
    commands = set[str]()
    encoded_names = [name.encode("utf-8", "surrogateescape") for name in candidates]
    for row in record.entries(owner.path):
        path = owner.path.parent / row.path
        with suppress(OSError, ValueError, RecursionError, SyntaxError, MemoryError):
            if row.path.endswith(".py") and path.stat().st_size < _MAX_SOURCE_BYTES:
                source = path.read_bytes()
                if any(name in source for name in encoded_names):
                    commands |= set(_command_words(ast.parse(source)))
            elif path.name == "kernel.json":
                commands.add(str(json.loads(path.read_bytes())["argv"][0]))
    return commands


def _command_words(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else ""
            name = function.id if isinstance(function, ast.Name) else name
            if name in _COMMAND_FUNCTIONS:
                yield from _first_word(node.args[0])


def _first_word(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.List | ast.Tuple) and argument.elts:
        argument = argument.elts[0]
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        with suppress(ValueError):
            yield from shlex.split(argument.value)[:1]
