"""Would the environment be what the plan says, and is it, and does it import."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Unreadable
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import NOT_TRIED, Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.restart import KERNEL_PACKAGES

Modules = Mapping[NormalizedName, tuple[str, ...]]
"""The top-level modules of each distribution."""

_KERNEL_START = "a kernel"
_PKGWIDGETS = canonicalize_name("pkgwidgets")


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """What is known of the environment before anything in it is changed.

    `failing` is what fails already, or could not be tried, and may go on failing without being
    blamed on the plan; `around` are the files of others in the folders that it touches.
    """

    stage: Path | None = None
    failures: frozenset[str] = frozenset()
    sharing_folders: Mapping[NormalizedName, Collection[Path]] | None = None


def problems_before(
    backend: Backend, plan: Plan, stage: Path | None, report: Report
) -> tuple[tuple[str, ...], Baseline]:
    """Look at what was staged, and import it and whom it concerns, as if it were installed.

    The staged files come before the installed, of which those that would go are not seen. Returns
    what is wrong only so, in words, and what is known of the environment as it is.
    """
    if plan.from_save_point:
        return (), Baseline()
    scope = _AffectedPackages(backend, plan, stage)
    wrong = scope.problems()
    if wrong:
        return wrong, Baseline()
    hidden = scope.replaced
    modules, spare = scope.modules, scope.optional
    for id, names in scope.startup_files.items():
        text = f"{id} runs code at every start of Python: {', '.join(names)}"
        report(Event(stage=Stage.CHECKING, id=id, text=text))
    errors = dict(
        backend.import_checker.failures(
            _flatten(modules), report, optional=_flatten(spare), staged=stage, masked=hidden
        )
    )
    if scope.is_critical:
        said = backend.import_checker.kernel(report, staged=stage, masked=hidden)
        errors |= {_KERNEL_START: said} if said is not None else {}
    failing = _already_failing(backend, errors, scope, report)
    untried = {module for module, error in errors.items() if error == NOT_TRIED}
    blamed = {m: e for m, e in errors.items() if m not in failing and m not in untried}
    blamed = scope.not_for_want_of_place(blamed)
    baseline = Baseline(
        stage=stage,
        failures=failing | untried | _optional_plugins(blamed, modules),
        sharing_folders=backend.bystanders.sharing_folders(plan, stage),
    )
    return _describe_failures(plan, {**modules, **spare}, _new_failures(blamed, baseline)), baseline


def unverified(backend: Backend, plan: Plan, stage: Path | None) -> str:
    """Return what came without a hash of the index, with the hash of what came: for the record."""
    ids = [c.id for c in plan.changes if c.after is not None and not c.hashes]
    came = backend.records.fingerprints(ids, stage) if stage is not None else {}
    after = {change.id: change.after for change in plan.changes}
    return ", ".join(f"{id} {after[id]} {sha256}" for id, sha256 in sorted(came.items()))


def problems_after(
    backend: Backend,
    plan: Plan,
    before: dependency_graph.Installed,
    baseline: Baseline,
    report: Report,
) -> tuple[str, ...]:
    """Return what is wrong with the environment after the plan: nothing, if all is well.

    Versions and files are the plan's, nobody lost what it needs, and what imported still does.
    What depends on the changed was imported beside the environment, over the same files: here the
    changed themselves are, where they now are, in a Python that has just started.
    """
    installed = backend.environment.distributions()
    expected = dependency_graph.versions_after(
        dependency_graph.installed_versions(before), plan.changes
    )
    wrong = dependency_graph.version_differences(
        expected, dependency_graph.installed_versions(installed)
    )
    unreadable = _unreadable(before, installed)
    if wrong or unreadable:
        return (*wrong, *unreadable)
    if plan.from_save_point:
        # Exactly the old files were asked for, and they are there by hash: what was edited since
        # they were installed, or did not work, is so again.
        return ()
    damage = backend.records.damage(plan, baseline.sharing_folders)
    lost = _lost_requirements(backend, before, installed)
    if damage or lost:
        return (*damage, *lost)
    if baseline.stage is not None:
        backend.import_checker.keep_bytecode(baseline.stage)
    scope = _AffectedPackages(backend, plan, None)
    errors = dict(backend.import_checker.failures(_flatten(scope.modules) or ["sys"], report))
    if scope.is_critical:
        said = backend.import_checker.kernel(report)
        errors |= {_KERNEL_START: said} if said is not None else {}
    return _describe_failures(plan, scope.modules, _new_failures(errors, baseline))


class _AffectedPackages:
    """Whom a plan concerns."""

    def __init__(self, backend: Backend, plan: Plan, stage: Path | None) -> None:
        self._backend = backend
        self._plan = plan
        self._stage = stage
        self._installed = backend.environment.distributions()
        self._ids = [change.id for change in plan.changes if change.after is not None]
        self._gone = {change.id for change in plan.changes if change.after is None}

    def problems(self) -> tuple[str, ...]:
        """Return what is wrong with the staged distributions, without running anything of them."""
        if self._stage is None and self._ids:
            return ()
        staged = self._backend.records.staged(self._stage) if self._stage is not None else {}
        kept = {
            id: found
            for id, found in self._installed.items()
            if id not in self._ids and id not in self._gone
        }
        after = {**kept, **staged}
        unreadable = _unreadable(self._installed, after)
        if unreadable:
            return unreadable
        before = dependency_graph.installed_versions(self._installed)
        expected = dependency_graph.versions_after(before, self._plan.changes)
        wrong = dependency_graph.version_differences(
            expected, dependency_graph.installed_versions(after)
        )
        return (
            *wrong,
            *_lost_requirements(self._backend, self._installed, after),
            *self._orphaned(),
        )

    @cached_property
    def replaced(self) -> frozenset[Path]:
        """The files that the plan takes away."""
        return self._backend.records.touched_paths(self._plan, None)

    def not_for_want_of_place(self, errors: Mapping[str, str]) -> dict[str, str]:
        """Leave out what fails because a file is not in the environment yet: that is seen there."""
        if not errors:
            return {}
        coming = self._backend.records.touched_paths(self._plan, self._stage) - self.replaced
        awaited = {str(path) for path in coming}
        return {m: e for m, e in errors.items() if not any(path in e for path in awaited)}

    @cached_property
    def modules(self) -> Modules:
        """What must be tried: the changed, and what directly depends on them."""
        around = dependency_graph.dependents([*self._ids, *self._gone], self._needs)
        return self._modules([*self._ids, *(id for id in around if id not in self._gone)])

    @cached_property
    def optional(self) -> Modules:
        """What is tried if there is time: who depends on those, and who shares folders.

        Everything, if code of the changed runs at every start of Python.
        """
        known = {*self._ids, *self._gone, *self.modules}
        wider = set(self._backend.bystanders.sharing_folders(self._plan, self._stage))
        todo = dependency_graph.dependents(known, self._needs)
        while todo:
            wider |= set(todo)
            todo = dependency_graph.dependents(known | wider, self._needs)
        if self.startup_files:
            wider |= set(dependency_graph.readable_distributions(self._installed))
        return self._modules(sorted(wider - known))

    @cached_property
    def startup_files(self) -> Mapping[NormalizedName, tuple[str, ...]]:
        """The files of the changed that run code at every start."""
        return self._backend.records.startup_files(self._ids, self._stage)

    @property
    def is_critical(self) -> bool:
        """Whether kernels could start before, should after, and might not.

        Nobody finds out before the next start.
        """
        changed = bool(KERNEL_PACKAGES & {*self._ids, *self._gone})
        return changed and "ipykernel" in {*self._installed, *self._ids} - self._gone

    @cached_property
    def _needs(self) -> dependency_graph.ActiveRequirements:
        return dependency_graph.active_requirements(
            self._installed, self._backend.environment.interpreter.markers
        )

    def _modules(self, ids: Collection[NormalizedName]) -> Modules:
        found = self._backend.records.modules(ids, self._stage)
        if _PKGWIDGETS not in found:
            return found
        # A version of pkgwidgets that still has the modules of an undo must import them.
        needed = filter(self._has, self._backend.undo_modules)
        return {**found, _PKGWIDGETS: (*found[_PKGWIDGETS], *needed)}

    def _has(self, module: str) -> bool:
        """Tell whether there is a file for a module: staged, or installed if nothing is staged."""
        interpreter = self._backend.environment.interpreter
        folder = interpreter.scheme["purelib"]
        if self._stage is not None:
            folder = self._stage / folder.relative_to(interpreter.prefix)
        return folder.joinpath(*module.split(".")).with_suffix(".py").is_file()

    def _orphaned(self) -> tuple[str, ...]:
        found = self._backend.bystanders.lost_commands(self._plan, self._stage)
        return tuple(
            f"the command {name} would be gone, which {' and '.join(ids)} runs"
            for name, ids in sorted(found.items())
        )


def _already_failing(
    backend: Backend, errors: Mapping[str, str], scope: _AffectedPackages, report: Report
) -> frozenset[str]:
    """Return which of what fails fails in the environment as it is."""
    if not errors:
        return frozenset()

    def told(event: Event) -> None:
        report(replace(event, stage=Stage.CHECKING))

    # A module that is only staged cannot have failed before.
    ids = [*scope.modules, *scope.optional]
    known = set(_flatten(backend.records.modules(ids)))
    again = [m for m, error in errors.items() if m in known and error != NOT_TRIED]
    failing = set(backend.import_checker.failures(again or ["sys"], told))
    if _KERNEL_START in errors and backend.import_checker.kernel(told) is not None:
        failing.add(_KERNEL_START)
    return frozenset(failing)


def _optional_plugins(errors: Mapping[str, str], modules: Modules) -> frozenset[str]:
    """Pardon private modules that lack a module of nobody's: plug-ins of what is not installed.

    Only beside a public one of the same distribution that imports.
    """
    pardoned = set[str]()
    for names in modules.values():
        public = [name for name in names if not name.startswith("_")]
        if public and not any(name in errors for name in public):
            pardoned |= {n for n in names if errors.get(n, "").startswith("ModuleNotFoundError")}
    return frozenset(pardoned)


def _new_failures(errors: Mapping[str, str], baseline: Baseline) -> dict[str, str]:
    return {module: error for module, error in errors.items() if module not in baseline.failures}


def _flatten(modules: Modules) -> list[str]:
    return list(dict.fromkeys(name for names in modules.values() for name in names))


def _describe_failures(
    plan: Plan, modules: Modules, failures: Mapping[str, str]
) -> tuple[str, ...]:
    """Say whose new version cannot be imported, and who no longer can with it."""
    after = {change.id: f"{change.name} {change.after}" for change in plan.changes}
    said = []
    for module, error in failures.items():
        if module == _KERNEL_START:
            said.append(f"with {', '.join(after.values())} no kernel starts ({error})")
            continue
        owner = next((id for id, names in modules.items() if module in names), None)
        if owner is None:
            said.append(f"{module} fails at every start of Python ({error})")
            continue
        whose = after.get(owner, f"with it {owner}")
        part = "" if _normalize(module) == owner else f"'s module {module}"
        said.append(f"{whose}{part} cannot be imported ({error})")
    return tuple(said)


def _normalize(module: str) -> str:
    return module.lower().replace("_", "-")


def _unreadable(
    before: dependency_graph.Installed, after: dependency_graph.Installed
) -> tuple[str, ...]:
    return tuple(
        f"{id}: {found.reason}"
        for id, found in after.items()
        if isinstance(found, Unreadable) and not isinstance(before.get(id), Unreadable)
    )


def _lost_requirements(
    backend: Backend, before: dependency_graph.Installed, after: dependency_graph.Installed
) -> tuple[str, ...]:
    markers = backend.environment.interpreter.markers
    problems = dependency_graph.newly_unmet(
        dependency_graph.unmet_in(before, markers),
        dependency_graph.active_requirements(after, markers),
        dependency_graph.installed_versions(after),
    )
    return tuple(sorted(map(str, problems)))
