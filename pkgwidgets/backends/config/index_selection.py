"""Choose the indexes: those of uv's configuration, else pip's, else uv's default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.index.index_limits import IndexLimits
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.redaction import without_credentials

from . import pip_config, uv_config
from .index_sources import IndexSources

SourceFactory = Callable[[], IndexSources]
"""Returns the sources, which are read when they are first needed.

Raises `IndexUnavailable` or `InstallerUnavailable`. So a listing or an undo, which needs no index,
works while the configuration is unreadable.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSettings:
    """One index, and how to reach it.

    `index_url` may hold credentials: show `shown_url` instead.
    """

    index_url: str = field(repr=False)
    access: NetworkSettings = field(default_factory=NetworkSettings)
    limits: IndexLimits = field(default_factory=IndexLimits, repr=False)

    @property
    def shown_url(self) -> str:
        """The index's URL without credentials."""
        return without_credentials(self.index_url)


class CachedSources:
    """Sources that are read once."""

    def __init__(self, find: SourceFactory) -> None:
        self._find = find
        self._lock = Lock()
        self._sources: IndexSources | None = None

    def __call__(self) -> IndexSources:
        """Return the sources; raise the errors of the factory, and try again at the next call."""
        with self._lock:
            if self._sources is None:
                self._sources = self._find()
            return self._sources


def sources_for_url(index_url: str) -> IndexSettings:
    """Return the settings of one index; raise `InvalidRequest` if it is not an HTTP URL."""
    if not _is_http_url(index_url):
        raise InvalidRequest("index address", index_url)
    return IndexSettings(index_url=f"{index_url.rstrip('/')}/")


def explicit_index(index_url: str, prefix: Path, folder: Path | None = None) -> SourceFactory:
    """Return a factory for one index only; raise `InvalidRequest` if it is not an HTTP URL.

    The network settings for its host come from uv's and pip's configuration.
    """
    settings = sources_for_url(index_url)

    def find() -> IndexSources:
        network = pip_config.pip_network(uv_config.uv_network(folder), prefix)
        return replace(network, indexes=(settings.index_url,))

    return CachedSources(find)


def configured_indexes(
    find_uv: Callable[[], Path], prefix: Path, folder: Path | None = None
) -> SourceFactory:
    """Return a factory for uv's configured sources, else pip's, for the environment at `prefix`."""

    def find() -> IndexSources:
        uv = find_uv()
        sources = uv_config.uv_sources(uv, folder)
        if sources is not None:
            return sources
        default = uv_config.default_index(uv)
        return pip_config.pip_sources(uv_config.uv_network(folder), prefix, default)

    return CachedSources(find)


def _is_http_url(text: object) -> bool:
    """Tell whether a text is an HTTP URL on one line; `urlsplit` alone accepts too much."""
    if not isinstance(text, str) or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for an invalid port
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
