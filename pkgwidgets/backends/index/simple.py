"""The simple API of a package index: fresh from the cache, revalidated, or asked anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from time import monotonic, time

import msgspec
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.backends.config.index_settings import IndexSettings
from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.transport import RequestFailed, Response, parse_number
from pkgwidgets.core.errors import IndexUnavailable, PkgwidgetsError, ProjectNotFound
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.index_query import IndexQuery, SkipVersion, StopAt
from pkgwidgets.core.interfaces import (
    ProjectAnswered,
    ProjectResult,
    Report,
    no_report,
)
from pkgwidgets.core.releases import Release, ReleaseList

from . import project_page, release_parser
from .cache import CachedProject, ReleaseCache
from .fetch import Fetched, fetch_all

_ACCEPT = f"{project_page.JSON}, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_MAX_CONNECTIONS = 48
_LONGEST_FRESH = 600.0
"""Seconds that an answer counts as fresh at most, whatever it says: it may be un-yanked."""


_Reached = tuple[tuple[Release, ...], tuple[Version, ...], StopAt, SkipVersion]


class SimpleIndex:
    """One index, asked project by project over pooled connections."""

    def __init__(self, settings: IndexSettings, cache: ReleaseCache | None = None) -> None:
        self._settings = settings
        self._own_cache = cache
        self._reached: dict[NormalizedName, _Reached] = {}

    @cached_property
    def _cache(self) -> ReleaseCache:
        own = self._own_cache
        return own if own is not None else ReleaseCache(self._settings.shown_url)

    @cached_property
    def _client(self) -> Client:
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
        """Its address without credentials."""
        return self._settings.shown_url

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Ask for many projects at once, an event each; a failure is that project's answer.

        Fresh answers come from the cache without a request, unless `refresh`. Where the index
        does not answer, the kept answer counts, marked with what went wrong. Bounded: 120 s.
        """
        found: dict[NormalizedName, ProjectResult] = {}
        for came in self._answers(query):
            if came is None:
                report(Event(stage=Stage.ASKING, done=len(found), total=len(query.names)))
                continue
            id, answer = came
            found[id] = answer
            done, total = len(found), len(query.names)
            report(
                ProjectAnswered(stage=Stage.ASKING, id=id, answer=answer, done=done, total=total)
            )
        return found

    def _answers(
        self, query: IndexQuery
    ) -> Iterator[tuple[NormalizedName, ReleaseList | PkgwidgetsError] | None]:
        """Yield the answer of each project as it comes; None now and then while none does."""
        kept = self._cache.get(query.names)
        now = time()
        asked = []
        for id in query.names:
            entry = kept.get(id)
            if (
                entry is None
                or query.refresh
                or not entry.asked <= now < entry.fresh_until
                or not self._reaches(id, entry, query)
            ):
                asked.append(id)
            else:
                yield id, ReleaseList(entry.releases)
        if not asked:
            return
        known = {id: entry for id, entry in kept.items() if self._reaches(id, entry, query)}
        news = dict[NormalizedName, CachedProject]()
        try:
            for came in self._fetched(asked, known):
                if came is None:
                    yield None
                    continue
                id, fetched = came
                answer = self._understood(id, fetched, known.get(id), query)
                if isinstance(answer, CachedProject):
                    if _may_be_kept(fetched):
                        news[id] = answer
                    yield id, ReleaseList(answer.releases)
                else:
                    yield id, answer
        finally:
            if news:
                self._cache.put(news)

    def _reaches(self, id: NormalizedName, entry: CachedProject, query: IndexQuery) -> bool:
        """Tell whether an entry reaches far enough; repeated for equal callables, it is known."""
        asked = (entry.releases, entry.skipped, query.stop_at, query.skip_version)
        known = self._reached.get(id)
        if known is not None and known[0] is asked[0] and known[1:] == asked[1:]:
            return True
        reaches = _reaches(id, entry, query)
        if reaches:
            self._reached[id] = asked
        return reaches

    def _fetched(
        self, names: Sequence[NormalizedName], known: Mapping[NormalizedName, CachedProject]
    ) -> Iterator[Fetched | None]:
        seconds = self._settings.limits.round_seconds
        until = min(monotonic() + seconds, self._settings.until())
        late = RequestFailed(f"no answer within {seconds:.0f} seconds")
        client = self._client  # made here, not by many threads at once

        def fetch(name: NormalizedName) -> Response | RequestFailed:
            entry = known.get(name)
            condition = {"If-None-Match": entry.etag} if entry and entry.etag else {}
            try:
                return client.get(f"{name}/", condition, until=until)
            except RequestFailed as failed:
                return failed
            except Exception as error:  # one bad answer must not stop the others
                return RequestFailed(f"the request failed ({type(error).__name__})")

        return fetch_all(names, fetch, connections=_MAX_CONNECTIONS, until=until, late=late)

    def _understood(
        self,
        id: NormalizedName,
        fetched: Response | RequestFailed,
        entry: CachedProject | None,
        query: IndexQuery,
    ) -> CachedProject | ReleaseList | PkgwidgetsError:
        """Return what is to be kept of an answer, or what stands in for it."""
        if isinstance(fetched, RequestFailed):
            return self._unknown(entry, str(fetched))
        if fetched.status == 304 and entry is not None:
            return _revalidation_headers(entry, fetched)
        if fetched.status in (404, 410):
            return ProjectNotFound(id, self.url)
        if fetched.status != 200:
            return self._unknown(entry, f"it answered {fetched.status}")
        try:
            return _entry(id, fetched, query)
        except Exception as error:  # whatever one page makes of us, the others are read
            said = str(error)[:200] if isinstance(error, ValueError) else type(error).__name__
            reason = f"its page of {id} cannot be read ({said})"
            return self._unknown(entry, reason)

    def _unknown(self, entry: CachedProject | None, reason: str) -> ReleaseList | PkgwidgetsError:
        """Fall back on the kept answer, marked with its age; else say what went wrong."""
        error = IndexUnavailable(self.url, reason)
        if entry is None:
            return error
        return ReleaseList(
            entry.releases, stale_reason=f"{error.sentence()[:-1]}; as of {_ago(entry.asked)}"
        )


def _reaches(id: NormalizedName, entry: CachedProject, query: IndexQuery) -> bool:
    """Tell whether what was looked at then goes down as far as it must now, without a gap."""
    if entry.complete:
        return True
    return any(query.stop_at(id, release) for release in reversed(entry.releases)) and all(
        query.skip_version(id, version, entry.releases) for version in entry.skipped
    )


def _entry(id: NormalizedName, answer: Response, query: IndexQuery) -> CachedProject:
    """Read a page from the newest release down, as far as the query wants."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    page = project_page.read(kind, answer.body)
    seen, skipped, complete = list[Release](), list[Version](), True

    def skips(version: Version) -> bool:
        skip = query.skip_version(id, version, seen)
        if skip:
            skipped.append(version)
        return skip

    stop = partial(query.stop_at, id)
    if not query.wants_all:
        complete = not _take(seen, release_parser.newest_releases(id, page, skips), stop)
    if complete:
        seen, skipped = [], []
        complete = not _take(seen, release_parser.releases_from_page(id, page), stop)
    now = time()
    return CachedProject(
        etag=answer.headers.get("etag", ""),
        asked=now,
        fresh_until=now + _freshness(answer),
        releases=tuple(seen),
        skipped=tuple(skipped),
        complete=complete,
    )


def _take(seen: list[Release], given: Iterable[Release], stop: Callable[[Release], bool]) -> bool:
    """Add releases to `seen` down to the first at which to stop; tell whether there was one."""
    for release in given:
        if seen and seen[-1].version == release.version:
            seen.pop()  # this is the whole of it
        seen.append(release)
        if stop(release):
            return True
    return False


def _revalidation_headers(entry: CachedProject, answer: Response) -> CachedProject:
    now = time()
    return msgspec.structs.replace(entry, asked=now, fresh_until=now + _freshness(answer))


def _may_be_kept(answer: Response | RequestFailed) -> bool:
    return isinstance(answer, Response) and "no-store" not in _directives(answer)


def _directives(answer: Response) -> list[str]:
    return answer.headers.get("cache-control", "").lower().replace(" ", "").split(",")


def _freshness(answer: Response) -> float:
    """Return for how many seconds an answer needs no second question (RFC 9111)."""
    said = _directives(answer)
    if "no-cache" in said:
        return 0.0
    given = [
        parse_number(part.removeprefix("max-age=")) for part in said if part.startswith("max-age=")
    ]
    age = parse_number(answer.headers.get("age", "")) or 0
    return max(0.0, min((given[0] or 0) - age, _LONGEST_FRESH)) if given else 0.0


def _ago(when: float) -> str:
    minutes = max(0, int(time() - when)) // 60
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "a moment ago"
