"""What would be done: plans, resolved against everything that is installed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import get_args

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest, PlanImpossible
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.history import changed_since, committed, find_transaction, undoable, undone_by
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, ResolveRequest, no_report
from pkgwidgets.core.names import checked_names, checked_requirements
from pkgwidgets.core.plans import AllowPolicy, Change, HeldBack, Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.versions import checked_version

from .plan_builder import (
    attach_wheels,
    build_changes,
    build_plan,
    check_still_met,
    raise_first_error,
)
from .snapshot import EnvironmentSnapshot
from .upgrade_request import UpgradeRequest


def plan_upgrade(
    backend: Backend,
    names: str | Iterable[str] | None = None,
    *,
    version: str | None = None,
    allow: AllowPolicy = "dependencies",
    hold: Mapping[NormalizedName, str] | None = None,
    report: Report = no_report,
) -> Plan:
    """Plan to bring packages to their newest reachable releases; no names means everything.

    `allow` says what else may move, and `hold` what may not, with the reasons. A `version` needs
    exactly one name. Raises `InvalidRequest`, `PackageNotFound`, `EnvironmentRefused`,
    `PlanImpossible` or `IndexUnavailable`.
    """
    ids = None if names is None else checked_names(names)
    wanted = _checked_target(version, ids)
    _check_allow(allow)
    snapshot = EnvironmentSnapshot.of(backend)
    targets = snapshot.upgradable(ids)
    snapshot.check_changeable(targets if ids is not None else ())
    answers = backend.index.releases_of(IndexQuery(targets), report)
    if ids is not None:
        raise_first_error(answers)
    report(Event(stage=Stage.RESOLVING))
    reach: AllowPolicy = "all" if ids is None else allow

    def propose(around: EnvironmentSnapshot) -> _Proposal:
        movable = tuple(id for id in targets if id not in around.pinned)
        request = UpgradeRequest(around, movable, answers, version=wanted, allow=reach)
        return _propose_upgrade(request, report)

    requested = tuple(sorted(targets)) if ids is not None else ("everything",)
    asked = requested if wanted is None else (f"{requested[0]}=={wanted}",)
    found = _replan_around_refusals(snapshot.with_pinned(hold or {}), asked, propose)
    unmanaged = found.snapshot.unmanaged_reports(None if ids is None else snapshot)
    return build_plan(
        snapshot, requested, found.moved, held_back=(*found.held_back, *unmanaged), allow=reach
    )


def _checked_target(version: str | None, ids: Collection[NormalizedName] | None) -> Version | None:
    """Return the version to upgrade to, which needs exactly one name."""
    if version is None:
        return None
    target = checked_version(version)
    if ids is None or len(ids) != 1:
        raise InvalidRequest("version", version, "a version needs exactly one name")
    return target


@dataclass(frozen=True, slots=True)
class _Proposal:
    """What would change, before it is known whether the files of all that may be replaced."""

    snapshot: EnvironmentSnapshot
    moved: tuple[Change, ...]
    held_back: tuple[HeldBack, ...] = ()


def _replan_around_refusals(
    snapshot: EnvironmentSnapshot,
    asked: tuple[str, ...],
    propose: Callable[[EnvironmentSnapshot], _Proposal],
) -> _Proposal:
    """Plan, and again around what turns out not to be changeable, until all of it is.

    What cannot be is said of what was `asked` for, not of all that the installer was told.
    """
    refused: dict[NormalizedName, str] = {}
    while True:
        try:
            found = propose(snapshot.with_pinned(refused))
        except PlanImpossible as error:
            if not refused:
                # What may never change is no matter of `allow`.
                allowed = tuple(id for id in error.blockers if id not in snapshot.pinned)
                raise PlanImpossible(asked, error.explanation, allowed) from error
            said = (f"{id} would have to change, and cannot: {refused[id]}" for id in refused)
            raise EnvironmentRefused(snapshot.python, "; ".join(said)) from error
        old = [change.id for change in found.moved if change.before is not None]
        leaving = [change.id for change in found.moved if change.after is None]
        more = snapshot.backend.records.unchangeable_reasons(old, leaving)
        if not more:
            return found
        refused |= more


def _propose_upgrade(request: UpgradeRequest, report: Report) -> _Proposal:
    # What would unlock a blocked name is a question of its own, as slow as the plan: both at once.
    with ThreadPoolExecutor(max_workers=1) as pool:
        unlock = pool.submit(request.how_to_unblock) if request.is_blocked else None
        after = request.resolve()
        moved = build_changes(request.snapshot, after, request.targets, request.answers, report)
    held_back = request.held_back(moved, unlock.result() if unlock is not None else "")
    return _Proposal(request.snapshot, moved, held_back)


def plan_install(
    backend: Backend,
    requirements: str | Iterable[str],
    *,
    allow: AllowPolicy = "dependencies",
    report: Report = no_report,
) -> Plan:
    """Plan to install what requirements name (`polars>=1`), everything installed staying whole.

    Without changes if it is installed already. Raises as `plan_upgrade` does, and
    `ProjectNotFound`.
    """
    wanted = checked_requirements(requirements)
    _check_allow(allow)
    ids = dict.fromkeys(canonicalize_name(each.name) for each in wanted.values())
    snapshot = EnvironmentSnapshot.of(backend)
    answers = backend.index.releases_of(IndexQuery(tuple(ids)), report)
    raise_first_error(answers)
    report(Event(stage=Stage.RESOLVING))
    movable = frozenset(ids)
    if allow != "self":
        movable |= frozenset().union(*map(backend.installer.dependencies, wanted))

    def propose(around: EnvironmentSnapshot) -> _Proposal:
        keep = around.pins(() if allow == "all" else movable, free=allow == "all")
        requirements = (*around.requirements({}), *wanted)
        after = backend.installer.resolve(ResolveRequest(requirements=requirements, keep=keep))
        return _Proposal(around, build_changes(around, after, ids, answers, report))

    found = _replan_around_refusals(snapshot, tuple(wanted), propose)
    held_back = found.snapshot.unmanaged_reports(snapshot)
    return build_plan(snapshot, tuple(wanted), found.moved, held_back=held_back, allow=allow)


def plan_uninstall(backend: Backend, names: str | Iterable[str]) -> Plan:
    """Plan to remove packages; raises `StillNeeded` naming who requires them."""
    ids = checked_names(names)
    snapshot = EnvironmentSnapshot.of(backend)
    targets = snapshot.upgradable(ids)
    snapshot.check_changeable(targets, leaving=targets)
    moved = tuple(
        Change(
            id=id,
            name=snapshot.distributions[id].name,
            before=snapshot.versions[id],
            requested=True,
        )
        for id in targets
    )
    check_still_met(snapshot, moved, snapshot.active_requirements)
    return build_plan(snapshot, tuple(targets), moved)


def plan_undo(
    backend: Backend, transaction: str | None = None, *, report: Report = no_report
) -> Plan:
    """Plan to take a committed transaction back; without an id, the last one.

    From its save point, which needs no network, if that is whole and nothing later touched the
    same packages; otherwise the old versions are fetched anew. Raises `InvalidRequest` for an id
    that is no committed transaction's.
    """
    snapshot = EnvironmentSnapshot.of(backend)
    history = backend.journal.transactions()
    done = _undoable(history, transaction)
    moved = _reverse(done)
    _check_untouched(snapshot, moved, done, history)
    saved = not changed_since(done, history) and backend.save_point(done.id).is_intact()
    if not saved:
        ids = [change.id for change in moved if change.after is not None]
        moved = attach_wheels(snapshot, moved, backend.index.releases_of(IndexQuery(ids), report))
    check_still_met(snapshot, moved, _requirements_since(done, snapshot))
    snapshot.check_changeable([change.id for change in moved if change.before is not None])
    requested = tuple(change.id for change in moved if change.requested)
    return build_plan(snapshot, requested, moved, undoes=done.id, from_save_point=saved)


def _check_allow(allow: str) -> None:
    if allow not in get_args(AllowPolicy):
        raise InvalidRequest("allow", allow, f"one of {', '.join(get_args(AllowPolicy))} is wanted")


def _reverse(done: Transaction) -> tuple[Change, ...]:
    """Return the changes that take a transaction back."""
    return tuple(
        Change(
            id=c.id,
            name=c.name,
            before=c.after,
            after=c.before,
            requested=c.requested,
            requested_after=c.requested_after,
        )
        for c in done.changes
    )


def _check_untouched(
    snapshot: EnvironmentSnapshot,
    moved: Iterable[Change],
    done: Transaction,
    history: Sequence[Transaction],
) -> None:
    """Raise `InvalidRequest` if the versions that a transaction left are no longer installed."""
    expected = {c.id: c.before for c in moved if c.before is not None}
    found = {c.id: v for c in moved if (v := snapshot.versions.get(c.id)) is not None}
    wrong = dependency_graph.version_differences(expected, found)
    if wrong:
        by = undone_by(done.id, history)
        why = f"since then {'; '.join(wrong)}" if by is None else f"{by} took it back already"
        raise InvalidRequest("transaction", done.id, why)


def _requirements_since(
    done: Transaction, snapshot: EnvironmentSnapshot
) -> dependency_graph.ActiveRequirements:
    """Return what was installed after a transaction requires; older packages get what they had."""
    return {
        id: required
        for id, required in snapshot.active_requirements.items()
        if done.finished is not None and snapshot.distributions[id].installed > done.finished
    }


def _undoable(history: Sequence[Transaction], id: str | None) -> Transaction:
    if id is None:
        last = undoable(history)
        if last is None:
            raise InvalidRequest("transaction", None, "there is nothing to undo")
        return last
    done = find_transaction(committed(history), id)
    if done is not None:
        return done
    raise InvalidRequest("transaction", id, "no committed transaction has this id")
