"""The releases and wheels of a project on an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import overload

from packaging.specifiers import SpecifierSet
from packaging.version import Version


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel on an index. `size` is in bytes; `sha256` and `size` are None if not given."""

    filename: str
    sha256: str | None = None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    """Of this file, as the index says (PEP 503); other files of a release may differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of a project on an index (PEP 503, 592, 691, 700); `uploaded` is in UTC.

    >>> release = service.list_releases("Compost_Log")[0]
    >>> str(release.version), release.yanked, release.wheels[0].filename
    ('1.0.0', True, 'compost_log-1.0.0-py3-none-any.whl')
    """

    version: Version
    yanked: bool = False
    uploaded: datetime | None = None
    wheels: tuple[Wheel, ...] = ()


LAST_CHECKED = "last checked"
"""How a `stale_reason` begins to tell the age of the answer, after the error and a semicolon."""


@dataclass(frozen=True, slots=True)
class ReleaseList(Sequence[Release]):
    """The answer of an index for one project: the queried releases, newest first.

    `stale_reason` says why a cached answer replaces a new one, and how old it is; else "".
    `hidden_reason` names the setting that hides all releases; else "". `times` are when the index
    gave the answer, and until when it is fresh, in seconds since the epoch; None if nothing keeps
    it.
    """

    releases: tuple[Release, ...]
    stale_reason: str = ""
    hidden_reason: str = ""
    times: tuple[float, float] | None = field(default=None, compare=False, repr=False)
    index_url: str = field(default="", compare=False, repr=False)
    """The index that has them; "" if they are from several, or from folders and pages."""

    @overload
    def __getitem__(self, index: int) -> Release: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Release]: ...

    def __getitem__(self, index: int | slice) -> Release | Sequence[Release]:
        return self.releases[index]

    def __len__(self) -> int:
        return len(self.releases)
