"""The sources of packages as one value, which our own client and uv both use."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.core.redaction import redact, without_credentials

ALL = "unsafe-best-match"
"""uv's name for pip's strategy: ask all indexes for each project, and take the newest file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSources:
    """Everything that decides which files are candidates, and how to reach them.

    `indexes` are URLs as written, in the order in which they are asked: extra ones first, the
    default last. `links` are folders and URLs of pages whose files are candidates too. `strategy`
    is uv's name for the search in several indexes. `before` pairs projects with a time in uv's
    form: later files are not candidates; the project "" stands for all others. `cutoff_setting` is
    the name of the setting that has the latter. `cache` is uv's configured cache folder, or "".
    URLs may hold credentials; `shown` has none.
    """

    indexes: tuple[str, ...] = field(repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)
    strategy: str = ""
    before: tuple[tuple[str, str], ...] = ()
    cutoff_setting: str = "exclude-newer"
    access: NetworkSettings = field(default_factory=NetworkSettings)
    cache: str = ""

    @property
    def shown(self) -> str:
        """The URLs without credentials, in the order in which they are asked."""
        return ", ".join(map(shown_url, (*self.indexes, *self.links))) or "no index"

    @property
    def secrets(self) -> frozenset[str]:
        """The passwords and tokens that no message may show."""
        return self.access.secrets((*self.indexes, *self.links))


def absolute_index_url(address: str) -> str:
    """Return the URL of an index; turn a path into an absolute file URL."""
    has_scheme = "://" in address or address.startswith("file:")
    if has_scheme or "@" in address.partition("/")[0]:  # a URL without its scheme is not a path
        return address
    return Path(address).expanduser().absolute().as_uri()


def shown_url(address: str) -> str:
    """Return a URL, or the path of a folder, without credentials."""
    try:
        return without_credentials(address)
    except ValueError:  # it is not a URL
        return redact(address)
