"""uv's projects: lock again in a copy, and read what the new lock installs.

Sources: https://docs.astral.sh/uv/concepts/projects/sync/ and
https://docs.astral.sh/uv/concepts/projects/dependencies/.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pkgwidgets.backends.config import project_files, uv_cache_dir
from pkgwidgets.backends.config.uv_files import read_toml
from pkgwidgets.backends.processes import process, temp_dirs
from pkgwidgets.core.environment import Interpreter
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.lock import Lock
from pkgwidgets.core.projects import (
    FileEdit,
    LockedProject,
    OwningProject,
    ProjectChange,
    ProjectRequest,
)
from pkgwidgets.core.pylock_reader import read_pylock
from pkgwidgets.core.redaction import redact

from . import project_copy, uv_failures
from .uv import find_uv

PYPROJECT = "pyproject.toml"
_SECONDS = 600.0
_LOCAL_SOURCES = ("editable", "virtual", "directory")
"""The kinds of sources in a lock that are folders."""
_VARIABLES = {"UV_NO_PROGRESS": "1", "UV_PYTHON_DOWNLOADS": "never"}
_REDIRECTING = ("UV_PROJECT", "UV_WORKING_DIR")
"""Variables that would lead uv from the copy to another project."""
_OLD_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
"""The older variables say the same, but `uv add` does not write them into `pyproject.toml`."""
_NAMED = re.compile(r"^[\w.-]+=(?=https?://|file:|/)")
"""The begin of an index with a name, which the older variables do not have."""
_MAX_OUTPUT_CHARACTERS = 4000


class UvProjectFiles:
    """The files of the uv project that one environment belongs to."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter

    def lock_again(self, project: OwningProject, request: ProjectRequest) -> LockedProject:
        """Return what a request changes; uv works in a temporary copy of the files.

        Raises `EnvironmentRefused` if this user may not replace the files, `PlanImpossible` and
        `IndexUnavailable` with uv's explanation, and `ResolutionFailed`.
        """
        paths = project_files.paths_of(project.file)
        for path in paths:
            reason = project_files.refusal(path, self._interpreter.prefix)
            if reason is not None:
                raise self._refused(reason)
        try:
            old = {path: project_files.read_text(path) for path in paths}
        except (OSError, ValueError) as error:
            raise self._refused(str(error)) from error
        part = _dynamic_part(paths[0].parent, old[paths[1]])
        if part is not None:
            why = f"the metadata in {part} is dynamic, so uv would have to build it"
            raise self._refused(why)
        root = paths[0].parent
        sources = project_copy.outside_sources(root, *old.values())
        missing = project_copy.source_refusal(root, sources)
        if missing is not None:
            raise self._refused(missing)
        with temp_dirs.temporary_folder("pkgwidgets-project-") as folder:
            copy = project_copy.make_copy(folder, old, sources, self._interpreter.prefix)
            commands = tuple(_commands(request))
            for command in commands:
                self._run(command, copy, request)
            new = {path: project_files.read_text(copy / path.name) for path in paths}
            lock = self._read_lock(copy)
            try:
                optional = self._read_lock(copy, "--all-extras", "--all-groups")
            except PkgwidgetsError:  # extras may exclude each other
                optional = lock
        changed = [path for path in paths if new[path] != old[path]]
        change = ProjectChange(
            name=_project_name(project.file),
            files=tuple(FileEdit.between(path, old[path], new[path]) for path in changed),
            commands=tuple(_shown(command, paths[0].parent) for command in commands),
        )
        return LockedProject(change=change if changed else None, lock=lock, optional=optional)

    def refusal(self, change: ProjectChange) -> str | None:
        """Return why the files may not be replaced, as a clause; None if they may."""
        reasons = (project_files.refusal(f.path, self._interpreter.prefix) for f in change.files)
        return next(filter(None, reasons), None)

    def edited(self, change: ProjectChange) -> tuple[str, ...]:
        """Return which files no longer have the content before a change, one clause each."""
        return project_files.edited(change)

    def write(self, change: ProjectChange) -> None:
        """Replace the files, each in one step; raises `StalePlan` and `DiskFailed`."""
        project_files.write(change)

    def _refused(self, reason: str) -> EnvironmentRefused:
        return EnvironmentRefused(
            self._interpreter.python, f"The project cannot be changed: {reason}"
        )

    def _read_lock(self, copy: Path, *options: str) -> Lock:
        """Return what uv would install from the lock of a copy, without the project itself."""
        command = ("export", "--frozen", "--no-emit-workspace", "--format", "pylock.toml")
        text = self._run((*command, *options), copy, ProjectRequest())
        return read_pylock(text, "the project's lock", self._interpreter.markers)

    def _run(self, command: Sequence[str], copy: Path, request: ProjectRequest) -> str:
        """Run uv in a copy and return its output; nothing is built, as in every plan."""
        first, *rest = command
        python = str(self._interpreter.python)
        completed = process.run(
            [str(find_uv()), first, "--python", python, "--no-build", *rest],
            cwd=copy,
            environment=_environment(),
            timeout=_SECONDS,
        )
        if completed.returncode != 0:
            raise _error(completed, request)
        return completed.stdout


def _commands(request: ProjectRequest) -> Iterator[tuple[str, ...]]:
    if request.add:
        yield ("add", "--no-sync", *request.add)
    if request.remove:
        yield ("remove", "--no-sync", *request.remove)
    if request.everything:
        yield ("lock", "--upgrade")
    elif request.upgrade:
        yield ("lock", *(f"--upgrade-package={text}" for text in request.upgrade))


def _shown(command: Sequence[str], folder: Path) -> str:
    """Return a command as a user would type it in any folder."""
    first, *rest = command
    return shlex.join(["uv", first, "--project", str(folder), *rest])


def _environment() -> dict[str, str]:
    """Return uv's variables: the configuration is the user's, as it is for the project."""
    inherited = process.clean_environment(_VARIABLES)
    kept = {name: value for name, value in inherited.items() if name not in _REDIRECTING}
    for name, old_name in _OLD_NAMES.items():
        if urls := kept.pop(name, ""):
            kept[old_name] = " ".join(_NAMED.sub("", entry) for entry in urls.split())
    return {**kept, "UV_CACHE_DIR": str(uv_cache_dir.uv_cache_dir())}


def _error(completed: process.CompletedProcess, request: ProjectRequest) -> PkgwidgetsError:
    if completed.returncode is None:
        return ResolutionFailed(f"it did not finish within {_SECONDS:.0f} seconds")
    lines = completed.stderr.splitlines()
    output = "\n".join(line for line in lines if not line.startswith("warning:"))
    explanation = redact(uv_failures.extract_cause(output))[:_MAX_OUTPUT_CHARACTERS]
    failure = uv_failures.find_index_failure(completed.stderr, explanation, "", redact)
    if failure is not None:
        return failure
    requested = (*request.upgrade, *request.add, *request.remove)
    if requested and completed.returncode is not None:
        text = f"uv cannot change the project: {explanation}"
        return PlanImpossible(requested, text, has_no_release=True)
    return ResolutionFailed(explanation)


def _dynamic_part(root: Path, lock: str) -> Path | None:
    """Return the file of a local part of a project that uv builds to lock it; None without one.

    A build runs code of the project, and may write into its folders. Parts are the project itself,
    members of its workspace and path sources, as the lock names them.
    """
    try:
        packages = tomllib.loads(lock).get("package", [])
    except (ValueError, RecursionError):
        return None  # uv itself says what is wrong
    for package in packages if isinstance(packages, list) else ():
        source: Any = package.get("source") if isinstance(package, dict) else None
        folders = [source.get(kind) for kind in _LOCAL_SOURCES] if isinstance(source, dict) else []
        for folder in filter(None, folders):
            file = root / str(folder) / PYPROJECT
            if _is_dynamic(read_toml(file).get("project")):
                return file
    return None


def _is_dynamic(table: object) -> bool:
    return not isinstance(table, dict) or bool(table.get("dynamic"))


def _project_name(file: Path) -> str:
    """Return the name of a project; of one without a name, that of its folder."""
    table = read_toml(file).get("project")
    name = table.get("name") if isinstance(table, dict) else None
    return name if isinstance(name, str) and name else file.parent.name
