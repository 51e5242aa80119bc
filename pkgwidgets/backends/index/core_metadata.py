"""Read the core metadata of a wheel from the file next to it on the index (PEP 658, 714)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email.parser import HeaderParser
from threading import Lock
from time import monotonic
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec
from packaging.utils import NormalizedName

from pkgwidgets.backends.config.index_selection import IndexSettings, SourceFactory
from pkgwidgets.backends.http.client import Client
from pkgwidgets.backends.http.http_limits import HttpLimits
from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.http.response import RequestFailed, Response
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.summaries import short_summary

from . import project_page

_LIMITS = HttpLimits(
    connect_seconds=5.0, read_seconds=5.0, answer_seconds=8.0, max_bytes=32 << 20,
    max_tries=2, max_retry_after_seconds=1.0,
)  # fmt: skip
_ROUND_SECONDS = 10.0
_MAX_METADATA_BYTES = 4 << 20
_MAX_KEPT = 500


class _File(msgspec.Struct, gc=False):
    """A file of a JSON page; the older key has the same meaning (PEP 714)."""

    filename: str
    url: str
    core_metadata: Any = msgspec.field(name="core-metadata", default=None)
    older_core_metadata: Any = msgspec.field(name="dist-info-metadata", default=None)

    @property
    def metadata(self) -> Any:
        """Whether its metadata is served: true, or the hashes of that file; else false."""
        return self.core_metadata or self.older_core_metadata or False


class _Page(msgspec.Struct, gc=False):
    files: list[_File]


class IndexCoreMetadata:
    """The metadata files on the configured indexes. It never raises.

    The page of the project says where a file is, and that may be on another server, where the
    installer reads the same file. A metadata file that is not listed is not requested.
    """

    def __init__(self, sources: SourceFactory) -> None:
        self._find_sources = sources
        self._lock = Lock()
        self._kept: dict[tuple[str, str], str] = {}

    def summary_of(self, name: NormalizedName, filename: str) -> str:
        """Return the summary of a wheel within 10 s; see `SummarySource`."""
        key = (name, filename)
        kept = self._kept.get(key)
        if kept is not None:
            return kept
        text = ""
        try:
            text = self._read_summary(name, filename, monotonic() + _ROUND_SECONDS)
        except (PkgwidgetsError, RequestFailed):
            return ""  # it may answer later
        except Exception:  # a page or a file that is not what it should be
            text = ""
        with self._lock:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            self._kept[key] = text
        return text

    def _read_summary(self, name: NormalizedName, filename: str, until: float) -> str:
        for settings in self._http_indexes():
            page = _get(settings.index_url, f"{name}/", settings.access, until)
            if page.status != 200 or not _is_json(page):
                continue
            for file in msgspec.json.decode(page.body, type=_Page).files:
                if file.filename == filename:
                    return _summary_of_file(file, settings, name, until)
        return ""

    def _http_indexes(self) -> Iterator[IndexSettings]:
        sources = self._find_sources()
        for url in sources.indexes:
            if not url.startswith("file:"):
                yield IndexSettings(index_url=f"{url.rstrip('/')}/", access=sources.access)


def _summary_of_file(
    file: _File, settings: IndexSettings, name: NormalizedName, until: float
) -> str:
    if not file.metadata:
        return ""
    address = urljoin(f"{settings.shown_url}{name}/", file.url).partition("#")[0]
    server, path = _split(f"{address}.metadata", settings.index_url)
    answer = _get(server, path, settings.access, until)
    if answer.status != 200 or len(answer.body) > _MAX_METADATA_BYTES:
        return ""
    sha256 = file.metadata.get("sha256") if isinstance(file.metadata, dict) else None
    if isinstance(sha256, str) and hashlib.sha256(answer.body).hexdigest() != sha256.lower():
        return ""
    headers = HeaderParser().parsestr(answer.body.decode("utf-8", "replace"))
    return short_summary(str(headers.get("Summary", "")))


def _split(address: str, index_url: str) -> tuple[str, str]:
    """Return the server of an address and the rest; with credentials on the index's own server.

    Raises ValueError unless it is an HTTP address, and as safe as that of the index.
    """
    parts, index = urlsplit(address), urlsplit(index_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it is not an HTTP address")
    if index.scheme == "https" and parts.scheme != "https":
        raise ValueError("it is less safe than the index")
    netloc = parts.netloc.rpartition("@")[2]
    if (index.scheme, index.netloc.rpartition("@")[2]) == (parts.scheme, netloc):
        netloc = index.netloc
    target = parts.path.removeprefix("/") + (f"?{parts.query}" if parts.query else "")
    return f"{parts.scheme}://{netloc}/", target


def _get(base: str, path: str, access: NetworkSettings, until: float) -> Response:
    headers = {"Accept": f"{project_page.JSON}, */*;q=0.1", "User-Agent": "pkgwidgets"}
    return Client(base, headers, at_once=1, access=access, limits=_LIMITS).get(
        path, {}, until=until
    )


def _is_json(response: Response) -> bool:
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type in (project_page.JSON, "application/json")
