"""The packages that a plan changes or may break, and what they import."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Unreadable
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.restart import KERNEL_PACKAGES

from .plan_paths import removed_paths

Modules = Mapping[NormalizedName, tuple[str, ...]]
"""The top-level modules of each distribution."""

_PKGWIDGETS = canonicalize_name("pkgwidgets")


class AffectedPackages:
    """The packages that a plan changes or may break."""

    def __init__(self, backend: Backend, plan: Plan, stage: Path | None) -> None:
        self._backend = backend
        self._plan = plan
        self._stage = stage
        self._installed = backend.environment.distributions()
        self._changed = [change.id for change in plan.changes if change.after is not None]
        self._uninstalled = {change.id for change in plan.changes if change.after is None}

    def problems(self) -> tuple[str, ...]:
        """Return the problems of the staged distributions, without running their code."""
        if self._stage is None and self._changed:
            return ()
        staged = self._backend.records.staged(self._stage) if self._stage is not None else {}
        kept = {
            name: distribution
            for name, distribution in self._installed.items()
            if name not in self._changed and name not in self._uninstalled
        }
        after = {**kept, **staged}
        unreadable = unreadable_after(self._installed, after)
        if unreadable:
            return unreadable
        before = dependency_graph.installed_versions(self._installed)
        expected = dependency_graph.versions_after(before, self._plan.changes)
        wrong = dependency_graph.version_differences(
            expected, dependency_graph.installed_versions(after)
        )
        return (
            *wrong,
            *lost_requirements(self._backend, self._installed, after),
            *self._lost_commands(),
        )

    @cached_property
    def replaced(self) -> frozenset[Path]:
        """The files that the plan removes, without those that another distribution keeps."""
        return removed_paths(self._backend, self._plan)

    @cached_property
    def touched(self) -> frozenset[Path]:
        """The files that the plan removes or writes."""
        return self._backend.records.touched_paths(self._plan, self._stage)

    def awaiting_files(self, errors: Mapping[str, str]) -> frozenset[str]:
        """Return the modules whose error names a file not installed yet: it is awaited."""
        if not errors:
            return frozenset()
        awaited = {str(path) for path in self.touched - self.replaced}
        return frozenset(m for m, e in errors.items() if any(path in e for path in awaited))

    def modules_to_verify(self, unproven: Collection[str] | None) -> Modules:
        """Return the modules to import in place: those of changed packages, and the unproven."""
        if unproven is None:
            return self.modules
        changed = self._modules(self._changed)
        others = {**self.modules, **self.optional} if unproven else {}
        kept = {
            name: tuple(module for module in modules if module in unproven)
            for name, modules in others.items()
            if name not in changed
        }
        return {**changed, **{name: modules for name, modules in kept.items() if modules}}

    @cached_property
    def modules(self) -> Modules:
        """The modules that must be tried: those of changed packages and of direct dependents."""
        dependents = dependency_graph.dependents(
            [*self._changed, *self._uninstalled], self._active_requirements
        )
        return self._modules(
            [*self._changed, *(name for name in dependents if name not in self._uninstalled)]
        )

    @cached_property
    def optional(self) -> Modules:
        """The modules to try if there is time: of indirect dependents and of shared folders.

        All modules, if a changed package runs code at every start of Python.
        """
        known = {*self._changed, *self._uninstalled, *self.modules}
        wider = set(self._backend.bystanders.sharing_folders(self._plan, self._stage))
        pending = dependency_graph.dependents(known, self._active_requirements)
        while pending:
            wider |= set(pending)
            pending = dependency_graph.dependents(known | wider, self._active_requirements)
        if self.startup_files:
            wider |= set(dependency_graph.readable_distributions(self._installed))
        return self._modules(sorted(wider - known))

    @cached_property
    def startup_files(self) -> Mapping[NormalizedName, tuple[str, ...]]:
        """The files of changed packages that run code at every start of Python."""
        return self._backend.records.startup_files(self._changed, self._stage)

    @property
    def changes_startup(self) -> bool:
        """Whether a changed package runs code at every start of Python, or did so until now."""
        return bool(self.startup_files or self._old_startup_files)

    @property
    def new_startup_files(self) -> Mapping[NormalizedName, tuple[str, ...]]:
        """The startup files that the installed versions do not have."""
        old = self._old_startup_files
        new = {
            name: tuple(file for file in files if file not in old.get(name, ()))
            for name, files in self.startup_files.items()
        }
        return {name: files for name, files in new.items() if files}

    @cached_property
    def _old_startup_files(self) -> Mapping[NormalizedName, tuple[str, ...]]:
        return self._backend.records.startup_files([*self._changed, *self._uninstalled])

    @property
    def is_critical(self) -> bool:
        """Whether the plan changes packages that kernels need to start.

        Without a check the user would notice only at the next start.
        """
        changed = bool(KERNEL_PACKAGES & {*self._changed, *self._uninstalled})
        return changed and "ipykernel" in {*self._installed, *self._changed} - self._uninstalled

    @cached_property
    def _active_requirements(self) -> dependency_graph.ActiveRequirements:
        return dependency_graph.active_requirements(
            self._installed,
            self._backend.environment.interpreter.markers,
            self._backend.limits().requires_of,
        )

    def _modules(self, names: Collection[NormalizedName]) -> Modules:
        modules = self._backend.records.modules(names, self._stage)
        if _PKGWIDGETS not in modules:
            return modules
        # If the new pkgwidgets has the modules that an undo needs, it must import them.
        needed = filter(self._has_file, self._backend.undo_modules)
        return {**modules, _PKGWIDGETS: (*modules[_PKGWIDGETS], *needed)}

    def _has_file(self, module: str) -> bool:
        """Tell whether a module has a file: staged, or installed if nothing is staged."""
        interpreter = self._backend.environment.interpreter
        folder = interpreter.scheme["purelib"]
        if self._stage is not None:
            folder = self._stage / folder.relative_to(interpreter.prefix)
        return folder.joinpath(*module.split(".")).with_suffix(".py").is_file()

    def _lost_commands(self) -> tuple[str, ...]:
        commands = self._backend.bystanders.lost_commands(self._plan, self._stage)
        return tuple(
            f"the command {command}, which {' and '.join(users)} runs, would be missing"
            for command, users in sorted(commands.items())
        )


def unreadable_after(
    before: dependency_graph.Installed, after: dependency_graph.Installed
) -> tuple[str, ...]:
    """Return the distributions that only the plan makes unreadable, each with the reason."""
    return tuple(
        f"{name}: {distribution.reason}"
        for name, distribution in after.items()
        if isinstance(distribution, Unreadable) and not isinstance(before.get(name), Unreadable)
    )


def lost_requirements(
    backend: Backend, before: dependency_graph.Installed, after: dependency_graph.Installed
) -> tuple[str, ...]:
    """Return the requirements that were met before and are not after, one sentence each."""
    markers = backend.environment.interpreter.markers
    requires_of = backend.limits().requires_of
    problems = dependency_graph.newly_unmet(
        dependency_graph.unmet_in(before, markers, requires_of),
        dependency_graph.active_requirements(after, markers, requires_of),
        dependency_graph.installed_versions(after),
    )
    return tuple(sorted(map(str, problems)))
