"""Whether a transaction can be undone exactly, and why not: the one place that decides it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest, PkgwidgetsError
from pkgwidgets.core.history import changed_since, in_force, undo_candidates, undone_by
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Change
from pkgwidgets.core.text import join_names
from pkgwidgets.core.transactions import Transaction

from . import project_changes

_LIBRARY = re.compile(r"lib/python(\d+\.\d+)/")
"""The folder of packages of one minor version of Python."""


def reversed_changes(transaction: Transaction) -> tuple[Change, ...]:
    """Return the changes that undo a transaction."""
    return tuple(
        Change(
            id=change.id,
            name=change.name,
            before=change.after,
            after=change.before,
            requested=change.requested,
            requested_after=change.requested_after,
        )
        for change in transaction.changes
    )


def uses_save_point(
    backend: Backend, transaction: Transaction, history: Sequence[Transaction]
) -> bool:
    """Tell whether an undo restores the save point; else the old versions are fetched again."""
    is_last = not changed_since(transaction, history)
    return is_last and backend.save_point(transaction.id).is_kept()


def refusal_reasons(
    backend: Backend,
    transaction: Transaction,
    history: Sequence[Transaction],
    *,
    thorough: bool = True,
) -> tuple[str, ...]:
    """Return why a transaction can no longer be undone exactly, one clause each; () if it can.

    Without `thorough`, the content of files is read only where their times differ. Raises
    `EnvironmentRefused` for distributions whose files are unknown or hostile.
    """
    save_point = backend.save_point(transaction.id)
    is_exact = uses_save_point(backend, transaction, history)
    damage = save_point.damage(thorough=thorough) if is_exact else ()
    saved = save_point.paths() if is_exact and not damage else frozenset[Path]()
    installed = backend.environment.distributions()
    other = _other_python(backend, saved) or _other_versions(transaction, installed)
    if other:
        return other
    if damage:
        return ("its save point is damaged: " + join_names(damage),)
    edited = project_changes.edited_since(backend, transaction)
    if not is_exact:
        return edited
    plan = replace(transaction.plan, changes=reversed_changes(transaction))
    changed = save_point.changed()
    reasons = (*backend.records.changes_since(plan, saved, changed), *edited)
    try:
        backend.records.raise_if_owned(plan, save_point.differing() if thorough else changed)
    except EnvironmentRefused as error:
        reasons += (error.reason[:1].lower() + error.reason[1:],)
    return reasons


def refusal(
    transaction: Transaction, reasons: Sequence[str], history: Sequence[Transaction]
) -> InvalidRequest:
    """Return the error of a transaction that can no longer be undone, with its old releases."""
    by = undone_by(transaction.id, history)
    if by is not None:
        return InvalidRequest("transaction", transaction.id, f"{by} undid it already")
    old = tuple(f"{c.id}=={c.before}" for c in transaction.changes if c.before is not None)
    new = tuple(str(change.id) for change in transaction.changes if change.after is not None)
    why = f"it can no longer be undone, because {join_names(reasons)}"
    return InvalidRequest("transaction", transaction.id, why, old, () if old else new)


def list_refusals(backend: Backend, history: Sequence[Transaction]) -> Mapping[str, str]:
    """Return why transactions that the history lets undo cannot be, by their ids; quickly.

    The content of saved files is not read; the plan of an undo reads it.
    """
    refusals = {}
    for transaction in undo_candidates(history):
        try:
            reasons = refusal_reasons(backend, transaction, history, thorough=False)
        except PkgwidgetsError as error:
            reasons = (error.clause(),)
        if reasons:
            refusals[transaction.id] = join_names(reasons)
    return refusals


def later_changes(backend: Backend, changes: Iterable[Change]) -> Iterator[str]:
    """Yield what other programs changed in the releases that changes replace, one clause each.

    Known are the releases that recent transactions installed.
    """
    replaced = {change.id: change.before for change in changes if change.before is not None}
    for transaction in reversed(in_force(backend.journal.transactions()) if replaced else []):
        installed = {c.id for c in transaction.changes if replaced.pop(c.id, None) == c.after}
        save_point = backend.save_point(transaction.id)
        if not installed or not save_point.is_kept() or save_point.damage(thorough=False):
            continue
        mine = [change for change in reversed_changes(transaction) if change.id in installed]
        plan = replace(transaction.plan, changes=tuple(mine))
        yield from backend.records.changes_since(plan, save_point.paths(), save_point.changed())


def _other_python(backend: Backend, saved: Collection[Path]) -> tuple[str, ...]:
    """Return that the environment has another minor version of Python now, if it has."""
    interpreter = backend.environment.interpreter
    now = ".".join(interpreter.version.split(".")[:2])
    prefix = f"{interpreter.prefix}/"
    found = (_LIBRARY.match(str(path).removeprefix(prefix)) for path in saved)
    versions = {match[1] for match in found if match is not None} - {now}
    return tuple(f"the environment had Python {version}, and has {now} now" for version in versions)


def _other_versions(
    transaction: Transaction, installed: dependency_graph.Installed
) -> tuple[str, ...]:
    """Return which versions that a transaction left are no longer installed."""
    versions = dependency_graph.installed_versions(installed)
    expected = {c.id: c.after for c in transaction.changes if c.after is not None}
    present = {c.id: v for c in transaction.changes if (v := versions.get(c.id)) is not None}
    return dependency_graph.version_differences(expected, present)
