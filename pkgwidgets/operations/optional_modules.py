"""New and private modules that only fail because an optional dependency is not installed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan

_MISSING = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")


def find_optional_modules(
    backend: Backend,
    plan: Plan,
    stage: Path | None,
    errors: Mapping[str, str],
    modules: Mapping[NormalizedName, tuple[str, ...]],
) -> Mapping[str, str]:
    """Return the failing modules that need an optional module, each with what it needs.

    No distribution provides the missing module, before or after the plan, and their own
    distribution does not require it. All other modules of their distribution import. The module
    that has the name of its distribution is never optional, nor what it contains.
    """
    missing = {
        module: match[1] for module, error in errors.items() if (match := _MISSING.match(error))
    }
    if not missing:
        return {}
    provided = _provided(backend, plan, stage, set(missing.values()))
    requirements = _required_names(backend, stage)
    installed = backend.records.modules(list(modules))
    optional = set[str]()
    for owner, names in modules.items():
        required = requirements.get(owner, frozenset())
        candidates = {
            name
            for name in names
            if name in missing
            and _is_new_or_private(name, owner, installed.get(owner, ()))
            and missing[name] not in provided
            and not required.intersection(_project_names(missing[name]))
        }
        others = set(names) - candidates
        if others and not others.intersection(errors):
            optional |= candidates
    return {name: f"the optional module {missing[name]}" for name in sorted(optional)}


def _is_new_or_private(module: str, owner: NormalizedName, installed: Collection[str]) -> bool:
    if any(part.startswith("_") for part in module.split(".")):
        return True
    return module not in installed and canonicalize_name(module.partition(".")[0]) != owner


def _provided(
    backend: Backend, plan: Plan, stage: Path | None, missing: Collection[str]
) -> frozenset[str]:
    before = set(backend.environment.distributions())
    uninstalled = {change.id for change in plan.changes if change.after is None}
    after = before - uninstalled | {change.id for change in plan.changes} - uninstalled
    records = backend.records
    return records.provided(missing, before) | records.provided(missing, after, stage)


def _required_names(
    backend: Backend, stage: Path | None
) -> Mapping[NormalizedName, frozenset[NormalizedName]]:
    staged = backend.records.staged(stage) if stage is not None else {}
    active = dependency_graph.active_requirements(
        {**backend.environment.distributions(), **staged}, backend.environment.interpreter.markers
    )
    return {
        owner: frozenset(canonicalize_name(requirement.name) for requirement in requirements)
        for owner, requirements in active.items()
    }


def _project_names(module: str) -> Iterator[NormalizedName]:
    """Yield the names of projects that a module is usually from: of `a.b`, `a` and `a-b`."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        yield canonicalize_name("-".join(parts[:length]))
