"""A lock: the exact packages of an environment, with their files and hashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from packaging.utils import NormalizedName
from packaging.version import Version

PYLOCK = "pylock.toml"
REQUIREMENTS = "requirements.txt"
LOCK_FORMATS = (PYLOCK, REQUIREMENTS)
"""The formats in which a lock is written (PEP 751; the requirements files of pip)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedFile:
    """One file of a release: a wheel. `url` is without credentials; "" if it is not known."""

    name: str
    sha256: str
    url: str = ""
    size: int | None = None
    uploaded: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedSource:
    """Where a package came from that is not of an index (PEP 610)."""

    kind: str
    """`vcs`, `archive` or `directory`, as PEP 751 names the tables."""
    url: str
    """The URL without credentials; of a directory, a `file:` URL."""
    commit: str = ""
    vcs: str = ""
    requested_revision: str = ""
    subdirectory: str = ""
    editable: bool = False
    sha256: str = ""
    """The hash of an archive; "" if it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedPackage:
    """One package of a lock. `name` is normalized; `version` is None if its source decides."""

    name: NormalizedName
    version: Version | None = None
    marker: str = ""
    """The environments that need it (PEP 508); "" for all."""
    files: tuple[LockedFile, ...] = ()
    hashes: tuple[str, ...] = ()
    """The sha256 hashes of its files; also those whose files have no name."""
    source: LockedSource | None = None
    requested: bool = True

    def __str__(self) -> str:
        return self.name if self.version is None else f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """The packages of an environment, sorted by name.

    `python` is the version of the interpreter that had them; "" if it is not known. `missing` are
    the packages that the format cannot hold, with the reasons. `left_out` are what a reader passed
    over, one clause each.
    """

    packages: tuple[LockedPackage, ...]
    python: str = ""
    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    left_out: tuple[str, ...] = ()

    @property
    def requested(self) -> tuple[LockedPackage, ...]:
        """The packages that were installed for the user, not only for others."""
        return tuple(package for package in self.packages if package.requested)


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A lock as text; `notes` says what it lacks, one sentence each.

    >>> export = service.export("requirements.txt")
    >>> export.file_name, export.notes
    ('requirements.txt', ())
    >>> "seedshelf==1.4.1" in str(export)
    True
    """

    file_name: str
    text: str = field(repr=False)
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text
