"""Which index is configured: uv's own answer, which reads its variables and files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from pkgwidgets.core.errors import IndexUnavailable, InvalidRequest
from pkgwidgets.core.words import without_credentials

from . import process


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Where packages come from. `given` tells that the user named the index for this environment.

    `index_url` may hold credentials: it is never shown, `shown_url` is.
    """

    index_url: str
    given: bool = False

    @property
    def shown_url(self) -> str:
        """The index's address without credentials."""
        return without_credentials(self.index_url)


class Configured:
    """The settings that uv is configured with; asked only when the index is needed.

    So what needs no index, a listing or an undo, works where uv cannot say.
    """

    given = False

    def __init__(self, find: Callable[[], Path]) -> None:
        self._find = find

    @cached_property
    def index_url(self) -> str:
        """The index's address; raises `IndexUnavailable` or `InstallerUnavailable`."""
        return configured(self._find()).index_url

    @property
    def shown_url(self) -> str:
        """The index's address without credentials."""
        return without_credentials(self.index_url)


def given(index_url: str) -> Settings:
    """Return the settings for a named index; `InvalidRequest` if it is no http address."""
    if not _is_address(index_url):
        raise InvalidRequest("index address", index_url)
    return Settings(index_url=index_url.rstrip("/") + "/", given=True)


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


@lru_cache(maxsize=4)
def configured(uv: Path) -> Settings:
    """Return what uv would ask, told by an empty resolution that emits its index."""
    done = process.run(
        [str(uv), "pip", "compile", "--emit-index-url", "--offline", "--quiet", "--no-header", "-"],
        timeout=30,
    )
    for line in done.stdout.splitlines():
        option, _, value = line.partition(" ")
        if option == "--index-url" and value:
            return Settings(index_url=value.rstrip("/") + "/")
    raise IndexUnavailable("uv", f"it names no index: {done.stderr.strip()[-300:] or 'no answer'}")
