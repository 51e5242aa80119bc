"""What is installed: one interpreter, and each distribution that it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

DIRECT_URL = "direct_url.json"
"""The file of a dist-info that says where it came from, if from no index (PEP 610)."""


class Origin(StrEnum):
    """Where a distribution came from; only `INDEX` is ours to change."""

    INDEX = "index"
    EDITABLE = "editable"
    URL = "url"
    VCS = "vcs"
    CONDA = "conda"
    SYSTEM = "system"


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginReason:
    """Why distributions of one origin are listed but never changed."""

    text: str
    """A clause about the distribution: `it belongs to conda`."""
    note: str
    """The same in the few words that fit into a row."""


ORIGIN_REASONS: Mapping[Origin, OriginReason] = {
    Origin.EDITABLE: OriginReason(
        text="it is an editable install: change its source instead", note="editable install"
    ),
    Origin.URL: OriginReason(text="it was installed from a URL", note="installed from a URL"),
    Origin.VCS: OriginReason(
        text="it was installed from a repository", note="installed from a repository"
    ),
    Origin.CONDA: OriginReason(text="it belongs to conda", note="belongs to conda"),
    Origin.SYSTEM: OriginReason(text="it belongs to the system", note="belongs to the system"),
}
"""The reasons for every origin but an index, whose distributions may be changed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """One Python: what decides which files fit it and where they go.

    `scheme` maps purelib, platlib, scripts and data to folders; `search` is where its
    distributions lie, in import order; `tags` are PEP 425 tags, best first; `markers` is the
    PEP 508 marker environment.
    """

    python: Path
    version: str
    prefix: Path
    base_prefix: Path
    scheme: Mapping[str, Path]
    search: tuple[Path, ...]
    markers: Mapping[str, str]
    tags: tuple[str, ...]
    externally_managed: str | None = None
    """The text of the PEP 668 marker, if there is one that applies."""
    stdlib: Path | None = None
    """Where the standard library lies, and a PEP 668 marker would."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One installed release: its `*.dist-info` folder, read."""

    name: str
    version: Version
    path: Path
    installed: datetime
    requires: tuple[str, ...] = ()
    """`Requires-Dist`, unparsed: most are never looked at."""
    summary: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Labels and addresses of web pages, http and https only."""
    requested: bool = False
    origin: Origin = Origin.INDEX
    location: str = ""
    """Where an editable or direct-URL distribution came from, without credentials."""
    installer: str = ""

    @property
    def id(self) -> NormalizedName:
        """The normalised name."""
        return canonicalize_name(self.name)

    def unmanaged_reason(self, folders: Collection[Path]) -> str | None:
        """Return why it is never changed in the environment of these folders; None if it may be.

        A distribution outside of the environment and an egg-info have reasons of their own: they
        count as the system's.
        """
        if self.origin is Origin.INDEX:
            return None
        if self.path.parent not in folders:
            return f"it lies outside of this environment, in {self.path.parent}"
        if self.path.name.endswith(".egg-info"):
            return "it has no RECORD, being an egg-info: its files are unknown"
        return ORIGIN_REASONS[self.origin].text


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A distribution whose metadata cannot be read: a row with status error, never an exception."""

    id: NormalizedName
    path: Path
    reason: str
