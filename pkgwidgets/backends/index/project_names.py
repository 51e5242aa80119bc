"""The names that the configured indexes list at the root of their simple API (PEP 503, 691)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from pathlib import Path
from threading import Lock
from time import monotonic
from urllib.parse import unquote, urlsplit

import msgspec

from pkgwidgets.backends import kept_file
from pkgwidgets.backends.config.index_selection import IndexSettings, SourceFactory
from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.http.response import Response
from pkgwidgets.backends.user_cache import cache_folder
from pkgwidgets.core.errors import PkgwidgetsError

from . import project_page
from .name_file import NameFile

_LIMITS = HttpLimits(
    connect_seconds=3.0, read_seconds=5.0, answer_seconds=10.0, max_bytes=64 << 20,
    max_tries=1, max_retry_after_seconds=0.0,
)  # fmt: skip
"""A public index sends 10 MB, which are 40 MB of JSON."""
_ROUND_SECONDS = 10.0
_DAY_SECONDS = 86_400.0
_RETRY_SECONDS = 600.0
"""Seconds for which an index that did not answer is not asked again."""
# Other names are dropped: a name has only ASCII letters, digits and three signs (PEP 508).
_NAME = re.compile(rb'"name"\s*:\s*"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)"')
_LINK = re.compile(
    rb"<a\b[^>]{0,500}?href\s*=\s*[\x27\"]?([^\x27\"\s>]{1,500})[^>]{0,500}>"
    rb"\s*([A-Za-z0-9._-]{1,100})\s*/?\s*</a",
    re.IGNORECASE,
)
_NO_LIST = (404, 405, 406, 410)
"""The statuses of an index that has no list, also tomorrow."""
_BATCH = 10_000
_SEPARATORS = re.compile(rb"[-_.]+")


class _ListPage(msgspec.Struct, gc=False):
    """The JSON page that lists all projects (PEP 691); its list is searched, not decoded."""

    projects: msgspec.Raw
    meta: project_page.Meta = msgspec.field(default_factory=project_page.Meta)


class IndexProjectNames:
    """The names on the configured indexes, in the order in which they are asked.

    A list is fetched only when `refresh` is called, at most once a day, within 10 s for all
    indexes. Only JSON is requested: the HTML of a public index is four times as large. An index
    that lists nothing has no names. It never raises.
    """

    def __init__(self, sources: SourceFactory, folder: Path | None = None) -> None:
        self._find_sources = sources
        self._given_folder = folder
        self._lock = Lock()
        self._failed_at: dict[str, float] = {}

    def refresh(self) -> None:
        """Fetch the lists that are older than a day; wait for another thread that does."""
        with suppress(PkgwidgetsError), self._lock:
            until = monotonic() + _ROUND_SECONDS
            for settings in self._http_indexes():
                if self._is_due(settings.shown_url) and monotonic() < until:
                    self._fetch(settings, until)

    def starting_with(self, prefix: str, limit: int) -> tuple[str, ...]:
        """Return names that begin with a prefix: those of the first index, shorter ones first."""
        names, encoded = dict[str, None](), prefix.encode(errors="replace")
        with suppress(PkgwidgetsError):
            for listed in self._lists():
                found = sorted(listed.starting_with(encoded), key=lambda n: (len(n), n))
                names |= dict.fromkeys(name.decode() for name in found[:limit])
        return tuple(names)[:limit]

    def listed(self, names: Collection[str]) -> frozenset[str]:
        """Return those of `names` that an index lists."""
        encoded = {name.encode(errors="replace") for name in names}
        found = set[bytes]()
        with suppress(PkgwidgetsError):
            for listed in self._lists():
                found |= listed.listed(encoded - found)
        return frozenset(name.decode() for name in found)

    @cached_property
    def _sources(self) -> IndexSources:
        return self._find_sources()

    def _http_indexes(self) -> Iterator[IndexSettings]:
        sources = self._sources
        for url in sources.indexes:
            if not url.startswith("file:"):
                address = f"{url.rstrip('/')}/"
                yield IndexSettings(index_url=address, access=sources.access)

    def _lists(self) -> Iterator[NameFile | _FolderNames]:
        for url in self._sources.indexes:
            if url.startswith("file:"):
                yield _FolderNames(Path(unquote(urlsplit(url).path)))
            else:
                yield self._file(IndexSettings(index_url=f"{url.rstrip('/')}/").shown_url)

    def _file(self, shown_url: str) -> NameFile:
        folder = self._given_folder if self._given_folder is not None else cache_folder()
        return NameFile(folder / "names-1" / f"{kept_file.digest(shown_url)[:32]}.txt")

    def _is_due(self, shown_url: str) -> bool:
        age = self._file(shown_url).age()
        is_fresh = age is not None and 0 <= age < _DAY_SECONDS
        failed_at = self._failed_at.get(shown_url)
        return not is_fresh and (failed_at is None or monotonic() > failed_at + _RETRY_SECONDS)

    def _fetch(self, settings: IndexSettings, until: float) -> None:
        file = self._file(settings.shown_url)
        try:
            response = _request(settings, file.etag(), until)
            if response.status == 304:
                file.confirm()
            elif response.status == 200:
                file.write(_read_names(response), response.headers.get("etag", ""))
            elif response.status in _NO_LIST:
                file.write((), "")
            else:
                self._failed_at[settings.shown_url] = monotonic()
        except Exception:  # names are a help: without them the form works
            self._failed_at[settings.shown_url] = monotonic()


class _FolderNames:
    """The names of an index in a folder: those of its folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def starting_with(self, prefix: bytes) -> list[bytes]:
        return [name for name in self._names() if name.startswith(prefix)]

    def listed(self, names: Collection[bytes]) -> set[bytes]:
        return {*names} & self._names()

    def _names(self) -> set[bytes]:
        with suppress(OSError):
            folders = (entry.name.encode(errors="replace") for entry in self._folder.iterdir())
            return {name for name in folders if re.fullmatch(rb"[a-z0-9]+(-[a-z0-9]+)*", name)}
        return set()


def _request(settings: IndexSettings, etag: str, until: float) -> Response:
    client = Client(
        settings.index_url,
        {"Accept": project_page.JSON, "User-Agent": "pkgwidgets"},
        at_once=1,
        access=settings.access,
        limits=_LIMITS,
    )
    return client.get("", {"If-None-Match": etag} if etag else {}, until=until)


def _read_names(response: Response) -> Iterable[bytes]:
    """Return the normalized names on a page; raises ValueError if it is no list of projects."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in project_page.HTML:  # from a server that knows only HTML
        return _linked_names(response.body)
    if media_type != project_page.JSON:
        raise ValueError("it is not the page of an index")
    page = msgspec.json.decode(response.body, type=_ListPage)
    if page.meta.api_version.partition(".")[0] != "1":
        raise ValueError("its version is unknown")
    return _joined_names(memoryview(page.projects)).split()


def _joined_names(text: memoryview) -> bytes:
    """Return the normalized names in a JSON text, one per line.

    They are normalized by the thousand: one by one takes seconds for a public index, and all at
    once a hundred megabytes.
    """
    found = _NAME.finditer(text)
    parts = list[bytes]()
    while batch := b"\n".join(match[1] for match in islice(found, _BATCH)):
        parts.append(_normalize(batch))
    return b"\n".join(parts)


def _linked_names(body: bytes) -> Iterable[bytes]:
    """Yield the names of links to projects: the text is the last part of the address."""
    for address, text in _LINK.findall(body):
        name = _normalize(text)
        last_part = address.rstrip(b"/").rpartition(b"/")[2]
        if _normalize(last_part) == name and name.strip(b"-") == name:
            yield name


def _normalize(name: bytes) -> bytes:
    return _SEPARATORS.sub(b"-", name).lower()
