"""What would be done: plans, resolved against everything that is installed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest, PlanImpossible, StillNeeded
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.history import changed_since, committed, undoable, undone_by
from pkgwidgets.core.interfaces import Backend, Report, ResolveRequest, no_report
from pkgwidgets.core.names import checked_names, checked_requirements
from pkgwidgets.core.plans import AllowPolicy, Change, HeldBack, Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.versions import checked_version

from .plan_builder import attach_wheels, build_changes, equivalent_commands, raise_first_error
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
    wanted = None if version is None else checked_version(version)
    if wanted is not None and (ids is None or len(ids) != 1):
        raise InvalidRequest("version", version, "a version needs exactly one name")
    _check_allow(allow)
    situation = EnvironmentSnapshot.of(backend)
    targets = situation.upgradable(ids)
    situation.check_changeable(targets if ids is not None else ())
    answers = backend.index.releases_of(targets, report)
    if ids is not None:
        raise_first_error(answers)
    report(Event(stage=Stage.RESOLVING))

    def draft(around: EnvironmentSnapshot) -> _Proposal:
        movable = tuple(id for id in targets if id not in around.pinned)
        reach = "all" if ids is None else allow
        return _propose_upgrade(
            UpgradeRequest(around, movable, answers, version=wanted, allow=reach), report
        )

    requested = tuple(sorted(targets)) if ids is not None else ("everything",)
    asked = requested if wanted is None else (f"{requested[0]}=={wanted}",)
    found = _replan_around_refusals(situation.with_pinned(hold or {}), asked, draft)
    return Plan(
        requested=requested,
        changes=found.moved,
        held_back=(
            *found.held_back,
            *found.situation.unmanaged_reports(None if ids is None else situation),
        ),
        environment_fingerprint=situation.fingerprint(found.moved),
        python=situation.python,
        created=datetime.now(UTC),
        allow="all" if ids is None else allow,
        commands=equivalent_commands(situation, found.moved),
    )


@dataclass(frozen=True, slots=True)
class _Proposal:
    """What would change, before it is known whether the files of all that may be replaced."""

    situation: EnvironmentSnapshot
    moved: tuple[Change, ...]
    held_back: tuple[HeldBack, ...] = ()


def _replan_around_refusals(
    situation: EnvironmentSnapshot,
    asked: tuple[str, ...],
    draft: Callable[[EnvironmentSnapshot], _Proposal],
) -> _Proposal:
    """Plan, and again around what turns out not to be changeable, until all of it is.

    What cannot be is said of what was `asked` for, not of all that the installer was told.
    """
    refused: dict[NormalizedName, str] = {}
    while True:
        try:
            found = draft(situation.with_pinned(refused))
        except PlanImpossible as error:
            if not refused:
                # What may never change is no matter of `allow`.
                allowed = tuple(id for id in error.blockers if id not in situation.pinned)
                raise PlanImpossible(asked, error.explanation, allowed) from error
            said = (f"{id} would have to change, and cannot: {refused[id]}" for id in refused)
            raise EnvironmentRefused(situation.python, "; ".join(said)) from error
        old = [change.id for change in found.moved if change.before is not None]
        leaving = [change.id for change in found.moved if change.after is None]
        more = situation.backend.records.unchangeable_reasons(old, leaving)
        if not more:
            return found
        refused |= more


def _propose_upgrade(wish: UpgradeRequest, report: Report) -> _Proposal:
    # What would unlock a blocked name is a question of its own, as slow as the plan: both at once.
    with ThreadPoolExecutor(max_workers=1) as pool:
        unlock = pool.submit(wish.how_to_unblock) if wish.is_blocked else None
        after = wish.resolve()
        moved = build_changes(wish.situation, after, wish.targets, wish.answers, report)
    held_back = wish.held_back(moved, unlock.result() if unlock is not None else "")
    return _Proposal(wish.situation, moved, held_back)


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
    situation = EnvironmentSnapshot.of(backend)
    answers = backend.index.releases_of(tuple(ids), report)
    raise_first_error(answers)
    report(Event(stage=Stage.RESOLVING))
    movable = frozenset(ids)
    if allow != "self":
        movable |= frozenset().union(*map(backend.installer.dependencies, wanted))

    def draft(around: EnvironmentSnapshot) -> _Proposal:
        keep = around.pins(() if allow == "all" else movable, free=allow == "all")
        requirements = (*around.requirements({}), *wanted)
        after = backend.installer.resolve(ResolveRequest(requirements=requirements, keep=keep))
        return _Proposal(around, build_changes(around, after, ids, answers, report))

    found = _replan_around_refusals(situation, tuple(wanted), draft)
    return Plan(
        requested=tuple(wanted),
        changes=found.moved,
        held_back=found.situation.unmanaged_reports(situation),
        environment_fingerprint=situation.fingerprint(found.moved),
        python=situation.python,
        created=datetime.now(UTC),
        allow=allow,
        commands=equivalent_commands(situation, found.moved),
    )


def plan_uninstall(backend: Backend, names: str | Iterable[str]) -> Plan:
    """Plan to remove packages; raises `StillNeeded` naming who requires them."""
    ids = checked_names(names)
    situation = EnvironmentSnapshot.of(backend)
    targets = situation.upgradable(ids)
    situation.check_changeable(targets, leaving=targets)
    moved = tuple(
        Change(
            id=id,
            name=situation.distributions[id].name,
            before=situation.versions[id],
            requested=True,
        )
        for id in targets
    )
    left = {
        id: required for id, required in situation.active_requirements.items() if id not in targets
    }
    broken = dependency_graph.unmet(
        left, dependency_graph.versions_after(situation.versions, moved)
    ) - dependency_graph.unmet(left, situation.versions)
    if broken:
        raise StillNeeded(tuple(targets), tuple(sorted({problem.id for problem in broken})))
    return Plan(
        requested=tuple(targets),
        changes=moved,
        environment_fingerprint=situation.fingerprint(moved),
        python=situation.python,
        created=datetime.now(UTC),
        commands=equivalent_commands(situation, moved),
    )


def plan_undo(
    backend: Backend, transaction: str | None = None, *, report: Report = no_report
) -> Plan:
    """Plan to take a committed transaction back; without an id, the last one.

    From its save point, which needs no network, if that is whole and nothing later touched the
    same packages; otherwise the old versions are fetched anew. Raises `InvalidRequest` for an id
    that is no committed transaction's.
    """
    situation = EnvironmentSnapshot.of(backend)
    history = backend.journal.transactions()
    done = _undoable(history, transaction)
    moved = tuple(
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
    wrong = dependency_graph.version_differences(
        {c.id: c.before for c in moved if c.before is not None},
        {c.id: v for c in moved if (v := situation.versions.get(c.id)) is not None},
    )
    if wrong:
        by = undone_by(done.id, history)
        why = f"since then {'; '.join(wrong)}" if by is None else f"{by} took it back already"
        raise InvalidRequest("transaction", done.id, why)
    saved = not changed_since(done, history) and backend.save_point(done.id).is_intact()
    if not saved:
        ids = [change.id for change in moved if change.after is not None]
        moved = attach_wheels(situation, moved, backend.index.releases_of(ids, report))
    _check_later_packages(situation, moved, done)
    situation.check_changeable([change.id for change in moved if change.before is not None])
    return Plan(
        requested=tuple(change.id for change in moved if change.requested),
        changes=moved,
        environment_fingerprint=situation.fingerprint(moved),
        python=situation.python,
        created=datetime.now(UTC),
        undoes=done.id,
        from_save_point=saved,
        commands=equivalent_commands(situation, moved),
    )


def _check_allow(allow: str) -> None:
    if allow not in get_args(AllowPolicy):
        raise InvalidRequest("allow", allow, f"one of {', '.join(get_args(AllowPolicy))} is wanted")


def _check_later_packages(
    situation: EnvironmentSnapshot, moved: Sequence[Change], done: Transaction
) -> None:
    """Refuse to take from later installations what they need; older ones get what they had."""
    ids = {change.id for change in moved}
    later = {
        id: needs
        for id, needs in situation.active_requirements.items()
        if id not in ids
        and done.finished is not None
        and situation.distributions[id].installed > done.finished
    }
    after = dependency_graph.versions_after(situation.versions, moved)
    missed = dependency_graph.unmet(later, after) - situation.unmet
    if missed:
        raise StillNeeded(tuple(sorted(ids)), tuple(sorted({each.id for each in missed})))


def _undoable(history: Sequence[Transaction], id: str | None) -> Transaction:
    if id is None:
        last = undoable(history)
        if last is None:
            raise InvalidRequest("transaction", None, "there is nothing to undo")
        return last
    for done in committed(history):
        if done.id == id:
            return done
    raise InvalidRequest("transaction", id, "no committed transaction has this id")
