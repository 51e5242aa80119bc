"""One plan for all environments: each plans the request, and all take the same versions.

Every environment resolves against what it has. Where the answers differ, the lowest chosen version
counts. The others plan it again, as an exact version and without other changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core.errors import PackageNotFound, PkgwidgetsError
from pkgwidgets.core.plans import Plan

from .cluster_kinds import DASK, ClusterKind
from .errors import ClusterRefused, EnvironmentUnreachable
from .values import ClusterPlan

_MAX_ROUNDS = 4

AskForPlan = Callable[[str, str, Mapping[str, Any]], Awaitable[Plan]]
"""Asks an environment for a plan: its id, the kind of the request, the arguments."""
Installed = Mapping[str, Mapping[str, str]]
"""The versions that each environment has, by its id and the normalized name."""


async def plan_together(
    ask: AskForPlan,
    installed: Installed,
    kind: str,
    arguments: Mapping[str, Mapping[str, Any]],
    requested: tuple[str, ...],
    cluster: ClusterKind = DASK,
) -> ClusterPlan:
    """Return a plan in which every environment ends with the same version of what changes.

    `arguments` are those of the environments that are asked at first. Raises `ClusterRefused`,
    which names the environment and what blocks it.
    """
    plans = await _ask_all(ask, kind, arguments)
    rounds = 1
    while pins := _missing_pins(plans, installed):
        if rounds == _MAX_ROUNDS:
            environment, texts = min(pins.items())
            raise ClusterRefused(environment, f"it cannot take {', '.join(texts)} as the others do")
        exact = {key: {"requirements": texts, "allow": "self"} for key, texts in pins.items()}
        plans = {**plans, **await _ask_all(ask, "install", exact)}
        rounds += 1
    for environment, plan in plans.items():
        _check_not_live(environment, plan, cluster)
    _check_same_files(plans)
    return ClusterPlan(requested=requested, plans=tuple(sorted(plans.items())))


def with_packages(installed: Installed, names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return which of these packages each environment has; raise `PackageNotFound` for the rest."""
    normalized = {canonicalize_name(name): name for name in names}
    for name, text in normalized.items():
        if not any(name in packages for packages in installed.values()):
            raise PackageNotFound(text)
    found = {
        environment: tuple(name for name in normalized if name in packages)
        for environment, packages in installed.items()
    }
    return {environment: own for environment, own in found.items() if own}


async def _ask_all(
    ask: AskForPlan, kind: str, arguments: Mapping[str, Mapping[str, Any]]
) -> dict[str, Plan]:
    answers = await asyncio.gather(
        *(ask(environment, kind, own) for environment, own in arguments.items()),
        return_exceptions=True,
    )
    plans = {}
    for environment, answer in sorted(zip(arguments, answers, strict=True)):
        if isinstance(answer, EnvironmentUnreachable):
            raise answer
        if isinstance(answer, PkgwidgetsError):
            raise ClusterRefused(environment, answer.sentence()) from answer
        if isinstance(answer, BaseException):
            raise answer
        plans[environment] = answer
    return plans


def _missing_pins(plans: Mapping[str, Plan], installed: Installed) -> dict[str, tuple[str, ...]]:
    """Return the exact versions that environments would not end with, and all their other ones."""
    targets: dict[str, Version] = {}
    for plan in plans.values():
        for change in plan.changes:
            if change.after is not None:
                lowest = min(targets.get(change.id, change.after), change.after)
                targets[change.id] = lowest
    pins = {}
    for environment, packages in installed.items():
        changes = plans[environment].changes if environment in plans else ()
        after = {name: Version(text) for name, text in packages.items() if name in targets}
        for change in changes:
            if change.after is None:
                after.pop(change.id, None)
            else:
                after[change.id] = change.after
        if any(version != targets[name] for name, version in after.items()):
            pins[environment] = tuple(f"{name}=={targets[name]}" for name in sorted(after))
    return pins


def _check_not_live(environment: str, plan: Plan, cluster: ClusterKind) -> None:
    for change in plan.changes:
        if change.id in cluster.packages:
            raise ClusterRefused(environment, f"{change} is not possible: {cluster.live}")


def _check_same_files(plans: Mapping[str, Plan]) -> None:
    """Raise `ClusterRefused` if a file has other hashes in another environment's index."""
    seen: dict[str, str] = {}
    for environment, wheel, sha256 in _files(plans):
        if seen.setdefault(wheel, sha256) != sha256:
            reason = f"its index has another file of the name {wheel} than another environment's"
            raise ClusterRefused(environment, reason)


def _files(plans: Mapping[str, Plan]) -> Iterator[tuple[str, str, str]]:
    for environment, plan in sorted(plans.items()):
        for change in plan.changes:
            if change.wheel and change.sha256:
                yield environment, change.wheel, change.sha256
