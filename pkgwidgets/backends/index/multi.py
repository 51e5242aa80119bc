"""Several indexes, folders and pages as one index, searched as uv searches them.

Source: https://docs.astral.sh/uv/concepts/indexes/ (searching across multiple indexes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from pkgwidgets.backends.config.index_settings import IndexSettings, SourceFactory
from pkgwidgets.backends.config.index_sources import ALL, IndexSources, shown_url
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.index_query import IndexQuery, never
from pkgwidgets.core.interfaces import (
    Index,
    ProjectAnswered,
    ProjectResult,
    Report,
    no_report,
)
from pkgwidgets.core.releases import Release, ReleaseList

from .exclude_newer import ExcludeNewer
from .limits import IndexLimits

if TYPE_CHECKING:
    from .find_links import FindLinks


class MultiIndex:
    """The sources as one index.

    The first index that knows a project answers for it alone, so that nobody can slip a newer one
    of the same name under it; the files of folders and pages are candidates beside it.

    The HTTP client is imported when an index is first asked: it is half of all that a process
    imports, and one that only lists, applies or undoes never needs it.
    """

    def __init__(self, find: SourceFactory, *, limits: IndexLimits = IndexLimits()) -> None:
        self._limits = limits
        self._find = find
        self._deadline = inf

    @cached_property
    def _sources(self) -> IndexSources:
        return self._find()

    @cached_property
    def _indexes(self) -> tuple[Index, ...]:
        from .local import LocalIndex
        from .simple import SimpleIndex

        access = self._sources.access
        urls = (f"{url.rstrip('/')}/" for url in self._sources.indexes)
        return tuple(
            LocalIndex(url)
            if url.startswith("file:")
            else SimpleIndex(
                IndexSettings(index_url=url, access=access, until=self._until, limits=self._limits)
            )
            for url in urls
        )

    @cached_property
    def _links(self) -> tuple[tuple[str, FindLinks], ...]:
        from .find_links import FindLinks

        access = self._sources.access
        return tuple(
            (shown_url(link), FindLinks(link, access, self._until, self._limits.http))
            for link in self._sources.links
        )

    @cached_property
    def _before(self) -> ExcludeNewer:
        return ExcludeNewer(self._sources.before)

    def _until(self) -> float:
        return self._deadline

    @property
    def url(self) -> str:
        """The addresses without credentials, in the order in which they are asked."""
        indexes = (index.url for index in self._indexes)
        return ", ".join((*indexes, *(name for name, _ in self._links))) or "no index"

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Ask index after index for the projects that none before it knows.

        What cannot be read beside them is said of every project: what it has is unknown.
        """
        if not self._before and not self._links and len(self._indexes) == 1:
            return self._indexes[0].releases_of(query, report)
        self._deadline = monotonic() + self._limits.round_seconds
        seen = _Filter(self._before, query)
        # What links add is known last: until then no answer is final.
        told = _without_answers(report) if self._links else report
        found = self._of_indexes(seen, told)
        if self._links:
            found = self._with_links(query, found)
        for id in found if self._links else ():
            size = len(query.names)
            report(
                ProjectAnswered(stage=Stage.ASKING, id=id, answer=found[id], done=size, total=size)
            )
        return found

    def _with_links(
        self, query: IndexQuery, found: dict[NormalizedName, ProjectResult]
    ) -> dict[NormalizedName, ProjectResult]:
        """Add what folders and pages have; where one cannot be read, there may be more."""
        from pkgwidgets.backends.http.transport import RequestFailed

        for name, links in self._links:
            try:
                more = links.releases_of(query)
            except RequestFailed as unanswered:
                problem = IndexUnavailable(name, str(unanswered))
                found = {id: _mark_incomplete(answer, problem) for id, answer in found.items()}
            else:
                found |= {id: _combine(found[id], releases) for id, releases in more.items()}
        return found

    def _of_indexes(self, seen: _Filter, report: Report) -> dict[NormalizedName, ProjectResult]:
        names = seen.query.names
        found: dict[NormalizedName, ProjectResult] = {
            name: ProjectNotFound(name, self.url) for name in names
        }
        left = list(names)
        best = self._sources.strategy == ALL
        for index in self._indexes:
            if not left:
                break
            last = index is self._indexes[-1]
            told = _count_progress(report, 0 if best else len(names) - len(left), len(names))
            told = _merge_progress(told, found if best else {}, seen, last=last, best=best)
            for id, answer in index.releases_of(seen.query.of(left), told).items():
                if not isinstance(answer, ProjectNotFound):
                    counted = seen.counted(id, answer)
                    found[id] = _best(found[id], counted) if best else counted
            if not best:
                left = [id for id in left if isinstance(found[id], ProjectNotFound)]
        return found


class _Filter:
    """A query that stops only at releases that count at the time."""

    def __init__(self, before: ExcludeNewer, query: IndexQuery) -> None:
        self._before = before
        self._stop_at = query.stop_at
        # No version is skipped because of a release that does not count.
        skip_version = never if before else query.skip_version
        stop_at = never if query.wants_all else self._stops_at
        self.query = replace(query, stop_at=stop_at, skip_version=skip_version)

    def _stops_at(self, id: NormalizedName, release: Release) -> bool:
        return self._before.admits(id, release) and self._stop_at(id, release)

    def counted(self, id: NormalizedName, answer: ProjectResult) -> ProjectResult:
        if isinstance(answer, PkgwidgetsError) or not self._before:
            return answer
        return ReleaseList(
            tuple(release for release in answer if self._before.admits(id, release)),
            _stale(answer),
        )


def _combine(answer: ProjectResult, releases: Sequence[Release]) -> ProjectResult:
    """Add what lies in a folder or on a page to what the indexes said."""
    if isinstance(answer, ProjectNotFound):
        return ReleaseList(tuple(releases))
    if isinstance(answer, PkgwidgetsError):
        return ReleaseList(tuple(releases), answer.sentence().rstrip("."))
    return ReleaseList(_merged(answer, releases), _stale(answer))


def _merged(first: Sequence[Release], second: Sequence[Release]) -> tuple[Release, ...]:
    from .find_links import merged

    return merged(first, second)


def _best(known: ProjectResult, answer: ProjectResult) -> ProjectResult:
    """Join what two indexes said of a project; of one that did not answer it is said."""
    if isinstance(known, ProjectNotFound):
        return answer
    if isinstance(answer, PkgwidgetsError):
        return known if isinstance(answer, ProjectNotFound) else _mark_incomplete(known, answer)
    if isinstance(known, PkgwidgetsError):
        return _mark_incomplete(answer, known)
    return ReleaseList(_merged(known, answer), _said((_stale(known), _stale(answer))))


def _mark_incomplete(answer: ProjectResult, problem: PkgwidgetsError) -> ProjectResult:
    """Say of an answer what could not be read beside it: there may be something newer."""
    if isinstance(answer, ProjectNotFound):
        return problem
    if isinstance(answer, PkgwidgetsError):
        return answer
    return ReleaseList(tuple(answer), _said((_stale(answer), problem.sentence().rstrip("."))))


def _stale(answer: ProjectResult) -> str:
    return answer.stale_reason if isinstance(answer, ReleaseList) else ""


def _said(texts: Iterable[str]) -> str:
    return "; ".join(filter(None, texts))


def _without_answers(report: Report) -> Report:
    def told(event: Event) -> None:
        report(event.without_answer() if isinstance(event, ProjectAnswered) else event)

    return told


def _merge_progress(
    report: Report,
    known: Mapping[NormalizedName, ProjectResult],
    seen: _Filter,
    *,
    last: bool,
    best: bool,
) -> Report:
    """Report what is said of a project once no other index can say otherwise."""

    def told(event: Event) -> None:
        if isinstance(event, ProjectAnswered):
            answer = seen.counted(event.id, event.answer)
            if best:
                answer = _best(known[event.id], answer)
            final = last or not (best or isinstance(answer, ProjectNotFound))
            event = replace(event, answer=answer) if final else event.without_answer()
        report(event)

    return told


def _count_progress(report: Report, before: int, total: int) -> Report:
    """Count on from what indexes before this one answered."""

    def told(event: Event) -> None:
        done = None if event.done is None else min(total, before + event.done)
        report(replace(event, done=done, total=total))

    return told
