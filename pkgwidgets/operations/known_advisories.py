"""Ask several sources of advisories, and join what they say of each project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.advisories import Advisory, AdvisoryGroup, group_by_alias
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult, AdvisorySource
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.text import format_age

from .sources_at_once import ask_at_once

_OLD = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownAdvisories:
    """What the sources say of one project: vulnerabilities, the time of the data, problems."""

    groups: tuple[AdvisoryGroup, ...] = ()
    sources: tuple[str, ...] = ()
    as_of: datetime | None = None
    failures: tuple[str, ...] = ()
    """Why sources did not answer."""
    doubts: tuple[str, ...] = ()
    """Why answers may be out of date."""
    holds_until: datetime | None = None
    """Until when all sources would say the same, and none is too old; None if that is unknown."""

    @property
    def problems(self) -> tuple[str, ...]:
        """All reasons why something may be unknown."""
        return self.failures + self.doubts


def ask_sources(
    sources: Sequence[AdvisorySource],
    projects: Mapping[NormalizedName, Version | None],
    now: datetime,
    report: Report,
) -> dict[NormalizedName, KnownAdvisories]:
    """Return what all sources say of each project."""
    answers = [*zip(sources, ask_at_once(sources, projects, report), strict=True)]
    return {
        name: _join([(source, given.get(name)) for source, given in answers], now)
        for name in projects
    }


def _join(
    answers: Sequence[tuple[AdvisorySource, AdvisoryResult | None]], now: datetime
) -> KnownAdvisories:
    advisories, times, addresses = list[Advisory](), list[datetime](), list[str]()
    failures, doubts = list[str](), list[str]()
    for source, answer in answers:
        if not isinstance(answer, AdvisoryAnswer):
            text = f"{source.address} did not answer" if answer is None else answer.clause()
            failures.append(text)
            continue
        advisories += answer.advisories
        times.append(answer.as_of)
        addresses.append(source.address)
        if now - answer.as_of > _OLD:
            age = format_age(answer.as_of)
            doubts.append(f"the newest data of {source.address} is of {age}")
        elif answer.stale_reason:
            doubts.append(answer.stale_reason)
    return KnownAdvisories(
        groups=group_by_alias(advisories),
        sources=tuple(addresses),
        as_of=min(times, default=None),
        failures=tuple(failures),
        doubts=tuple(doubts),
        holds_until=None if failures or doubts else _earliest_end(answers),
    )


def _earliest_end(
    answers: Sequence[tuple[AdvisorySource, AdvisoryResult | None]],
) -> datetime | None:
    """Return the first moment at which an answer may change or is too old; None if unknown."""
    ends = list[datetime]()
    for _, answer in answers:
        if not isinstance(answer, AdvisoryAnswer) or answer.fresh_until is None:
            return None
        ends += [answer.fresh_until, answer.as_of + _OLD]
    return min(ends, default=None)
