"""Audit what is installed: which advisories affect it, and the smallest step out of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.advisories import AdvisoryGroup, Effect, worst_effect
from pkgwidgets.core.advisory_sources import AdvisorySource
from pkgwidgets.core.audit import Audit, AuditRow, row_order
from pkgwidgets.core.errors import NoAdvisorySource, PackageNotFound
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.last_check import AnswerTimes
from pkgwidgets.core.listing import ListedPackage, Listing
from pkgwidgets.core.names import checked_names
from pkgwidgets.core.origins import KNOWN_TO_INDEXES

from .early_answers import complete, list_and_ask
from .known_advisories import KnownAdvisories, ask_sources
from .listing import list_names
from .safe_steps import SafeSteps


def audit(
    backend: Backend,
    sources: Sequence[AdvisorySource],
    names: str | Iterable[str] | None = None,
    *,
    now: datetime | None = None,
    report: Report = no_report,
) -> Audit:
    """Ask all sources for the installed packages, or for some of them.

    What a source does not answer is a row with the reason, never a safe package. An audit of
    everything is kept while nothing that it depends on has changed. Raises `NoAdvisorySource`,
    `PackageNotFound` and `InvalidRequest`.
    """
    if not sources:
        raise NoAdvisorySource(str(backend.environment.interpreter.prefix))
    if names is not None or now is not None:
        names = None if names is None else checked_names(names)
        return _ask(backend, sources, names, now or datetime.now(UTC), report).audit
    states = [source.state() for source in sources]
    state_of_sources = "\n".join(states) if all(states) else ""
    kept = backend.last_audit.load(state_of_sources)
    if kept is not None:
        return kept
    answered = _ask(backend, sources, None, datetime.now(UTC), report, state_of_sources)
    if (
        answered.holds_until is not None
        and answered.index_times is not None
        # A setting may have been changed, and changed back, while it was read.
        and backend.last_audit.state(state_of_sources) == answered.state
    ):
        backend.last_audit.save(
            answered.state, answered.audit, answered.holds_until, answered.index_times
        )
    return answered.audit


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answered:
    """An audit, and what decides how long it holds; `holds_until` None: not after this call."""

    audit: Audit
    state: str
    holds_until: datetime | None
    index_times: AnswerTimes | None


def _ask(
    backend: Backend,
    sources: Sequence[AdvisorySource],
    names: Collection[NormalizedName] | None,
    now: datetime,
    report: Report,
    state_of_sources: str = "",
) -> _Answered:
    def ask(
        projects: Mapping[NormalizedName, Version], report: Report
    ) -> dict[NormalizedName, KnownAdvisories]:
        return ask_sources(sources, dict(projects), now, report)

    if names is None:
        state, installed, early = list_and_ask(backend, state_of_sources, ask, report)
    else:  # an unknown name is refused before a request
        state, installed, early = "", list_names(backend), {}
    wanted = _wanted(installed, names)
    versions = {
        name: package.version
        for name, package in wanted.items()
        if package.version is not None and package.origin in KNOWN_TO_INDEXES
    }
    known = complete(early, versions, ask, report)
    suspects = {
        name: versions[name]
        for name, found in known.items()
        if worst_effect(found.groups, name, versions[name]) is not Effect.NOT_AFFECTED
    }
    steps = SafeSteps(backend, sources, suspects, known, report)
    rows = [row for name in wanted for row in _rows(name, wanted[name], known.get(name), steps)]
    rows += _unreadable(installed, names)
    ends = [*(found.holds_until for found in known.values()), *steps.holds_until]
    if any(package.version is None for package in installed.values()):
        ends.append(None)  # what could not be read now may be readable next time
    return _Answered(
        audit=Audit(rows=tuple(sorted(rows, key=row_order)), checked=len(versions)),
        state=state,
        holds_until=min((end for end in ends if end is not None), default=None)
        if None not in ends
        else None,
        index_times=steps.index_times,
    )


def _wanted(
    installed: Listing, names: Collection[NormalizedName] | None
) -> dict[NormalizedName, ListedPackage]:
    for name in names or ():
        if name not in installed:
            raise PackageNotFound(name)
    return {
        name: package
        for name, package in installed.items()
        if package.version is not None and (names is None or name in names)
    }


def _unreadable(installed: Listing, names: Collection[NormalizedName] | None) -> Iterator[AuditRow]:
    for name, package in installed.items() if names is None else ():
        if package.version is None:
            reason = f"its metadata cannot be read: {package.reason}"
            yield AuditRow(id=name, name=name, version=None, error=reason)


def _rows(
    name: NormalizedName, package: ListedPackage, known: KnownAdvisories | None, steps: SafeSteps
) -> Iterator[AuditRow]:
    """Yield a row for each vulnerability, or one that says why nothing is known."""
    version = package.version
    if version is None:
        return
    row = AuditRow(id=name, name=package.name, version=version)
    if known is None:
        origin = (
            f"it is not from an index ({package.origin.value}), so no source knows this version"
        )
        yield replace(row, error=origin)
        return
    row = replace(row, source=", ".join(known.sources), as_of=known.as_of)
    found = [group for group in known.groups if _concerns(group, name, version)]
    for group in found:
        effect = group.effect(name, version)
        step = steps.of(name)
        unclear = "it is not known whether it affects this version"
        problems = [] if effect is Effect.AFFECTED else [unclear]
        yield replace(
            row,
            advisory=group.id,
            aliases=group.aliases,
            severity=group.severity,
            summary=group.summary,
            links=group.links,
            effect=effect,
            fixed_in=group.fixed_after(name, version),
            safe_version=step.version,
            blocked_by=step.blocked_by,
            error="; ".join([*problems, *known.problems, *filter(None, [step.problem])]),
        )
    if not found and known.problems:
        yield replace(row, error="; ".join(known.problems))


def _concerns(group: AdvisoryGroup, name: NormalizedName, version: Version) -> bool:
    return group.effect(name, version) is not Effect.NOT_AFFECTED
