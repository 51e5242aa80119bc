"""Is the environment what the plan said, and does it import."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pkgwidgets.core import changes
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.model import Id, Plan, Unreadable


def failing_beside(
    backend: Backend, plan: Plan, stage: Path | None, report: Report
) -> tuple[Mapping[str, str], frozenset[str]]:
    """Import what the plan changes, and what depends on it, with the stage first on the path.

    Returns what fails only there, and what fails in the environment as it is: that may go on
    failing without being blamed on the plan. Without a stage only the latter is found out.
    """
    if plan.from_save_point:
        return {}, frozenset()
    modules = _modules(backend, plan, stage)
    if stage is None:
        return {}, frozenset(backend.trial.failing(modules, report))
    failing = backend.trial.failing(modules, report, beside=stage)
    if not failing:
        return {}, frozenset()
    before = frozenset(backend.trial.failing(list(failing), report)) & _installed_now(backend, plan)
    return {m: error for m, error in failing.items() if m not in before}, before


def problems_after(
    backend: Backend,
    plan: Plan,
    before: changes.Installed,
    tolerated: Collection[str],
    report: Report,
) -> tuple[str, ...]:
    """Return what is wrong with the environment after the plan: nothing, if all is well.

    Versions and files are the plan's, nobody lost what it needs, and what imported still does.
    """
    installed = backend.environment.distributions()
    expected = changes.applied(changes.versions(before), plan.changes)
    wrong = changes.differences(expected, changes.versions(installed))
    unreadable = [
        f"{id}: {found.reason}"
        for id, found in installed.items()
        if isinstance(found, Unreadable) and not isinstance(before.get(id), Unreadable)
    ]
    if wrong or unreadable:
        return (*wrong, *unreadable)
    damage = backend.records.damage(plan)
    if plan.from_save_point:
        # Exactly the old files were asked for: what did not work with them may fail again.
        return damage
    lost = _lost(backend, before, installed)
    if damage or lost:
        return (*damage, *lost)
    failing = backend.trial.failing(_modules(backend, plan, None), report)
    return tuple(f"{m} fails: {error}" for m, error in failing.items() if m not in tolerated)


def _modules(backend: Backend, plan: Plan, stage: Path | None) -> list[str]:
    """Return the top-level modules of what changes and of what directly depends on it."""
    markers = backend.environment.interpreter.markers
    needs = changes.needs(backend.environment.distributions(), markers)
    gone = {change.id for change in plan.changes if change.after is None}
    changed = [change.id for change in plan.changes if change.id not in gone]
    around = [id for id in changes.dependents(changed, needs) if id not in gone]
    found = backend.records.modules([*changed, *around], stage)
    return list(dict.fromkeys(m for modules in found.values() for m in modules))


def _installed_now(backend: Backend, plan: Plan) -> frozenset[str]:
    """Return the modules that exist now: one that is only staged cannot have failed before."""
    installed: list[Id] = list(backend.environment.distributions())
    found = backend.records.modules(installed)
    return frozenset(module for modules in found.values() for module in modules)


def _lost(backend: Backend, before: changes.Installed, after: changes.Installed) -> tuple[str, ...]:
    markers = backend.environment.interpreter.markers
    old = changes.unmet(changes.needs(before, markers), changes.versions(before))
    new = changes.unmet(changes.needs(after, markers), changes.versions(after))
    return tuple(sorted(map(str, new - old)))
