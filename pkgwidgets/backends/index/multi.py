"""Several indexes, folders and pages as one index, searched in the order of uv.

Source: https://docs.astral.sh/uv/concepts/indexes/ (searching across multiple indexes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from pkgwidgets.backends.config.index_selection import IndexSettings, SourceFactory
from pkgwidgets.backends.config.index_sources import ALL, IndexSources, shown_url
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.index_query import IndexQuery, never
from pkgwidgets.core.interfaces import Index, ProjectAnswered, ProjectResult, Report, no_report
from pkgwidgets.core.releases import ACTIVE, ProjectStatus, Release, ReleaseList

from .exclude_newer import ExcludeNewer
from .index_limits import IndexLimits

if TYPE_CHECKING:
    from .find_links import FindLinks


class MultiIndex:
    """The configured sources as one index.

    By default the first index that knows a project answers for it alone, which prevents dependency
    confusion. Files of folders and pages are added to its answer.

    What reads answers is imported when an index is first asked: listing, applying and undoing
    never need it. The HTTP client is imported when a request is first sent.
    """

    def __init__(self, find: SourceFactory, *, limits: IndexLimits = IndexLimits()) -> None:
        self._limits = limits
        self._find_sources = find

    @cached_property
    def _sources(self) -> IndexSources:
        return self._find_sources()

    @cached_property
    def _indexes(self) -> tuple[Index, ...]:
        from .local import LocalIndex
        from .simple import SimpleIndex

        access = self._sources.access
        urls = (f"{url.rstrip('/')}/" for url in self._sources.indexes)
        return tuple(
            LocalIndex(url)
            if url.startswith("file:")
            else SimpleIndex(IndexSettings(index_url=url, access=access, limits=self._limits))
            for url in urls
        )

    @cached_property
    def _links(self) -> tuple[tuple[str, FindLinks], ...]:
        if not self._sources.links:
            return ()
        from .find_links import FindLinks

        access = self._sources.access
        return tuple(
            (shown_url(link), FindLinks(link, access, self._limits.http))
            for link in self._sources.links
        )

    @cached_property
    def _exclude_newer(self) -> ExcludeNewer:
        return ExcludeNewer(self._sources.before, self._sources.cutoff_setting)

    @property
    def url(self) -> str:
        """The URLs without credentials, in the order in which they are asked."""
        indexes = (index.url for index in self._indexes)
        return ", ".join((*indexes, *(name for name, _ in self._links))) or "no index"

    def answer_source(self) -> str:
        """Return the index whose cached answers alone are the answers; "" if there is not one.

        Folders and pages are read at each query, and an age in `exclude-newer` is of its time.
        """
        sources = self._sources
        if len(sources.indexes) != 1 or sources.links or sources.before:
            return ""
        url = f"{sources.indexes[0].rstrip('/')}/"
        return "" if url.startswith("file:") else IndexSettings(index_url=url).shown_url

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Ask each index for the projects that no index before it knows.

        If a folder or page cannot be read, the answer of every project is marked incomplete.
        """
        if not self._exclude_newer and not self._links and len(self._indexes) == 1:
            return self._indexes[0].releases_of(query, report)
        # All indexes and links together have the time of one.
        query = replace(query, until=min(query.until, monotonic() + self._limits.round_seconds))
        query_filter = _Filter(self._exclude_newer, replace(query, known={}))
        # Links are read last: until then no answer is final.
        report_progress = _without_answers(report) if self._links else report
        answers = self._ask_indexes(query_filter, report_progress)
        if query.cached:  # a project that is missing may be on an index that was not asked
            return {
                name: answer
                for name, answer in answers.items()
                if not isinstance(answer, ProjectNotFound)
            }
        if self._links:
            answers = self._add_links(query, answers)
        for project in answers if self._links else ():
            size = len(query.names)
            report(
                ProjectAnswered(
                    stage=Stage.ASKING, id=project, answer=answers[project], done=size, total=size
                )
            )
        return answers

    def _add_links(
        self, query: IndexQuery, answers: dict[NormalizedName, ProjectResult]
    ) -> dict[NormalizedName, ProjectResult]:
        """Add the releases of folders and pages; mark answers incomplete if one is unreadable."""
        from pkgwidgets.backends.http.response import RequestFailed

        for label, links in self._links:
            try:
                linked = links.releases_of(query)
            except RequestFailed as error:
                problem = IndexUnavailable(label, str(error))
                answers = {
                    name: _mark_incomplete(answer, problem) for name, answer in answers.items()
                }
            else:
                answers |= {
                    name: _add_linked(answers[name], releases) for name, releases in linked.items()
                }
        return answers

    def _ask_indexes(
        self, query_filter: _Filter, report: Report
    ) -> dict[NormalizedName, ProjectResult]:
        names = query_filter.query.names
        answers: dict[NormalizedName, ProjectResult] = {
            name: ProjectNotFound(name, self.url) for name in names
        }
        remaining = list(names)
        merge_all = self._sources.strategy == ALL
        for index in self._indexes:
            if not remaining:
                break
            is_last = index is self._indexes[-1]
            report_progress = _count_progress(
                report, 0 if merge_all else len(names) - len(remaining), len(names)
            )
            report_progress = _merge_progress(
                report_progress,
                answers if merge_all else {},
                query_filter,
                is_last=is_last,
                merge_all=merge_all,
            )
            for project, answer in index.releases_of(
                query_filter.query.of(remaining), report_progress
            ).items():
                if not isinstance(answer, ProjectNotFound):
                    filtered = query_filter.apply(project, answer)
                    answers[project] = (
                        _merge_answers(answers[project], filtered) if merge_all else filtered
                    )
            if not merge_all:
                remaining = [
                    project
                    for project in remaining
                    if isinstance(answers[project], ProjectNotFound)
                ]
        return answers


class _Filter:
    """Adapts a query to `exclude-newer`: it stops only at releases that count."""

    def __init__(self, before: ExcludeNewer, query: IndexQuery) -> None:
        self._exclude_newer = before
        self._stop_at = query.stop_at
        # A release that does not count must not cause a version to be skipped.
        skip_version = never if before else query.skip_version
        stop_at = never if query.wants_all else self._stops_at
        self.query = replace(query, stop_at=stop_at, skip_version=skip_version)

    def _stops_at(self, name: NormalizedName, release: Release) -> bool:
        return self._exclude_newer.admits(name, release) and self._stop_at(name, release)

    def apply(self, name: NormalizedName, answer: ProjectResult) -> ProjectResult:
        if isinstance(answer, PkgwidgetsError) or not self._exclude_newer:
            return answer
        return ReleaseList(
            tuple(release for release in answer if self._exclude_newer.admits(name, release)),
            _stale_reason(answer),
            self._exclude_newer.why_hidden(name, answer),
            index_url=_index_url(answer),
            status=_status(answer),
        )


def _add_linked(answer: ProjectResult, releases: Sequence[Release]) -> ProjectResult:
    """Add the releases of a folder or page to the answer of the indexes."""
    if isinstance(answer, ProjectNotFound):
        return ReleaseList(tuple(releases))
    if isinstance(answer, PkgwidgetsError):
        return ReleaseList(tuple(releases), answer.clause())
    merged = _merge_releases(answer, releases)
    return ReleaseList(merged, _stale_reason(answer), status=_status(answer))


def _merge_releases(first: Sequence[Release], second: Sequence[Release]) -> tuple[Release, ...]:
    from .find_links import merge_releases

    return merge_releases(first, second)


def _merge_answers(first: ProjectResult, second: ProjectResult) -> ProjectResult:
    """Merge the answers of two indexes; mark the result incomplete if one failed."""
    if isinstance(first, ProjectNotFound):
        return second
    if isinstance(second, PkgwidgetsError):
        return first if isinstance(second, ProjectNotFound) else _mark_incomplete(first, second)
    if isinstance(first, PkgwidgetsError):
        return _mark_incomplete(second, first)
    return ReleaseList(
        _merge_releases(first, second),
        _join_reasons((_stale_reason(first), _stale_reason(second))),
        _hidden_reason(first) or _hidden_reason(second),
        status=_status(first) if _status(first).status else _status(second),
    )


def _mark_incomplete(answer: ProjectResult, problem: PkgwidgetsError) -> ProjectResult:
    """Mark an answer as incomplete because of a problem: there may be newer releases."""
    if isinstance(answer, ProjectNotFound):
        return problem
    if isinstance(answer, PkgwidgetsError):
        return answer
    return ReleaseList(
        tuple(answer),
        _join_reasons((_stale_reason(answer), problem.clause())),
        _hidden_reason(answer),
        index_url=_index_url(answer),
        status=_status(answer),
    )


def _stale_reason(answer: ProjectResult) -> str:
    return answer.stale_reason if isinstance(answer, ReleaseList) else ""


def _status(answer: ProjectResult) -> ProjectStatus:
    return answer.status if isinstance(answer, ReleaseList) else ACTIVE


def _index_url(answer: ProjectResult) -> str:
    return answer.index_url if isinstance(answer, ReleaseList) else ""


def _hidden_reason(answer: ProjectResult) -> str:
    return answer.hidden_reason if isinstance(answer, ReleaseList) else ""


def _join_reasons(texts: Iterable[str]) -> str:
    return "; ".join(filter(None, texts))


def _without_answers(report: Report) -> Report:
    def report_event(event: Event) -> None:
        report(event.without_answer() if isinstance(event, ProjectAnswered) else event)

    return report_event


def _merge_progress(
    report: Report,
    answers: Mapping[NormalizedName, ProjectResult],
    query_filter: _Filter,
    *,
    is_last: bool,
    merge_all: bool,
) -> Report:
    """Report the answer for a project only once no other index can change it."""

    def report_event(event: Event) -> None:
        if isinstance(event, ProjectAnswered):
            answer = query_filter.apply(event.id, event.answer)
            if merge_all:
                answer = _merge_answers(answers[event.id], answer)
            is_final = is_last or not (merge_all or isinstance(answer, ProjectNotFound))
            event = replace(event, answer=answer) if is_final else event.without_answer()
        report(event)

    return report_event


def _count_progress(report: Report, before: int, total: int) -> Report:
    """Add the projects that earlier indexes answered to the progress."""

    def report_event(event: Event) -> None:
        done = None if event.done is None else min(total, before + event.done)
        report(replace(event, done=done, total=total))

    return report_event
