"""Make plans, resolved against everything that is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import (
    EVERYTHING,
    IndexUnavailable,
    InvalidRequest,
    PkgwidgetsError,
    PlanImpossible,
)
from pkgwidgets.core.history import committed, find_transaction, undoable
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.names import checked_names, checked_requirements
from pkgwidgets.core.plan_arguments import checked_allow, checked_step, checked_target
from pkgwidgets.core.plans import PART_OF_ALL, AllowPolicy, Change, Plan, StepLimit
from pkgwidgets.core.text import shorten_names
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.core.version_steps import exceeds
from pkgwidgets.core.versions import version_step

from . import holds, suggestions, undo
from .breakages import failed_upgrades
from .held_back import HeldBackReport
from .plan_builder import (
    attach_wheels,
    build_changes,
    build_plan,
    check_still_met,
    raise_first_error,
    raise_if_all_failed,
)
from .proposals import Proposal, replan_around_refusals, report_resolving
from .release_ages import ReleaseAges
from .release_notes import release_notes
from .requested_releases import check_requested, installed_notes
from .resolutions import Resolutions
from .snapshot import EnvironmentSnapshot
from .upgrade_resolver import UpgradeResolver
from .upgrade_targets import UpgradeTargets


def plan_upgrade(
    backend: Backend,
    names: str | Iterable[str] | None = None,
    *,
    version: str | None = None,
    allow: AllowPolicy = "dependencies",
    step: StepLimit | None = None,
    hold: Mapping[NormalizedName, str] | None = None,
    exempt: Mapping[str, str] | None = None,
    report: Report = no_report,
) -> Plan:
    """Plan to upgrade packages to their newest compatible releases; without names, all of them.

    `allow` says which other packages may change. `hold` maps packages that must not change to
    the reasons. Upgrades that failed a check of such a plan are left out of one for everything.
    `exempt` maps releases (`pea==1.2`) that may be younger than the minimum age to the reasons.
    No upgrade exceeds `step`; what other packages must do for one is not limited, and is noted.
    A `version` needs exactly one name, and no `step`. Raises `InvalidRequest`, `PackageNotFound`,
    `EnvironmentRefused`, `PlanImpossible` or `IndexUnavailable`.
    """
    project_names = None if names is None else checked_names(names)
    target_version = checked_target(version, project_names, checked_step(step))
    checked_allow(allow)
    snapshot = EnvironmentSnapshot.of(backend)
    targets = snapshot.upgradable(project_names)
    snapshot.check_changeable(targets if project_names is not None else ())
    answers = backend.index.releases_of(IndexQuery(targets), report)
    raise_if_all_failed(answers, PkgwidgetsError if project_names is not None else IndexUnavailable)
    ages = ReleaseAges.of(backend, exempt)
    snapshot = snapshot.with_limits(ages.limits(answers, snapshot.versions))
    if target_version is not None:
        check_requested(snapshot, [Requirement(f"{targets[0]}=={target_version}")], answers)
    report_resolving(backend, report)
    effective_allow: AllowPolicy = "all" if project_names is None else allow
    # What was requested by name is worth a pre-release that no setting allows.
    resolutions = Resolutions(backend, avoids_prereleases=project_names is None, ages=ages)

    def propose(pinned_snapshot: EnvironmentSnapshot) -> Proposal:
        movable = tuple(name for name in targets if name not in pinned_snapshot.pinned)
        upgrades = UpgradeTargets(pinned_snapshot, movable, answers, target_version, step)
        resolver = UpgradeResolver(upgrades, resolutions, allow=effective_allow)
        proposal, failure = _propose_upgrade(resolver, report)
        if failure is not None and project_names is not None:
            raise failure
        return proposal

    requested = tuple(sorted(targets)) if project_names is not None else (EVERYTHING,)
    requested_texts = (
        requested if target_version is None else (f"{requested[0]}=={target_version}",)
    )
    failed = failed_upgrades(snapshot, answers, step) if project_names is None else {}
    proposal = replan_around_refusals(
        snapshot.with_pinned({**failed, **(hold or {})}),
        requested_texts,
        answers,
        resolutions,
        propose,
    )
    unmanaged = proposal.snapshot.unmanaged_reports(None if project_names is None else snapshot)
    left_out = resolutions.left_out_reports(snapshot, targets)
    changes = proposal.changes
    if project_names is None:
        changes = tuple(
            replace(c, reason=_reason_in_all(c, snapshot)) if c.requested else c for c in changes
        )
    return build_plan(
        snapshot,
        requested,
        changes,
        held_back=(*proposal.held_back, *unmanaged, *left_out),
        allow=effective_allow,
        notes=(
            *_bigger_steps(changes, step),
            *ages.notes(changes, answers),
            *release_notes(backend, changes, answers),
        ),
    )


def _reason_in_all(change: Change, snapshot: EnvironmentSnapshot) -> str:
    """Return the reason of a change in a plan for everything, and what else must change for it."""
    if change.after is None:
        return PART_OF_ALL
    blockers = dependency_graph.blockers(change.id, change.after, snapshot.active_requirements)
    names = [snapshot.distributions[name].name for name in blockers]
    return f"{PART_OF_ALL}, with {shorten_names(names)}" if names else PART_OF_ALL


def _bigger_steps(changes: Sequence[Change], step: StepLimit | None) -> tuple[str, ...]:
    """Name the changes that exceed a step because an upgrade needs them."""
    return tuple(
        f"{change} is a {version_step(change.before, change.after)} step, {change.reason}"
        for change in changes
        if change.before is not None and change.after is not None
        if change.after > change.before and exceeds(change.before, change.after, step)
    )


def _propose_upgrade(
    resolver: UpgradeResolver, report: Report
) -> tuple[Proposal, PkgwidgetsError | None]:
    """Return the changes and what they hold back; and the error if nothing could be planned."""
    targets = resolver.targets
    # How to unblock a package needs a second resolution, as slow as the plan: run both at once.
    with ThreadPoolExecutor(max_workers=1) as pool:
        how_to_unblock = pool.submit(resolver.how_to_unblock) if resolver.is_blocked else None
        after = resolver.resolve()
        changes = build_changes(targets.snapshot, after, targets.names, targets.answers, report)
    advice = how_to_unblock.result() if how_to_unblock is not None else ""
    held_back = HeldBackReport(resolver, changes)
    proposal = Proposal(targets.snapshot, changes, held_back.entries(advice))
    return proposal, held_back.first_failure()


def plan_install(
    backend: Backend,
    requirements: str | Iterable[str],
    *,
    allow: AllowPolicy = "dependencies",
    exempt: Mapping[str, str] | None = None,
    report: Report = no_report,
) -> Plan:
    """Plan to install requirements (`polars>=1`) without breaking what is installed.

    `exempt` is that of `plan_upgrade`. The plan has no changes if all are installed already.
    Raises the errors of `plan_upgrade`, and `ProjectNotFound`.
    """
    parsed = checked_requirements(requirements)
    checked_allow(allow)
    names = dict.fromkeys(canonicalize_name(requirement.name) for requirement in parsed.values())
    snapshot = EnvironmentSnapshot.of(backend)
    answers = backend.index.releases_of(IndexQuery(tuple(names)), report)
    suggestions.add_near_names(backend, answers)
    raise_first_error(answers)
    check_requested(snapshot, parsed.values(), answers)
    ages = ReleaseAges.of(backend, exempt)
    snapshot = snapshot.with_limits(ages.limits(answers, snapshot.versions))
    report_resolving(backend, report)
    movable = frozenset(names)
    resolutions = Resolutions(backend, movable, ages=ages)
    if allow != "self":
        for text, requirement in parsed.items():
            movable |= _dependencies(snapshot, resolutions, text, requirement)

    def propose(pinned_snapshot: EnvironmentSnapshot) -> Proposal:
        free = allow == "all"
        after = resolutions.resolve(
            pinned_snapshot,
            configured=pinned_snapshot.kept_limits(names),
            added=tuple(parsed),
            keep=pinned_snapshot.pins(movable, free=free),
            prefer=pinned_snapshot.preferred(movable, free=free),
        )
        return Proposal(
            pinned_snapshot, build_changes(pinned_snapshot, after, names, answers, report)
        )

    proposal = replan_around_refusals(snapshot, tuple(parsed), answers, resolutions, propose)
    return build_plan(
        snapshot,
        tuple(parsed),
        proposal.changes,
        held_back=(
            *proposal.snapshot.unmanaged_reports(snapshot),
            *resolutions.left_out_reports(snapshot),
        ),
        allow=allow,
        notes=(
            *ages.notes(proposal.changes, answers),
            *release_notes(backend, proposal.changes, answers),
        )
        if proposal.changes
        else installed_notes(snapshot, names),
    )


def _dependencies(
    snapshot: EnvironmentSnapshot, resolutions: Resolutions, text: str, requirement: Requirement
) -> frozenset[NormalizedName]:
    """Return the dependencies of a requirement, of the installed release if that meets it."""
    name = canonicalize_name(requirement.name)
    is_met = dependency_graph.satisfies(requirement, snapshot.versions.get(name))
    if is_met and not requirement.extras:
        return dependency_graph.dependencies([name], snapshot.active_requirements)
    try:
        return resolutions.dependencies(snapshot, text, snapshot.kept_limits([name]))
    except PlanImpossible:
        if not is_met:
            raise
        # The index has no suitable release any more, but the installed one may do.
        return dependency_graph.dependencies([name], snapshot.active_requirements)


def plan_uninstall(backend: Backend, names: str | Iterable[str]) -> Plan:
    """Plan to uninstall packages.

    Raises `StillNeeded`, which names the packages that require them.
    """
    project_names = checked_names(names)
    snapshot = EnvironmentSnapshot.of(backend)
    targets = snapshot.upgradable(project_names)
    snapshot.check_changeable(targets, leaving=targets)
    changes = tuple(
        Change(
            id=name,
            name=snapshot.distributions[name].name,
            before=snapshot.versions[name],
            requested=True,
        )
        for name in targets
    )
    check_still_met(snapshot, changes, snapshot.active_requirements)
    return build_plan(snapshot, tuple(targets), changes)


def plan_undo(
    backend: Backend, transaction: str | None = None, *, report: Report = no_report
) -> Plan:
    """Plan to undo a committed transaction; without an id, the last one.

    The plan restores the save point, which needs no network. If it is no longer kept, or a later
    transaction changed the same packages, the old versions are fetched again. Raises
    `InvalidRequest` if no committed transaction has this id. Also with the reason if it cannot be
    undone exactly: another build, an edited file, another Python, a damaged save point.
    """
    snapshot = EnvironmentSnapshot.of(backend)
    history = backend.journal.transactions()
    undone = _get_undoable(history, transaction)
    if undone.holds:
        return holds.plan_undo(backend, undone, history)
    reasons = undo.refusal_reasons(backend, undone, history)
    if reasons:
        raise undo.refusal(undone, reasons, history)
    changes = undo.reversed_changes(undone)
    from_save_point = undo.uses_save_point(backend, undone, history)
    if not from_save_point:
        names = [change.id for change in changes if change.after is not None]
        changes = attach_wheels(
            snapshot, changes, backend.index.releases_of(IndexQuery(names), report)
        )
    check_still_met(snapshot, changes, _requirements_since(undone, snapshot))
    snapshot.check_changeable([change.id for change in changes if change.before is not None])
    requested = tuple(change.id for change in changes if change.requested)
    return build_plan(
        snapshot,
        requested,
        changes,
        undoes=undone.id,
        from_save_point=from_save_point,
        project=None if undone.plan.project is None else undone.plan.project.reversed(),
    )


def _requirements_since(
    transaction: Transaction, snapshot: EnvironmentSnapshot
) -> dependency_graph.ActiveRequirements:
    """Return the requirements of the distributions that were installed after a transaction.

    The undo gives older distributions the versions that they had before.
    """
    return {
        name: required
        for name, required in snapshot.active_requirements.items()
        if transaction.finished is not None
        and (distribution := snapshot.distributions.get(name)) is not None
        and distribution.installed > transaction.finished
    }


def _get_undoable(history: Sequence[Transaction], transaction_id: str | None) -> Transaction:
    if transaction_id is None:
        last = undoable(history)
        if last is None:
            raise InvalidRequest("transaction", None, "there is nothing to undo")
        return last
    transaction = find_transaction(committed(history), transaction_id)
    if transaction is not None:
        return transaction
    other = find_transaction(history, transaction_id)
    if other is not None and other.outcome is Outcome.OTHER_VERSION:
        reason = "another version of pkgwidgets made it, so only that version can undo it"
        raise InvalidRequest("transaction", transaction_id, reason)
    if other is not None and other.outcome is Outcome.COMMITTED and other.error:
        raise InvalidRequest("transaction", transaction_id, other.error)
    if not transaction_id:  # the answer to a request that changed nothing
        raise InvalidRequest("transaction", None, "this transaction changed nothing")
    raise InvalidRequest("transaction", transaction_id, "no committed transaction has this id")
