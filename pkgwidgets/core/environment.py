"""Describe an environment: its interpreter and its installed distributions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core.origins import ORIGIN_REASONS, Origin

DIRECT_URL = "direct_url.json"
"""The dist-info file with the origin of a distribution that is not from an index (PEP 610)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """One Python: the facts that decide which files are compatible and where they go.

    `scheme` maps purelib, platlib, scripts and data to folders. `search` are the folders of its
    distributions, in import order. `tags` are PEP 425 tags, best first. `markers` is the PEP 508
    marker environment.
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
    """The text of the PEP 668 marker, if one applies."""
    stdlib: Path | None = None
    """The folder of the standard library, and of a PEP 668 marker."""
    stage_moves: Mapping[str, str] = field(default_factory=dict)
    """Relative folders that an installer's `--prefix` lays out otherwise, with the right ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One installed release: its `*.dist-info` folder, read; or an egg-info, an egg."""

    name: str
    version: Version
    path: Path
    installed: datetime
    requires: tuple[str, ...] = ()
    """`Requires-Dist`, unparsed: most are never used."""
    summary: str = ""
    links: tuple[tuple[str, str], ...] = ()
    """Labels and URLs of web pages, http and https only."""
    license: str = ""
    """The SPDX expression (PEP 639), else what the classifiers or the old field say."""
    requested: bool = False
    origin: Origin = Origin.INDEX
    location: str = ""
    """Where an editable or direct-URL distribution came from, without credentials."""
    installer: str = ""
    leftovers: tuple[Path, ...] = ()
    """Folders of the same project, in the same place, that an interrupted uninstallation left."""

    @property
    def id(self) -> NormalizedName:
        """The normalised name."""
        return canonicalize_name(self.name)

    def unmanaged_reason(self, folders: Collection[Path]) -> str | None:
        """Return why plans never change the distribution; None if they may.

        `folders` are those of the environment. A distribution elsewhere, an egg-info and an egg
        have their own reasons, because their origin is `SYSTEM`.
        """
        if self.origin is Origin.INDEX:
            return None
        if self.origin is Origin.SYSTEM and self.path.parent not in folders:
            return f"it is outside of this environment, in {self.path.parent}"
        if self.origin is Origin.SYSTEM and self.path.name.endswith((".egg-info", ".egg")):
            kind = "egg" if self.path.name.endswith(".egg") else "egg-info"
            return f"it is an {kind} without a RECORD, so its files are unknown"
        return ORIGIN_REASONS[self.origin].text


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A distribution with unreadable metadata: a row with status error, never an exception."""

    id: NormalizedName
    path: Path
    reason: str
    requires: tuple[str, ...] = ()
    """`Requires-Dist`, if at least these lines can be read."""
