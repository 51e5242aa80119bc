"""Plan the smallest steps out of known vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.audit import Audit, AuditRow
from pkgwidgets.core.errors import (
    IndexUnavailable,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.names import checked_names
from pkgwidgets.core.plans import HeldBack, Plan
from pkgwidgets.core.workable import workable_items

from .plan_builder import build_changes, build_plan
from .proposals import Proposal, replan_around_refusals, report_resolving
from .release_ages import ReleaseAges
from .release_notes import release_notes
from .resolutions import Resolution, Resolutions
from .snapshot import EnvironmentSnapshot
from .upgrade_resolver import held_back_reason

_MAX_ATTEMPTS = 12
_UNRESOLVED = (PlanImpossible, IndexUnavailable, ResolutionFailed)


def plan_fix(
    backend: Backend,
    audit: Audit,
    names: str | Iterable[str] | None = None,
    *,
    report: Report = no_report,
) -> Plan:
    """Plan to bring each package with a finding to its smallest safe version, and no further.

    Other packages change only where a step needs it. What has no safe version, or cannot be
    resolved with the others, is held back with its advisory. Raises the errors of `plan_upgrade`;
    `PackageNotFound` for a name that is not installed.
    """
    wanted = None if names is None else set(checked_names(names))
    snapshot = EnvironmentSnapshot.of(backend)
    for name in sorted(wanted or ()):
        if name not in snapshot.installed:
            raise PackageNotFound(name)
    findings = _by_package(row for row in audit.findings if wanted is None or row.id in wanted)
    steps = {
        name: row.safe_version
        for name, (row, *_) in findings.items()
        if row.safe_version is not None and name not in snapshot.pinned
    }
    answers = backend.index.releases_of(IndexQuery(tuple(steps)), report) if steps else {}
    report_resolving(backend, report)
    ids = {name: ", ".join(r.advisory or "" for r in rows) for name, rows in findings.items()}
    # A fix may be younger than the minimum age.
    exempt = {f"{name}=={version}": f"it fixes {ids[name]}" for name, version in steps.items()}
    ages = ReleaseAges.of(backend, exempt)
    resolutions = Resolutions(backend, avoids_prereleases=True, ages=ages)

    def propose(pinned: EnvironmentSnapshot) -> Proposal:
        movable = {name: step for name, step in steps.items() if name not in pinned.pinned}
        after, failures = _resolve_most(pinned, resolutions, movable)
        changes = build_changes(pinned, after, tuple(movable), answers, report)
        reasons = {name: held_back_reason(error) for name, error in failures.items()}
        return Proposal(pinned, changes, tuple(_held_back(pinned, findings, steps, reasons)))

    texts = tuple(f"{name}=={version}" for name, version in steps.items())
    proposal = replan_around_refusals(snapshot, texts, answers, resolutions, propose)
    changes = tuple(
        replace(c, reason=f"fixes {ids[c.id]}") if c.id in steps else c for c in proposal.changes
    )
    return build_plan(
        snapshot,
        tuple(sorted(steps)),
        changes,
        held_back=(*proposal.held_back, *resolutions.left_out_reports(snapshot, tuple(steps))),
        allow="dependencies",
        notes=(*ages.notes(changes, answers), *release_notes(backend, changes, answers)),
    )


def _by_package(rows: Iterable[AuditRow]) -> dict[NormalizedName, list[AuditRow]]:
    found: dict[NormalizedName, list[AuditRow]] = {}
    for row in rows:
        found.setdefault(row.id, []).append(row)
    return found


def _resolve_most(
    snapshot: EnvironmentSnapshot,
    resolutions: Resolutions,
    steps: Mapping[NormalizedName, Version],
) -> tuple[Resolution, dict[NormalizedName, PkgwidgetsError]]:
    """Resolve as many steps as possible together; return what cannot be, with the errors."""
    resolution: Resolution = {}

    def attempt(names: tuple[NormalizedName, ...]) -> PkgwidgetsError | None:
        nonlocal resolution
        try:
            resolution = _resolve(snapshot, resolutions, {name: steps[name] for name in names})
        except _UNRESOLVED as error:
            return error
        return None

    _, failures = workable_items([tuple(steps)], attempt, max_attempts=_MAX_ATTEMPTS)
    return resolution, failures


def _resolve(
    snapshot: EnvironmentSnapshot,
    resolutions: Resolutions,
    steps: Mapping[NormalizedName, Version],
) -> Resolution:
    """Resolve exact steps; first with all other packages kept, then with their dependencies free.

    So nothing moves that need not.
    """
    movable = frozenset(steps)
    wider = movable | dependency_graph.dependencies([*steps], snapshot.active_requirements)
    for name, version in steps.items():
        wider |= _new_dependencies(snapshot, resolutions, name, version)
    failure: PlanImpossible | None = None
    for free in dict.fromkeys((movable, wider)):
        try:
            return resolutions.resolve(
                snapshot,
                configured=snapshot.kept_limits(tuple(steps)),
                instead={name: f"{name}=={version}" for name, version in steps.items()},
                keep=snapshot.pins(free, free=False),
                prefer=snapshot.preferred(free, free=False),
            )
        except PlanImpossible as error:
            failure = error
    raise failure if failure is not None else AssertionError("there is always one attempt")


def _new_dependencies(
    snapshot: EnvironmentSnapshot,
    resolutions: Resolutions,
    name: NormalizedName,
    version: Version,
) -> frozenset[NormalizedName]:
    try:
        limits = snapshot.kept_limits([name])
        return resolutions.dependencies(snapshot, f"{name}=={version}", limits)
    except _UNRESOLVED:
        return frozenset()  # the resolution itself tells what cannot be resolved


def _held_back(
    snapshot: EnvironmentSnapshot,
    findings: Mapping[NormalizedName, list[AuditRow]],
    steps: Mapping[NormalizedName, Version],
    failures: Mapping[NormalizedName, str],
) -> Iterable[HeldBack]:
    for name, rows in findings.items():
        row = rows[0]
        ids = ", ".join(found.advisory or "" for found in rows)
        if name in snapshot.pinned:
            reason = snapshot.pinned[name]
        elif name in failures:
            reason = failures[name]
        elif name not in steps:
            blocked = f"blocked by {row.blocked_by}" if row.blocked_by else "no safe release exists"
            reason = row.error or blocked
        else:
            continue
        yield HeldBack(
            id=name,
            name=row.name,
            kept_version=snapshot.versions[name],
            latest=row.fixed_in,
            reason=f"{ids}: {reason}",
        )
