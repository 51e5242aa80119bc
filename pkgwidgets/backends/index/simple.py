"""The simple API of a package index: answers come from the cache, revalidated, or new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from time import monotonic, time
from typing import TYPE_CHECKING

import msgspec
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.config.index_selection import IndexSettings
from pkgwidgets.backends.http.response import (
    RequestFailed,
    Response,
    parse_number,
)
from pkgwidgets.backends.http.status import status_reason
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.index_query import IndexQuery, SkipVersion, StopAt
from pkgwidgets.core.interfaces import ProjectAnswered, ProjectResult, Report, no_report
from pkgwidgets.core.releases import LAST_CHECKED, Release, ReleaseList
from pkgwidgets.core.text import format_age

from . import project_page, release_parser
from .cache import CachedProject, ReleaseCache
from .fetch import Fetched, fetch_all
from .known_answers import KnownAnswers

if TYPE_CHECKING:
    from pkgwidgets.backends.http.client import Client

_ACCEPT = f"{project_page.JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_MAX_CONNECTIONS = 48
_MAX_FRESH_SECONDS = 600.0
"""Seconds that an answer counts as fresh at most: releases may be yanked at any time."""


_Answered = tuple[NormalizedName, ReleaseList | PkgwidgetsError]
_Reached = tuple[tuple[Release, ...], tuple[Version, ...], StopAt, SkipVersion]


class SimpleIndex:
    """One index, with a request per project over pooled connections."""

    def __init__(self, settings: IndexSettings, cache: ReleaseCache | None = None) -> None:
        self._settings = settings
        self._given_cache = cache
        self._last_reached: dict[NormalizedName, _Reached] = {}

    @cached_property
    def _cache(self) -> ReleaseCache:
        given = self._given_cache
        return given if given is not None else ReleaseCache(self._settings.shown_url)

    @cached_property
    def _client(self) -> Client:
        from pkgwidgets.backends.http.client import Client  # late: fresh answers need no request

        headers = {"Accept": _ACCEPT, "User-Agent": "pkgwidgets"}
        settings = self._settings
        return Client(
            settings.index_url,
            headers,
            at_once=_MAX_CONNECTIONS,
            access=settings.access,
            limits=settings.limits.http,
        )

    @property
    def url(self) -> str:
        """The URL of the index without credentials."""
        return self._settings.shown_url

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Ask for many projects at once; report an event for each.

        The answer of a project that fails is its error. Fresh answers come from the cache without a
        request, unless `refresh`. If the index does not answer, the cached answer counts, marked
        with the error. Takes at most `round_seconds`, by default 120 s.
        """
        answers: dict[NormalizedName, ProjectResult] = {}
        for answered in self._answers(query):
            if answered is None:
                report(Event(stage=Stage.ASKING, done=len(answers), total=len(query.names)))
                continue
            name, answer = answered
            answers[name] = answer
            done, total = len(answers), len(query.names)
            report(
                ProjectAnswered(stage=Stage.ASKING, id=name, answer=answer, done=done, total=total)
            )
        return answers

    def _answers(self, query: IndexQuery) -> Iterator[_Answered | None]:
        """Yield the answer of each project as it arrives; None regularly while none does."""
        known = KnownAnswers(self._cache, query)
        cached = dict(self._cache.get([name for name in query.names if name not in known]))
        now = time()
        to_fetch = []
        for name in query.names:
            fresh = self._fresh(name, query, known, cached.get(name), now)
            if fresh is None:
                to_fetch.append(name)
            else:
                yield name, fresh
        if to_fetch and not query.cached:
            yield from self._ask(to_fetch, query, known, cached)

    def _fresh(
        self,
        name: NormalizedName,
        query: IndexQuery,
        known: KnownAnswers,
        entry: CachedProject | None,
        now: float,
    ) -> ReleaseList | None:
        """Return the answer that needs no request; None if the index must be asked."""
        if query.refresh:
            return None
        if name in known:
            return known.fresh(name, now)
        if entry is None or not entry.asked <= now < entry.fresh_until:
            return None
        return _release_list(entry, self.url) if self._reaches(name, entry, query) else None

    def _ask(
        self,
        names: Sequence[NormalizedName],
        query: IndexQuery,
        known: KnownAnswers,
        cached: Mapping[NormalizedName, CachedProject],
    ) -> Iterator[_Answered | None]:
        """Ask the index, and cache what it answers; yield as `_answers`."""
        usable = {
            name: entry for name, entry in cached.items() if self._reaches(name, entry, query)
        }
        updates = dict[NormalizedName, CachedProject]()
        etags = {**{name: entry.etag for name, entry in usable.items()}, **known.etags}
        try:
            for fetched in self._fetch(names, etags, query.until):
                if fetched is None:
                    yield None
                    continue
                name, response = fetched
                if name in known:
                    if isinstance(response, Response) and response.status == 304:
                        seconds = _freshness(response) if _may_be_cached(response) else None
                        yield name, known.confirm(name, time(), seconds)
                        continue
                    usable.update(self._cache.get([name]))  # the answer if the index failed
                answer = self._read_response(name, response, usable.get(name), query)
                if isinstance(answer, CachedProject):
                    may_be_cached = _may_be_cached(response)
                    if may_be_cached:
                        updates[name] = answer
                    yield name, _release_list(answer, self.url, is_cached=may_be_cached)
                else:
                    yield name, answer
        finally:
            known.save()
            if updates:
                self._cache.put(updates)

    def _reaches(self, name: NormalizedName, entry: CachedProject, query: IndexQuery) -> bool:
        """Tell whether an entry has enough releases for a query; cache it for equal callables."""
        question = (entry.releases, entry.skipped, query.stop_at, query.skip_version)
        last = self._last_reached.get(name)
        if last is not None and last[0] is question[0] and last[1:] == question[1:]:
            return True
        reaches = _reaches(name, entry, query)
        if reaches:
            self._last_reached[name] = question
        return reaches

    def _fetch(
        self, names: Sequence[NormalizedName], etags: Mapping[NormalizedName, str], until: float
    ) -> Iterator[Fetched | None]:
        seconds = self._settings.limits.round_seconds
        until = min(monotonic() + seconds, until)
        late = RequestFailed(f"no answer within {seconds:.0f} seconds")
        client = self._client  # created here, not by many threads at once

        def fetch(name: NormalizedName) -> Response | RequestFailed:
            etag = etags.get(name)
            condition = {"If-None-Match": etag} if etag else {}
            try:
                return client.get(f"{name}/", condition, until=until)
            except RequestFailed as failed:
                return failed
            except Exception as error:  # one bad answer must not stop the others
                return RequestFailed(f"the request failed ({type(error).__name__})")

        return fetch_all(names, fetch, connections=_MAX_CONNECTIONS, until=until, late=late)

    def _read_response(
        self,
        name: NormalizedName,
        response: Response | RequestFailed,
        entry: CachedProject | None,
        query: IndexQuery,
    ) -> CachedProject | ReleaseList | PkgwidgetsError:
        """Return the entry to cache of a response, or the answer in its place."""
        if isinstance(response, RequestFailed):
            return self._fall_back(entry, str(response))
        if response.status == 304 and entry is not None:
            return _revalidated(entry, response)
        if response.status in (404, 410):
            return ProjectNotFound(name, self.url)
        if response.status != 200:
            return self._fall_back(entry, status_reason(response.status))
        try:
            return _read_page(name, response, query)
        except Exception as error:  # one bad page must not stop the others
            detail = str(error)[:200] if isinstance(error, ValueError) else type(error).__name__
            reason = f"its page of {name} cannot be read ({detail})"
            return self._fall_back(entry, reason)

    def _fall_back(self, entry: CachedProject | None, reason: str) -> ReleaseList | PkgwidgetsError:
        """Return the cached answer, marked with its age; without one, the error."""
        error = IndexUnavailable(self.url, reason)
        if entry is None:
            return error
        age = format_age(datetime.fromtimestamp(entry.asked, UTC))
        return ReleaseList(
            entry.releases,
            stale_reason=f"{error.sentence()[:-1]}; {LAST_CHECKED} {age}",
            index_url=self.url,
            status=entry.status,
        )


def _release_list(entry: CachedProject, index_url: str, *, is_cached: bool = True) -> ReleaseList:
    times = (entry.asked, entry.fresh_until) if is_cached else None
    return ReleaseList(entry.releases, times=times, index_url=index_url, status=entry.status)


def _reaches(name: NormalizedName, entry: CachedProject, query: IndexQuery) -> bool:
    """Tell whether an entry goes down as far as the query needs, without a gap."""
    if entry.complete:
        return True
    return any(query.stop_at(name, release) for release in reversed(entry.releases)) and all(
        query.skip_version(name, version, entry.releases) for version in entry.skipped
    )


def _read_page(name: NormalizedName, response: Response, query: IndexQuery) -> CachedProject:
    """Read a page from the newest release down, as far as the query needs."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    page = project_page.read(media_type, response.body)
    seen, skipped, complete = list[Release](), list[Version](), True

    def skips(version: Version) -> bool:
        skip = query.skip_version(name, version, seen)
        if skip:
            skipped.append(version)
        return skip

    stop = partial(query.stop_at, name)
    if not query.wants_all:
        complete = not _take_until(seen, release_parser.newest_releases(name, page, skips), stop)
    if complete:
        seen, skipped = [], []
        complete = not _take_until(seen, release_parser.releases_from_page(name, page), stop)
    now = time()
    return CachedProject(
        etag=response.headers.get("etag", ""),
        asked=now,
        fresh_until=now + _freshness(response),
        releases=tuple(seen),
        skipped=tuple(skipped),
        complete=complete,
        status=page.status,
    )


def _take_until(
    seen: list[Release], releases: Iterable[Release], stop: Callable[[Release], bool]
) -> bool:
    """Add releases to `seen` down to the first at which to stop; tell whether there was one."""
    for release in releases:
        if seen and seen[-1].version == release.version:
            seen.pop()  # the same release again, with all its files
        seen.append(release)
        if stop(release):
            return True
    return False


def _revalidated(entry: CachedProject, response: Response) -> CachedProject:
    now = time()
    return msgspec.structs.replace(entry, asked=now, fresh_until=now + _freshness(response))


def _may_be_cached(response: Response | RequestFailed) -> bool:
    return isinstance(response, Response) and "no-store" not in _directives(response)


def _directives(response: Response) -> list[str]:
    return response.headers.get("cache-control", "").lower().replace(" ", "").split(",")


def _freshness(response: Response) -> float:
    """Return for how many seconds a response is fresh (RFC 9111)."""
    directives = _directives(response)
    if "no-cache" in directives:
        return 0.0
    max_ages = [
        parse_number(part.removeprefix("max-age="))
        for part in directives
        if part.startswith("max-age=")
    ]
    age = parse_number(response.headers.get("age", "")) or 0
    return max(0.0, min((max_ages[0] or 0) - age, _MAX_FRESH_SECONDS)) if max_ages else 0.0
