"""Packages as they are shown: the installed release and its updates."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from .html_repr import HtmlRepr
from .origins import Origin
from .project_links import find_change_log
from .text import lower_first


class PackageStatus(StrEnum):
    """The status of a package; computed from the journal, never stored.

    A package has an error if its metadata cannot be read, or if an incomplete rollback left its
    files neither old nor new. A failed change that was rolled back is no error of the package.

    >>> service.get_package("seedshelf").status.value
    'installed'
    """

    INSTALLED = "installed"
    INSTALLING = "installing"
    UPGRADING = "upgrading"
    ERROR = "error"


class VersionStep(StrEnum):
    """The size of a step between two versions, by the first release number that differs."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageInfo(HtmlRepr):
    """One package as shown: a view of its distribution, its newest releases and the journal.

    `latest_version` is the newest eligible release. `compatible_version` is the newest that no
    installed package forbids. None means that no index was asked, or unknown because of `error`.
    Times are in UTC.

    >>> info = service.get_package("raintable", check_updates=True)
    >>> info.version, info.latest_version, info.compatible_version, info.change.value
    ('2.0.0', '3.1.0', '2.4.0', 'major')
    """

    name: str
    version: str
    latest_version: str | None = None
    compatible_version: str | None = None
    change: VersionStep | None = None
    blocked_by: str = ""
    released: datetime | None = None
    status: PackageStatus = PackageStatus.INSTALLED
    requested: bool = False
    loaded_version: str | None = None
    installed: datetime | None = None
    last_upgraded: datetime | None = None
    install_path: Path | None = None
    origin: Origin = Origin.INDEX
    summary: str = ""
    links: tuple[tuple[str, str], ...] = ()
    project_status: str | None = None
    """The status of the project on the index (PEP 792), with the reason; "" if it is active."""
    yanked: str | None = None
    """That the index withdrew the installed version (PEP 592), with the reason; "" if not."""
    attestations: str | None = None
    """Which wheels of the latest release have attestations on the index (PEP 740); "" for none."""
    license: str = ""
    """The SPDX expression of its licence (PEP 639), else what older metadata says of it."""
    error: str | None = None
    failed_change: str = ""
    """Why its last change failed and was rolled back, so that it is intact; "" once dismissed."""
    has_incomplete_rollback: bool = field(default=False, repr=False)
    """Whether an incomplete rollback left it neither old nor new; not part of JSON."""

    @property
    def id(self) -> NormalizedName:
        """The normalised name."""
        return canonicalize_name(self.name)

    @property
    def change_log(self) -> str:
        """The address of its change log, by the well-known labels of links (PEP 753); or ""."""
        return find_change_log(self.links)

    @property
    def has_failed_change(self) -> bool:
        """Whether its last change failed and was rolled back: the package itself is intact."""
        return self.failed_change != ""

    @property
    def update_available(self) -> bool | None:
        """Whether the latest version is newer than the installed one; None if unknown."""
        if self.latest_version is None:
            return None
        if self.latest_version == self.version:
            return False
        return Version(self.latest_version) > Version(self.version)

    def __str__(self) -> str:
        parts = [f"{self.name} {self.version}".strip()]
        if self.update_available:
            parts.append(f"{self.latest_version} is available")
        elif self.latest_version is not None and not self.error:
            parts.append("up to date")
        parts += filter(None, (self.project_status, self.yanked))
        if self.blocked_by:
            parts.append(f"blocked by {self.blocked_by}")
        if self.loaded_version not in (None, self.version):
            parts.append(f"{self.loaded_version} is still loaded")
        if self.failed_change:
            parts.append(lower_first(self.failed_change.removesuffix(".")))
        return "; ".join([*parts, self.error] if self.error else parts)

    def __repr__(self) -> str:
        return f"PackageInfo({self})"


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageDependencies:
    """The dependencies, the dependents and the size of an installed package.

    Names are spelled as the projects do, and sorted. `size` is in bytes, as RECORD lists them
    (PEP 376); None without a RECORD.

    >>> dependencies = service.get_dependencies("beanpoles")
    >>> dependencies.requires, dependencies.required_by, dependencies.size > 0
    ((), ('bedplanner',), True)
    """

    requires: tuple[str, ...] = ()
    required_by: tuple[str, ...] = ()
    size: int | None = None
