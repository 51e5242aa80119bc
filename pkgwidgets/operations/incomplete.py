"""Incomplete rollbacks: which packages they block, and which changes stay possible."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core.errors import EnvironmentRefused, RollbackFailed
from pkgwidgets.core.history import find_transaction
from pkgwidgets.core.plans import Change
from pkgwidgets.core.transactions import Outcome

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import Backend

BLOCKED = "its last change is not completely rolled back"
"""Why a plan for other packages holds a package back."""


def blocked_packages(
    backend: Backend, incomplete: Sequence[RollbackFailed]
) -> Mapping[NormalizedName, RollbackFailed]:
    """Return the packages that own a path of an incomplete rollback, each with the error.

    Raises an error that names no paths: it blocks every change.
    """
    blocked = dict[NormalizedName, RollbackFailed]()
    for error in incomplete:
        if not error.paths:
            raise error
        transaction = find_transaction(backend.journal.transactions(), error.transaction)
        names = {change.id for change in transaction.changes} if transaction is not None else set()
        owners = {name for name in names if _owns_any(backend, name, error.paths)}
        owners |= set(_named_by_metadata(error.paths))
        blocked |= dict.fromkeys(owners, error)
    return blocked


def incomplete_packages(backend: Backend) -> frozenset[NormalizedName]:
    """Return the packages of which an incomplete rollback left files neither old nor new."""
    found = set[NormalizedName]()
    for transaction in backend.journal.transactions():
        if transaction.outcome is Outcome.INCOMPLETE:
            names = {change.id for change in transaction.changes}
            paths = backend.journal.incomplete_paths(transaction.id)
            owners = {name for name in names if _owns_any(backend, name, paths)}
            found |= owners | ({*_named_by_metadata(paths)} & names) if paths else names
    return frozenset(found)


def raise_if_touched(paths: Collection[Path], incomplete: Iterable[RollbackFailed]) -> None:
    """Raise the error of an incomplete rollback if one of its paths is among these."""
    for error in incomplete:
        if not error.paths or _overlap(paths, error.paths):
            raise error


def _owns_any(backend: Backend, name: NormalizedName, paths: Collection[str]) -> bool:
    """Tell whether a package owns one of the paths; a package that cannot be read may."""
    distribution = backend.environment.distributions().get(name)
    if distribution is None:
        return False
    plan = backend.journal.transactions()[-1].plan
    removal = Change(id=name, name=name, before=getattr(distribution, "version", None))
    try:
        owned = backend.records.touched_paths(replace(plan, changes=(removal,)), None)
    except EnvironmentRefused:
        return True
    return removal.before is None or _overlap(owned, paths)


def _overlap(paths: Iterable[Path], others: Iterable[str]) -> bool:
    """Tell whether a path equals another, or lies in it, or the other way round."""
    known = {str(path) for path in paths}
    folders = {folder for path in known for folder in _folders_above(path)}
    return any(
        other in known or other in folders or not known.isdisjoint(_folders_above(other))
        for other in others
    )


def _folders_above(path: str) -> list[str]:
    return [str(folder) for folder in Path(path).parents]


def _named_by_metadata(paths: Iterable[str]) -> Iterable[NormalizedName]:
    for path in paths:
        for part in Path(path).parts:
            if part.endswith((".dist-info", ".egg-info")):
                yield canonicalize_name(part.rpartition(".")[0].partition("-")[0])
