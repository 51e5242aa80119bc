"""Is the environment what the plan said, and does it import."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pkgwidgets.core import changes
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.model import Id, Plan, Unreadable

Modules = Mapping[Id, tuple[str, ...]]
"""The top-level modules of each distribution."""


def failing_beside(
    backend: Backend, plan: Plan, stage: Path | None, report: Report
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Import what the plan changes, and what depends on it, with the stage first on the path.

    Returns what fails only there, in words, and the modules that fail in the environment as it
    is: those may go on failing without being blamed on the plan.
    """
    if stage is None:
        return (), frozenset()
    modules = _modules(backend, plan, stage)
    failing = backend.trial.failing(_flat(modules), report, beside=stage)
    if not failing:
        return (), frozenset()
    # A module that is only staged cannot have failed before.
    known = _flat(backend.records.modules(list(modules)))
    before = frozenset(backend.trial.failing([m for m in failing if m in known], report))
    blamed = {module: error for module, error in failing.items() if module not in before}
    return _in_words(plan, modules, blamed), before


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
    if plan.from_save_point:
        # Exactly the old files were asked for, and they are there by hash: what was edited since
        # they were installed, or did not work, is so again.
        return ()
    damage = backend.records.damage(plan)
    lost = _lost(backend, before, installed)
    if damage or lost:
        return (*damage, *lost)
    modules = _modules(backend, plan, None)
    failing = backend.trial.failing(_flat(modules), report)
    blamed = {module: error for module, error in failing.items() if module not in tolerated}
    return _in_words(plan, modules, blamed)


def _modules(backend: Backend, plan: Plan, stage: Path | None) -> Modules:
    """Return the top-level modules of what changes and of what directly depends on it."""
    markers = backend.environment.interpreter.markers
    needs = changes.needs(backend.environment.distributions(), markers)
    gone = {change.id for change in plan.changes if change.after is None}
    changed = [change.id for change in plan.changes if change.id not in gone]
    around = [id for id in changes.dependents(changed, needs) if id not in gone]
    return backend.records.modules([*changed, *around], stage)


def _flat(modules: Modules) -> list[str]:
    return list(dict.fromkeys(name for names in modules.values() for name in names))


def _in_words(plan: Plan, modules: Modules, failing: Mapping[str, str]) -> tuple[str, ...]:
    """Say whose new version cannot be imported, and who no longer can with it."""
    after = {change.id: f"{change.name} {change.after}" for change in plan.changes}
    said = []
    for module, error in failing.items():
        owner = next(id for id, names in modules.items() if module in names)
        whose = after.get(owner, f"with it {owner}")
        part = "" if _as_id(module) == owner else f"'s module {module}"
        said.append(f"{whose}{part} cannot be imported ({error})")
    return tuple(said)


def _as_id(module: str) -> str:
    return module.lower().replace("_", "-")


def _lost(backend: Backend, before: changes.Installed, after: changes.Installed) -> tuple[str, ...]:
    markers = backend.environment.interpreter.markers
    old = changes.unmet(changes.needs(before, markers), changes.versions(before))
    new = changes.unmet(changes.needs(after, markers), changes.versions(after))
    return tuple(sorted(map(str, new - old)))
