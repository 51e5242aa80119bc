"""Which indexes are asked: uv's configuration, else pip's, else uv's default."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.backends.index.limits import IndexLimits
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.redaction import without_credentials

from . import pip_config, uv_config
from .index_sources import IndexSources

SourceFactory = Callable[[], IndexSources]
"""Returns the sources, found out when they are needed first.

Raises `IndexUnavailable` or `InstallerUnavailable`. What needs no index, a listing or an undo,
works where nobody can say.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSettings:
    """One index, and how it is reached.

    `index_url` may hold credentials: it is never shown, `shown_url` is. `until` returns the
    monotonic time after which nobody waits for it.
    """

    index_url: str = field(repr=False)
    access: NetworkSettings = field(default_factory=NetworkSettings)
    until: Callable[[], float] = field(default=lambda: inf, repr=False, compare=False)
    limits: IndexLimits = field(default_factory=IndexLimits, repr=False)

    @property
    def shown_url(self) -> str:
        """The index's address without credentials."""
        return without_credentials(self.index_url)


class CachedSources:
    """Sources that are asked for once."""

    def __init__(self, find: SourceFactory) -> None:
        self._find = find
        self._guard = Lock()
        self._known: IndexSources | None = None

    def __call__(self) -> IndexSources:
        """Return them; raises what finding them raises, and tries again the next time."""
        with self._guard:
            if self._known is None:
                self._known = self._find()
            return self._known


def sources_for_url(index_url: str) -> IndexSettings:
    """Return the settings for a named index; `InvalidRequest` if it is no http address."""
    if not _is_address(index_url):
        raise InvalidRequest("index address", index_url)
    return IndexSettings(index_url=f"{index_url.rstrip('/')}/")


def explicit_index(index_url: str, prefix: Path) -> SourceFactory:
    """Return the one index that the user named; `InvalidRequest` if it is no http address.

    No other is asked; how its host is reached is configured as for all others.
    """
    settings = sources_for_url(index_url)

    def find() -> IndexSources:
        around = pip_config.pip_network(uv_config.uv_network(), prefix)
        return replace(around, indexes=(settings.index_url,))

    return CachedSources(find)


def configured_indexes(find_uv: Callable[[], Path], prefix: Path) -> SourceFactory:
    """Return what uv is configured with, else what pip is, for the environment at `prefix`."""

    def find() -> IndexSources:
        uv = find_uv()
        own = uv_config.uv_sources(uv)
        if own is not None:
            return own
        return pip_config.pip_sources(uv_config.uv_network(), prefix, uv_config.default_index(uv))

    return CachedSources(find)


def _is_address(text: object) -> bool:
    """Tell whether it is an http address on one line; `urlsplit` alone forgives too much."""
    if not isinstance(text, str) or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises if it is none
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
