"""Plan to return to the releases of a day, by their upload times (PEP 700)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from packaging.utils import NormalizedName

from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, ProjectResult, Report
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.core.updates import eligible_releases

from .plan_builder import build_changes, build_plan
from .proposals import report_resolving
from .release_notes import release_notes
from .resolutions import Resolutions
from .snapshot import EnvironmentSnapshot


def checked_day(day: object) -> date:
    """Return a day (ISO 8601), or raise `InvalidRequest`."""
    if isinstance(day, datetime):
        return day.date()
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)  # type: ignore[arg-type] # TypeError is caught
    except (TypeError, ValueError):
        raise InvalidRequest("day", day, "give a day, such as 2026-10-01") from None


def plan_day(backend: Backend, day: date, report: Report) -> Plan:
    """Plan to return to the releases that were uploaded by the end of a day, in UTC.

    A package whose release is older stays. The others go to the newest release of that time that
    fits the rest. What has none is held back. Raises what `plan_upgrade` raises.
    """
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    snapshot = EnvironmentSnapshot.of(backend)
    names = snapshot.upgradable(None)
    answers = backend.index.releases_of(IndexQuery(names), report)
    steps = {name: _step_back(snapshot, name, answers[name], end) for name in names}
    moving = [name for name, step in steps.items() if step.limits]
    stuck = snapshot.with_pinned({name: step.why for name, step in steps.items() if step.why})
    changes: tuple[Change, ...] = ()
    if moving:
        report_resolving(backend, report)
        limits = tuple(limit for step in steps.values() for limit in step.limits)
        after = Resolutions(backend).resolve(
            snapshot,
            configured=snapshot.kept_limits(),
            keep=(*snapshot.pins((), free=True), *limits),
            prefer=snapshot.preferred((), free=True),
        )
        changes = build_changes(snapshot, after, moving, answers, report)
        snapshot.check_changeable([change.id for change in changes if change.before is not None])
    held_back = tuple(stuck.held_back(name) for name, step in steps.items() if step.why)
    return build_plan(
        snapshot,
        tuple(moving),
        changes,
        held_back=held_back,
        allow="all",
        notes=release_notes(backend, changes, answers),
    )


@dataclass(frozen=True, slots=True)
class _StepBack:
    """The limits that bring a package back to a day, or why that is not possible."""

    limits: tuple[str, ...] = ()
    why: str = ""


def _step_back(
    snapshot: EnvironmentSnapshot, name: NormalizedName, answer: ProjectResult, end: datetime
) -> _StepBack:
    installed = snapshot.versions[name]
    if isinstance(answer, PkgwidgetsError):
        return _StepBack(why=answer.clause())
    now = next((release for release in answer if release.version == installed), None)
    if now is None or now.uploaded is None:
        return _StepBack(why="the index has no upload time of the installed release")
    if now.uploaded < end:
        return _StepBack()
    then = [r for r in answer if r.uploaded is not None and r.uploaded < end]
    interpreter = snapshot.backend.environment.interpreter
    newest = next(iter(eligible_releases(then, interpreter, installed=installed)), None)
    if newest is None:
        return _StepBack(why="it had no release for this Python then")
    later = [r.version for r in answer if r not in then and r.version < newest.version]
    return _StepBack((f"{name}<={newest.version}", *(f"{name}!={version}" for version in later)))
