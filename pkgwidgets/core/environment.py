"""What is installed: one interpreter, and each distribution that it has."""

from __future__ import annotations

from collections.abc import Mapping
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
    extras: tuple[str, ...] = ()
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A distribution whose metadata cannot be read: a row with status error, never an exception."""

    id: NormalizedName
    path: Path
    reason: str
