"""What an index has of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel on an index. `size` in bytes; `sha256` and `size` are None where not given."""

    filename: str
    sha256: str | None = None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    """As the index says it of this file; a release may have others (PEP 503)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of a project on an index (PEP 503, 592, 700)."""

    version: Version
    yanked: bool = False
    uploaded: datetime | None = None
    wheels: tuple[Wheel, ...] = ()


@dataclass(frozen=True, slots=True)
class ReleaseList(Sequence[Release]):
    """What an index said of one project: its releases, newest first, as far as they were asked for.

    `stale` says why an older answer stands in for a new one, and how old it is; "" for a new one.
    """

    releases: tuple[Release, ...]
    stale_reason: str = ""

    @overload
    def __getitem__(self, index: int) -> Release: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Release]: ...

    def __getitem__(self, index: int | slice) -> Release | Sequence[Release]:
        return self.releases[index]

    def __len__(self) -> int:
        return len(self.releases)
