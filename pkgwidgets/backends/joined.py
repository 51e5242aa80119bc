"""Several indexes, folders and pages as one index, searched as uv searches them.

Source: https://docs.astral.sh/uv/concepts/indexes/ (searching across multiple indexes).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from math import inf
from time import monotonic

from pkgwidgets.core.distributions import Id
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.interfaces import (
    Answer,
    Enough,
    Index,
    Report,
    Skip,
    everything,
    ignore,
    nothing,
)
from pkgwidgets.core.releases import Listing, Release
from pkgwidgets.core.transactions import Event, Stage

from .before import Before
from .folder import FolderIndex
from .links import Links, merged
from .settings import Find, Settings
from .sources import ALL, Sources, shown
from .wire import Unanswered

Join = Callable[[Settings], Index]
"""Makes the index of one address."""

_WHOLE = 120.0
"""Seconds for one round of questions, to whatever number of places."""


class JoinedIndex:
    """The sources as one index.

    The first index that knows a project answers for it alone, so that nobody can slip a newer one
    of the same name under it; the files of folders and pages are candidates beside it.
    """

    def __init__(self, find: Find, join: Join) -> None:
        self._find = find
        self._join = join
        self._deadline = inf

    @cached_property
    def _sources(self) -> Sources:
        return self._find()

    @cached_property
    def _indexes(self) -> tuple[Index, ...]:
        access = self._sources.access
        urls = (f"{url.rstrip('/')}/" for url in self._sources.indexes)
        return tuple(
            FolderIndex(url)
            if url.startswith("file:")
            else self._join(Settings(index_url=url, access=access, until=self._until))
            for url in urls
        )

    @cached_property
    def _links(self) -> tuple[tuple[str, Links], ...]:
        access = self._sources.access
        return tuple(
            (shown(link), Links(link, access, self._until)) for link in self._sources.links
        )

    @cached_property
    def _before(self) -> Before:
        return Before(self._sources.before)

    def _until(self) -> float:
        return self._deadline

    @property
    def url(self) -> str:
        """The addresses without credentials, in the order in which they are asked."""
        indexes = (index.url for index in self._indexes)
        return ", ".join((*indexes, *(name for name, _ in self._links))) or "no index"

    def releases_of(
        self,
        ids: Collection[Id],
        report: Report = ignore,
        *,
        refresh: bool = False,
        enough: Enough = everything,
        skip: Skip = nothing,
    ) -> Mapping[Id, Answer]:
        """Ask index after index for the projects that none before it knows.

        What cannot be read beside them is said of every project: what it has is unknown.
        """
        if not self._before and not self._links and len(self._indexes) == 1:
            index = self._indexes[0]
            return index.releases_of(ids, report, refresh=refresh, enough=enough, skip=skip)
        self._deadline = monotonic() + _WHOLE
        seen = _Seen(self._before, enough, skip)
        # What links add is known last: until then no answer is final.
        told = _without_answers(report) if self._links else report
        found = self._of_indexes(ids, told, seen, refresh=refresh)
        for name, links in self._links:
            try:
                more = links.releases_of(ids, enough, refresh=refresh)
            except Unanswered as unanswered:
                problem = IndexUnavailable(name, str(unanswered))
                found = {id: _doubted(answer, problem) for id, answer in found.items()}
            else:
                found |= {id: _with(found[id], releases) for id, releases in more.items()}
        for id in found if self._links else ():
            size = len(ids)
            report(Event(stage=Stage.ASKING, id=id, answer=found[id], done=size, total=size))
        return found

    def _of_indexes(
        self, ids: Collection[Id], report: Report, seen: _Seen, *, refresh: bool
    ) -> dict[Id, Answer]:
        found: dict[Id, Answer] = {id: ProjectNotFound(id, self.url) for id in ids}
        left = list(ids)
        best = self._sources.strategy == ALL
        for index in self._indexes:
            if not left:
                break
            last = index is self._indexes[-1]
            told = _counting(report, 0 if best else len(ids) - len(left), len(ids))
            told = _telling(told, found if best else {}, seen, last=last, best=best)
            answers = index.releases_of(
                left, told, refresh=refresh, enough=seen.enough, skip=seen.skip
            )
            for id, answer in answers.items():
                if not isinstance(answer, ProjectNotFound):
                    counted = seen.counted(id, answer)
                    found[id] = _best(found[id], counted) if best else counted
            if not best:
                left = [id for id in left if isinstance(found[id], ProjectNotFound)]
        return found


class _Seen:
    """What is asked of releases, of those alone that count at the time."""

    def __init__(self, before: Before, enough: Enough, skip: Skip) -> None:
        self._before = before
        self._enough = enough
        self._skip = skip

    def enough(self, id: Id, release: Release) -> bool:
        return self._before.admits(id, release) and self._enough(id, release)

    @property
    def skip(self) -> Skip:
        # Nothing is skipped for the sake of releases that do not count.
        return nothing if self._before else self._skip

    def counted(self, id: Id, answer: Answer) -> Answer:
        if isinstance(answer, PkgwidgetsError) or not self._before:
            return answer
        return Listing(
            tuple(release for release in answer if self._before.admits(id, release)),
            _stale(answer),
        )


def _with(answer: Answer, releases: Sequence[Release]) -> Answer:
    """Add what lies in a folder or on a page to what the indexes said."""
    if isinstance(answer, ProjectNotFound):
        return Listing(tuple(releases))
    if isinstance(answer, PkgwidgetsError):
        return Listing(tuple(releases), answer.sentence().rstrip("."))
    return Listing(merged(answer, releases), _stale(answer))


def _best(known: Answer, answer: Answer) -> Answer:
    """Join what two indexes said of a project; of one that did not answer it is said."""
    if isinstance(known, ProjectNotFound):
        return answer
    if isinstance(answer, PkgwidgetsError):
        return known if isinstance(answer, ProjectNotFound) else _doubted(known, answer)
    if isinstance(known, PkgwidgetsError):
        return _doubted(answer, known)
    return Listing(merged(known, answer), _said((_stale(known), _stale(answer))))


def _doubted(answer: Answer, problem: PkgwidgetsError) -> Answer:
    """Say of an answer what could not be read beside it: there may be something newer."""
    if isinstance(answer, ProjectNotFound):
        return problem
    if isinstance(answer, PkgwidgetsError):
        return answer
    return Listing(tuple(answer), _said((_stale(answer), problem.sentence().rstrip("."))))


def _stale(answer: Answer) -> str:
    return answer.stale if isinstance(answer, Listing) else ""


def _said(texts: Iterable[str]) -> str:
    return "; ".join(filter(None, texts))


def _without_answers(report: Report) -> Report:
    return lambda event: report(replace(event, answer=None))


def _telling(
    report: Report, known: Mapping[Id, Answer], seen: _Seen, *, last: bool, best: bool
) -> Report:
    """Report what is said of a project once no other index can say otherwise."""

    def told(event: Event) -> None:
        answer = event.answer
        if event.id is not None and answer is not None:
            answer = seen.counted(event.id, answer)
            if best:
                answer = _best(known[event.id], answer)
            final = last or not (best or isinstance(answer, ProjectNotFound))
            event = replace(event, answer=answer if final else None)
        report(event)

    return told


def _counting(report: Report, before: int, total: int) -> Report:
    """Count on from what indexes before this one answered."""

    def told(event: Event) -> None:
        done = None if event.done is None else min(total, before + event.done)
        report(replace(event, done=done, total=total))

    return told
