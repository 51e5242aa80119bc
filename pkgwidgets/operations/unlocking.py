"""Find the upgrades that free other packages, by planning them."""

from __future__ import annotations

from contextlib import suppress

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.unlocking import Unlock, sole_blockers

from . import inventory, planning
from .package_rows import PackageRowBuilder

MAX_UNLOCKS = 3
"""Upgrades that are looked at: each is a plan, which takes a second."""


def find_unlocks(
    backend: Backend, *, limit: int = MAX_UNLOCKS, report: Report = no_report
) -> tuple[Unlock, ...]:
    """Return the upgrades that free other packages, the ones that free most first.

    Only what a plan confirms is returned: the package that blocks and those that it blocks,
    upgraded together, go beyond what is compatible now. Changes nothing.
    """
    rows = {info.id: info for info in inventory.check_for_updates(backend, report=report)}
    found = []
    for owner, names in _candidates(backend, rows)[:limit]:
        # A plan that fails frees nothing: there is another reason, which the plan would tell.
        with suppress(PkgwidgetsError):
            unlock = _confirm(backend, rows, owner, names, report)
            if unlock is not None:
                found.append(unlock)
    return tuple(sorted(found, key=lambda unlock: -len(unlock.frees)))


def _candidates(
    backend: Backend, rows: dict[NormalizedName, PackageInfo]
) -> list[tuple[NormalizedName, tuple[NormalizedName, ...]]]:
    """Return the packages with an update that alone block others, with these."""
    owners = PackageRowBuilder.of(backend, backend.environment.distributions()).owners
    blocked_by = {
        name: dependency_graph.conflicting(
            name, Version(info.latest_version), owners.get(name, {})
        ).keys()
        for name, info in rows.items()
        if info.latest_version is not None and info.update_available
    }
    return [
        (owner, names)
        for owner, names in sole_blockers(blocked_by)
        if owner in rows and rows[owner].update_available
    ]


def _confirm(
    backend: Backend,
    rows: dict[NormalizedName, PackageInfo],
    owner: NormalizedName,
    names: tuple[NormalizedName, ...],
    report: Report,
) -> Unlock | None:
    plan = planning.plan_upgrade(backend, [owner, *names], report=report)
    after = {change.id: change.after for change in plan.changes}
    version = after.get(owner)
    freed = [
        rows[name].name
        for name in names
        if (new := after.get(name)) is not None
        and new > Version(rows[name].compatible_version or rows[name].version)
    ]
    if version is None or not freed:
        return None
    return Unlock(name=rows[owner].name, version=str(version), frees=tuple(freed))
