"""Verify a plan: the installed set, the files and the imports, before and after it is installed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.breakages import Breakage
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import NEEDS, Backend, Report, is_untried, what_is_needed
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.preparations import ImportResult

from .affected_packages import AffectedPackages, Modules, lost_requirements, unreadable_after
from .breakages import KERNEL_START, blame_problems, find_breakages
from .optional_modules import find_optional_modules


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """The state of the environment before the plan changes it.

    `failures` are the modules that failed before or could not be tried; the plan is not blamed for
    them. `sharing_folders` are the files of other distributions in the folders that it touches.
    """

    stage: Path | None = None
    failures: frozenset[str] = frozenset()
    sharing_folders: Mapping[NormalizedName, Collection[Path]] | None = None
    needs: Mapping[str, str] = field(default_factory=dict)
    """What modules lack, outside of the environment or optional; they were not tried."""
    breakages: tuple[Breakage, ...] = ()
    """Which new versions cause the problems."""
    unproven: frozenset[str] | None = None
    """The modules to import again after the installation; None for all of them."""

    def needs_text(self) -> str:
        """Return one line about the modules that lack something, for the journal."""
        return ", ".join(f"{module}: it needs {what}" for module, what in self.needs.items())


def problems_before(
    backend: Backend,
    plan: Plan,
    stage: Path | None,
    report: Report,
    prepared: ImportResult | None = None,
) -> tuple[tuple[str, ...], Baseline]:
    """Check the staged distributions, and import them and their dependents as if installed.

    Staged files come before installed ones, and files that the plan removes are masked. Nothing is
    imported if the result is `prepared`. Returns the problems that the plan would cause, one
    sentence each, and the `Baseline`.
    """
    if plan.from_save_point:
        return (), Baseline()
    scope = AffectedPackages(backend, plan, stage)
    wrong = scope.problems()
    if wrong:
        return wrong, Baseline()
    breakages: tuple[Breakage, ...] = ()
    if prepared is None:
        wrong, breakages, prepared = _import_as_if_installed(backend, plan, stage, scope, report)
    return wrong, Baseline(
        stage=stage,
        failures=prepared.excused,
        sharing_folders=backend.bystanders.sharing_folders(plan, stage),
        needs=prepared.needs,
        breakages=breakages,
        unproven=prepared.unproven if stage is not None else None,
    )


def import_staged(
    backend: Backend, plan: Plan, stage: Path | None, report: Report
) -> tuple[tuple[str, ...], ImportResult]:
    """Do the imports of `problems_before`, for a later apply that compares the rest anew.

    Returns the problems that the plan would cause, and the result for `problems_before`.
    """
    scope = AffectedPackages(backend, plan, stage)
    wrong = scope.problems()
    if wrong:
        return wrong, ImportResult()
    wrong, _, result = _import_as_if_installed(backend, plan, stage, scope, report)
    return wrong, result if stage is not None else replace(result, unproven=None)


def _import_as_if_installed(
    backend: Backend, plan: Plan, stage: Path | None, scope: AffectedPackages, report: Report
) -> tuple[tuple[str, ...], tuple[Breakage, ...], ImportResult]:
    """Import the affected modules from the stage.

    Returns what would fail, which new versions cause it, and what is excused.
    """
    masked = scope.replaced
    modules, optional = scope.modules, scope.optional
    for name, files in scope.new_startup_files.items():
        text = f"{name} adds a file that runs each time Python starts ({', '.join(files)})"
        report(Event(stage=Stage.CHECKING, id=name, text=text))
    check = backend.import_checker.check(
        _flatten(modules),
        report,
        optional=_flatten(optional),
        staged=stage,
        masked=masked,
        watched=scope.touched,
    )
    errors = dict(check.errors)
    if scope.is_critical:
        kernel_error = backend.import_checker.kernel(report, staged=stage, masked=masked)
        errors |= {KERNEL_START: kernel_error} if kernel_error is not None else {}
    failing = _already_failing(backend, errors, scope, report)
    untried = {module for module, error in errors.items() if is_untried(error)}
    needs = {module: what for module in sorted(untried) if (what := what_is_needed(errors[module]))}
    new_errors = {m: e for m, e in errors.items() if m not in failing and m not in untried}
    awaited = scope.awaiting_files(new_errors)
    new_errors = {m: e for m, e in new_errors.items() if m not in awaited}
    needs |= find_optional_modules(backend, plan, stage, new_errors, {**modules, **optional})
    for module, what in needs.items():
        report(Event(stage=Stage.CHECKING, text=f"{module} was {NEEDS}{what}"))
    is_proven = not check.depends_on_place and not scope.changes_startup
    result = ImportResult(
        excused=failing | untried | needs.keys(),
        needs=needs,
        unproven=awaited if is_proven else None,
    )
    failures = _new_failures(new_errors, result.excused)
    tried = {**modules, **optional}
    breakages = find_breakages(backend, plan, stage, failures, tried) if failures else ()
    return _describe_failures(plan, tried, failures), breakages, result


def unverified(backend: Backend, plan: Plan, stage: Path | None) -> str:
    """Return the releases without a hash, each with the sha256 of its files.

    The index gave none, or RECORD has none for some of the files.
    """
    after = {change.id: change.after for change in plan.changes if change.after is not None}
    if stage is None:
        return ""
    names = {c.id for c in plan.changes if c.id in after and not c.hashes}
    hashes = backend.records.fingerprints(
        sorted(names | backend.records.unhashed(tuple(after), stage).keys()), stage
    )
    return ", ".join(f"{name} {after[name]} {sha256}" for name, sha256 in sorted(hashes.items()))


def problems_after(
    backend: Backend,
    plan: Plan,
    before: dependency_graph.Installed,
    baseline: Baseline,
    report: Report,
) -> tuple[tuple[str, ...], tuple[Breakage, ...]]:
    """Return the problems of the environment after the plan, and which new versions cause them.

    Checks that versions and files are those of the plan, that no requirement was lost, and that
    modules still import. Dependents were imported beside the environment, on files of the same
    hash; here only changed packages are, and what that did not prove.
    """
    installed = backend.environment.distributions()
    expected = dependency_graph.versions_after(
        dependency_graph.installed_versions(before), plan.changes
    )
    wrong = dependency_graph.version_differences(
        expected, dependency_graph.installed_versions(_without_uncovered(backend, plan, installed))
    )
    unreadable = unreadable_after(before, installed)
    if wrong or unreadable:
        return _blamed(plan, (*wrong, *unreadable))
    if plan.from_save_point:
        # The save point restores the old files by hash, with earlier edits and failures.
        return (), ()
    damage = backend.records.damage(plan, baseline.sharing_folders, baseline.stage)
    lost = lost_requirements(backend, before, installed)
    if damage or lost:
        return _blamed(plan, (*damage, *lost))
    if baseline.stage is not None:
        backend.import_checker.keep_bytecode(baseline.stage)
    scope = AffectedPackages(backend, plan, None)
    modules = scope.modules_to_verify(baseline.unproven)
    errors = dict(backend.import_checker.check(_flatten(modules) or ["sys"], report).errors)
    if scope.is_critical:
        kernel_error = backend.import_checker.kernel(report)
        errors |= {KERNEL_START: kernel_error} if kernel_error is not None else {}
    tried = {module: error for module, error in errors.items() if not is_untried(error)}
    failures = _new_failures(tried, baseline.failures)
    breakages = find_breakages(backend, plan, None, failures, modules) if failures else ()
    return _describe_failures(plan, modules, failures), breakages


def _blamed(plan: Plan, problems: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[Breakage, ...]]:
    return problems, blame_problems(plan, problems)


def left_files(backend: Backend, plan: Plan, saved: Collection[Path]) -> tuple[str, ...]:
    """Return the saved paths that still exist although no installed package owns them.

    They are of the old versions, or of another installation of the same packages.
    """
    left = sorted(map(str, backend.records.unowned_paths(plan, saved)))
    names = ", ".join(change.name for change in plan.changes)
    return tuple(f"{path} is left of another version ({names})" for path in left)


def missing_changes(backend: Backend, plan: Plan) -> tuple[str, ...]:
    """Return which changes of a plan the environment does not have completely, by its files."""
    installed = backend.environment.distributions()
    problems = []
    for change in plan.changes:
        version = getattr(installed.get(change.id), "version", None)
        if version != change.after or (change.after is None and change.id in installed):
            now = "not readable" if change.id in installed else "not installed"
            problems.append(f"{change.name} is {now if version is None else version}")
    return (*problems, *backend.records.damage(plan))


def _already_failing(
    backend: Backend, errors: Mapping[str, str], scope: AffectedPackages, report: Report
) -> frozenset[str]:
    """Return the failing modules that also fail in the unchanged environment."""
    if not errors:
        return frozenset()

    def report_check(event: Event) -> None:
        report(replace(event, stage=Stage.CHECKING))

    # A module that is only staged is new: it cannot have failed before.
    names = [*scope.modules, *scope.optional]
    installed_modules = set(_flatten(backend.records.modules(names)))
    repeated = [
        m for m, error in errors.items() if m in installed_modules and not is_untried(error)
    ]
    failing = set(backend.import_checker.check(repeated or ["sys"], report_check).errors)
    if KERNEL_START in errors and backend.import_checker.kernel(report_check) is not None:
        failing.add(KERNEL_START)
    return frozenset(failing)


def _new_failures(errors: Mapping[str, str], excused: Collection[str]) -> dict[str, str]:
    return {module: error for module, error in errors.items() if module not in excused}


def _flatten(modules: Modules) -> list[str]:
    return list(dict.fromkeys(name for names in modules.values() for name in names))


def _describe_failures(
    plan: Plan, modules: Modules, failures: Mapping[str, str]
) -> tuple[str, ...]:
    """Describe which new versions, or which dependents of them, cannot be imported."""
    after = {change.id: f"{change.name} {change.after}" for change in plan.changes}
    sentences = []
    for module, error in failures.items():
        if module == KERNEL_START:
            sentences.append(f"with {', '.join(after.values())} no kernel starts ({error})")
            continue
        owner = next((name for name, names in modules.items() if module in names), None)
        if owner is None:
            sentences.append(f"{module} fails each time Python starts ({error})")
            continue
        release = after.get(owner, owner)
        where = "" if owner in after else " with the new versions"
        part = "" if _normalize_module(module) == owner else f"'s module {module}"
        sentences.append(f"{release}{part} cannot be imported{where} ({error})")
    return tuple(sentences)


def _normalize_module(module: str) -> str:
    return module.lower().replace("_", "-")


def _without_uncovered(
    backend: Backend, plan: Plan, installed: dependency_graph.Installed
) -> dependency_graph.Installed:
    """Leave out distributions outside of the environment that took the place of removed ones."""
    own_folders = set(backend.environment.interpreter.scheme.values())
    removed = {change.id for change in plan.changes if change.after is None}
    return {
        name: distribution
        for name, distribution in installed.items()
        if name not in removed or distribution.path.parent in own_folders
    }
