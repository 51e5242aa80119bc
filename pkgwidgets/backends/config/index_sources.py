"""Where packages come from, as one value: told to our own client and to uv alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pkgwidgets.backends.http.network_settings import NetworkSettings
from pkgwidgets.core.redaction import redact, without_credentials

ALL = "unsafe-best-match"
"""uv's word for how pip searches: every index is asked for every project, the newest counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexSources:
    """All that decides which files are seen, and how they are reached.

    `indexes` are addresses in the order in which they are asked, as they were written: the extra
    ones first, the default last. `links` are folders and addresses of pages whose files are
    candidates too. `strategy` is uv's name for how several indexes are searched. `before` pairs
    projects with the time whose later files do not count, in uv's words; "" is all others.
    `cache` is uv's own folder, if it was told one. Addresses may hold credentials, `shown` none.
    """

    indexes: tuple[str, ...] = field(repr=False)
    links: tuple[str, ...] = field(default=(), repr=False)
    strategy: str = ""
    before: tuple[tuple[str, str], ...] = ()
    access: NetworkSettings = field(default_factory=NetworkSettings)
    cache: str = ""

    @property
    def shown(self) -> str:
        """Their addresses without credentials, in the order in which they are asked."""
        return ", ".join(map(shown_url, (*self.indexes, *self.links))) or "no index"

    @property
    def secrets(self) -> frozenset[str]:
        """What must not be in anything that is shown."""
        return self.access.secrets((*self.indexes, *self.links))


def with_path(address: str) -> str:
    """Return the address of an index; of a path, wherever it is seen from, that of its folder."""
    known = "://" in address or address.startswith("file:")
    if known or "@" in address.partition("/")[0]:  # an address that lacks its scheme is no path
        return address
    return Path(address).expanduser().absolute().as_uri()


def shown_url(address: str) -> str:
    """Return an address, or the path of a folder, as it may be shown."""
    try:
        return without_credentials(address)
    except ValueError:  # it is no address at all
        return redact(address)
