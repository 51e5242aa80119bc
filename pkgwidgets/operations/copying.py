"""Copy an environment for this user, list the copies, and remove one."""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import has_compatible_wheel, why_incompatible
from pkgwidgets.core.copies import (
    KERNEL_PREFIX,
    CopiedPackage,
    CopyPlan,
    EnvironmentCopy,
    RunningProgram,
    checked_copy_name,
)
from pkgwidgets.core.environment import Distribution, Interpreter, Unreadable
from pkgwidgets.core.errors import (
    CopyFailed,
    CopyInUse,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    ProjectNotFound,
)
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, ProjectResult, Report, is_untried, no_report
from pkgwidgets.core.names import checked_names
from pkgwidgets.core.releases import Release
from pkgwidgets.core.text import shorten_names

_IPYKERNEL = NormalizedName("ipykernel")
_HOLDER = "another copy that is made or removed"
_MAX_STEM_CHARACTERS = 40
_POLL_SECONDS = 0.1
_MOMENT_SECONDS = 2.0
"""What runs no longer than this does not count: a look of pkgwidgets at the copy, for example."""
_NOT_ON_INDEX = "the index does not have it"
_NO_KERNEL = "Jupyter will offer no kernel for it, because ipykernel is not copied"
_NO_JUPYTER = "Jupyter will offer no kernel for it, because Jupyter is not installed here"


def plan_copy(
    backend: Backend,
    name: str,
    *,
    python: object = None,
    only: object = None,
    report: Report = no_report,
) -> CopyPlan:
    """Plan a copy of the environment; `only` some packages, with those that they require.

    Raises `InvalidRequest` for a name that is no name or is taken, `PackageNotFound`, and
    `EnvironmentRefused` if there is no such Python.
    """
    checked_copy_name(name)
    if python is not None and not (isinstance(python, str | Path) and str(python)):
        raise InvalidRequest("python", python, "give a version, such as 3.12, or a path")
    reason = _taken_reason(backend, name)
    if reason is not None:
        raise InvalidRequest("name of a copy", name, reason)
    target = backend.copies.find_python(None if python is None else str(python))
    return _CopyPlanner(backend, name, target, report).plan(only)


def copy_environment(
    backend: Backend, plan: CopyPlan, *, report: Report = no_report
) -> EnvironmentCopy:
    """Make the copy of a plan, import its modules, and offer it.

    If it fails or is interrupted, nothing is left. Raises `CopyFailed`, `InvalidRequest` if the
    name was taken since, `EnvironmentBusy`, `DiskFailed`.
    """
    copies = backend.copies
    with copies.locked(_HOLDER):
        copies.recover()
        reason = _taken_reason(backend, plan.name)
        if reason is not None:
            raise InvalidRequest("name of a copy", plan.name, reason)
        try:
            copies.build(plan, report)
            notes = _verify(backend, plan, report)
            return copies.complete(plan, notes)
        except BaseException:
            copies.remove(plan.name)
            raise


def list_copies(backend: Backend) -> tuple[EnvironmentCopy, ...]:
    """Return the complete copies of this user, by name."""
    return tuple(backend.copies.listed())


def remove_copy(
    backend: Backend,
    name: str,
    *,
    patience_seconds: float = _MOMENT_SECONDS,
    may_end: Callable[[RunningProgram], bool] = lambda program: True,
) -> EnvironmentCopy:
    """Remove a copy and its kernel; return what it was.

    Wait up to `patience_seconds` for programs in it that are about to end. These started a moment
    ago, or `may_end`, or are what another program left behind.

    Raises `InvalidRequest` if there is none of this name, or if this is the environment itself.
    Raises `CopyInUse` if a program runs in it, `EnvironmentBusy` while its packages are changed.
    """
    checked_copy_name(name)
    own = find_own_copy(backend)
    if own is not None and own.name == name:  # before the wait: it runs this
        reason = "it is the environment in use: remove it from another one"
        raise InvalidRequest("name of a copy", name, reason)
    begun = time.monotonic()

    def ends_soon(program: RunningProgram) -> bool:
        is_left = program.is_orphan and time.monotonic() - begun < _MOMENT_SECONDS
        return is_left or _is_new(program) or may_end(program)

    _wait_for_programs(
        backend, name, patience_seconds, lambda programs: all(map(ends_soon, programs))
    )
    copies = backend.copies
    with copies.locked(_HOLDER):
        copies.recover()
        found = _listed(backend, name)
        programs = copies.running_in(name)
        if programs:
            raise CopyInUse(name, tuple(map(str, programs)))
        copies.remove(name)
    return found


def running_in_copy(
    backend: Backend, name: str
) -> tuple[EnvironmentCopy, tuple[RunningProgram, ...]]:
    """Return a copy, and the programs that run in it for more than a moment, by process id.

    Raises `InvalidRequest` if there is none of this name.
    """
    checked_copy_name(name)
    found = _listed(backend, name)
    return found, _wait_for_programs(
        backend, name, _MOMENT_SECONDS, lambda programs: any(map(_is_new, programs))
    )


def _wait_for_programs(
    backend: Backend,
    name: str,
    patience_seconds: float,
    is_open: Callable[[Sequence[RunningProgram]], bool],
) -> tuple[RunningProgram, ...]:
    """Return what still runs in a copy once that is clear, or after some seconds.

    `is_open` tells whether it may change soon. No lock is held meanwhile.
    """
    deadline = time.monotonic() + patience_seconds
    programs = tuple(backend.copies.running_in(name))
    while programs and is_open(programs) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        programs = tuple(backend.copies.running_in(name))
    return programs


def _is_new(program: RunningProgram) -> bool:
    """Tell whether a program may run for a moment only."""
    if program.started is None:
        return True
    return (datetime.now(UTC) - program.started).total_seconds() < _MOMENT_SECONDS


def find_own_copy(backend: Backend) -> EnvironmentCopy | None:
    """Return the copy that this environment is; None for any other environment."""
    prefix = backend.environment.interpreter.prefix.resolve()
    return next((copy for copy in backend.copies.listed() if copy.folder.resolve() == prefix), None)


def keep_copy(backend: Backend, name: str) -> EnvironmentCopy:
    """Note that a copy is to stay; return it.

    Raises `InvalidRequest` if there is none of this name.
    """
    checked_copy_name(name)
    copies = backend.copies
    with copies.locked(_HOLDER):
        found = _listed(backend, name)
        copies.keep(name)
    return replace(found, kept=True)


def suggest_name(backend: Backend) -> str:
    """Return a name for a copy that is not taken: that of the environment, with a number."""
    words = re.findall(r"[a-z0-9]+", backend.environment.interpreter.prefix.name.lower())
    stem = "-".join(words)[:_MAX_STEM_CHARACTERS].strip("-") or "mine"
    names = (f"{stem}-{number}" for number in itertools.count(1))
    return next(name for name in names if _taken_reason(backend, name) is None)


def _listed(backend: Backend, name: str) -> EnvironmentCopy:
    """Return a complete copy by its name; raise `InvalidRequest` if there is none."""
    found = next((copy for copy in backend.copies.listed() if copy.name == name), None)
    if found is None:
        raise InvalidRequest("name of a copy", name, "there is no copy of this name")
    return found


def _taken_reason(backend: Backend, name: str) -> str | None:
    """Return why a name cannot be used; what an interrupted copy left does not count."""
    copies = backend.copies
    if any(copy.name == name for copy in copies.listed()):
        return "a copy of this name exists"
    foreign = copies.foreign(name)
    return None if foreign is None else f"{foreign} exists, and belongs to no copy"


@dataclass
class _CopyPlanner:
    """One plan of a copy, and what will not be in it."""

    backend: Backend
    name: str
    target: Interpreter
    report: Report
    left_out: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plan(self, only: object) -> CopyPlan:
        installed = self.backend.environment.distributions()
        wanted = self._wanted(installed, only)
        copied = dict(self._copyable(wanted))
        packages = tuple(self._packages(copied))
        if not packages:
            reasons = "; ".join(f"{name}: {why}" for name, why in self.left_out.items())
            raise InvalidRequest("name of a copy", None, f"nothing can be copied: {reasons}"[:500])
        self._note_unmet(installed, {package.id for package in packages})
        kernel = self._kernel(packages)
        return CopyPlan(
            name=self.name,
            folder=self.backend.copies.folder(self.name),
            source=self.backend.environment.interpreter.prefix,
            python=self.target.python,
            python_version=self.target.version,
            packages=packages,
            left_out=dict(sorted(self.left_out.items())),
            notes=tuple(self.notes),
            kernel=kernel,
        )

    def _wanted(
        self, installed: dependency_graph.Installed, only: object
    ) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Return what to copy; with `only`, these packages, ipykernel and what they need."""
        if only is None:
            return installed
        names = checked_names(only)
        for name in names:
            if name not in installed:
                raise PackageNotFound(name)
        roots = [*names, *([_IPYKERNEL] if _IPYKERNEL in installed else [])]
        markers = self.backend.environment.interpreter.markers
        required = dependency_graph.active_requirements(installed, markers)
        kept = {*roots, *dependency_graph.dependencies(roots, required)}
        return {name: entry for name, entry in installed.items() if name in kept}

    def _copyable(
        self, wanted: Mapping[NormalizedName, Distribution | Unreadable]
    ) -> Iterator[tuple[NormalizedName, Distribution]]:
        folders = set(self.backend.environment.interpreter.scheme.values())
        for name, entry in wanted.items():
            if isinstance(entry, Unreadable):
                self.left_out[name] = f"its metadata cannot be read ({entry.reason})"
                continue
            reason = entry.unmanaged_reason(folders)
            if reason is None:
                yield name, entry
            else:
                self.left_out[name] = reason

    def _packages(self, copied: Mapping[NormalizedName, Distribution]) -> Iterator[CopiedPackage]:
        """Yield each package, with where its files come from; leave out what this Python lacks."""

        def stop_at(name: NormalizedName, release: Release) -> bool:
            return release.version <= copied[name].version

        query = IndexQuery(tuple(copied), stop_at=stop_at)
        answers = self.backend.index.releases_of(query, self.report)
        is_same_python = self.target.tags == self.backend.environment.interpreter.tags
        for name, distribution in copied.items():
            answer = answers[name]
            releases: Sequence[Release] = () if isinstance(answer, PkgwidgetsError) else answer
            version = distribution.version
            release = next((entry for entry in releases if entry.version == version), None)
            fits = release is not None and has_compatible_wheel(release, self.target)
            if not fits and not is_same_python:
                self.left_out[name] = self._why_not(answer, release)
                continue
            reason = None if fits else self.backend.copies.unpackable_reason(distribution)
            if reason is not None:
                self.left_out[name] = f"{self._why_not(answer, release)}, and {reason}"
                continue
            yield CopiedPackage(
                id=name,
                name=distribution.name,
                version=version,
                requested=distribution.requested,
                from_index=fits,
            )

    def _why_not(self, answer: ProjectResult, release: Release | None) -> str:
        """Return why the index has no file of the installed release for the target."""
        if release is not None:
            return f"{release.version} {why_incompatible(release, self.target)}"
        if isinstance(answer, PkgwidgetsError) and not isinstance(answer, ProjectNotFound):
            return answer.clause()
        return _NOT_ON_INDEX

    def _note_unmet(
        self, installed: dependency_graph.Installed, copied: set[NormalizedName]
    ) -> None:
        """Name the requirements that are met here and will not be in the copy."""
        here = self.backend.environment.interpreter.markers
        before = dependency_graph.unmet_in(installed, here)
        rest = {name: entry for name, entry in installed.items() if name in copied}
        for unmet in sorted(dependency_graph.unmet_in(rest, self.target.markers) - before, key=str):
            self.notes.append(f"{unmet} in the copy")

    def _kernel(self, packages: Sequence[CopiedPackage]) -> str:
        if all(package.id != _IPYKERNEL for package in packages):
            self.notes.append(_NO_KERNEL)
            return ""
        if self.backend.copies.kernel_folder(self.name) is None:
            self.notes.append(_NO_JUPYTER)
            return ""
        return f"{KERNEL_PREFIX}{self.name}"


def _verify(backend: Backend, plan: CopyPlan, report: Report) -> tuple[str, ...]:
    """Compare a built copy with its plan; return notes for the user. Raises `CopyFailed`."""
    built = backend.copies.inspect(plan, report)
    expected = {package.id: package.version for package in plan.packages}
    problems = list(dependency_graph.version_differences(expected, built.versions))
    failures = {module: error for module, error in built.failures.items() if not is_untried(error)}
    if failures and not problems:
        here = backend.import_checker.check(tuple(failures), report).errors
        new = {module: error for module, error in failures.items() if module not in here}
        if not plan.left_out:
            problems += [f"{module} cannot be imported: {error}" for module, error in new.items()]
        elif new:
            names = shorten_names(list(new))
            return (*plan.notes, f"cannot be imported without what is left out: {names}")
    if problems:
        raise CopyFailed(plan.name, tuple(problems))
    if built.differing:
        names = shorten_names(list(built.differing))
        return (*plan.notes, f"the index has other files of the same version: {names}")
    return plan.notes
