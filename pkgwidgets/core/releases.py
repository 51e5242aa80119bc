"""The releases and wheels of a project on an index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import overload

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from .text import escape_hidden


@dataclass(frozen=True, kw_only=True, slots=True)
class Wheel:
    """One wheel on an index. `size` is in bytes; `sha256` and `size` are None if not given."""

    filename: str
    sha256: str | None = None
    size: int | None = None
    requires_python: SpecifierSet | None = None
    """Of this file, as the index says (PEP 503); other files of a release may differ."""
    provenance: str = ""
    """The address of its provenance object (PEP 740); "" if the index has no attestations of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of a project on an index (PEP 503, 592, 691, 700); `uploaded` is in UTC.

    >>> release = service.list_releases("Compost_Log")[0]
    >>> str(release.version), release.yanked, release.wheels[0].filename
    ('1.0.0', True, 'compost_log-1.0.0-py3-none-any.whl')
    """

    version: Version
    yanked: bool = False
    yanked_reason: str = ""
    uploaded: datetime | None = None
    wheels: tuple[Wheel, ...] = ()

    @property
    def attested(self) -> str:
        """Which of its wheels have attestations (PEP 740): `all wheels of 1.4.2`; "" for none."""
        count, total = sum(bool(wheel.provenance) for wheel in self.wheels), len(self.wheels)
        amount = "all" if count == total else f"{count} of {total}"
        return f"{amount} wheels of {self.version}" if count else ""


QUARANTINED = "quarantined"
_MAX_REASON_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectStatus:
    """The status of a project on an index (PEP 792), such as archived; "" is active."""

    status: str = ""
    reason: str = ""

    @property
    def is_quarantined(self) -> bool:
        """Whether the index calls the project unsafe: then nothing of it is installed."""
        return self.status == QUARANTINED

    def __str__(self) -> str:
        return f"{self.status}: {self.reason}" if self.reason else self.status


ACTIVE = ProjectStatus()
_STATUSES = frozenset({"archived", "deprecated", QUARANTINED})


def project_status(status: object, reason: object = "") -> ProjectStatus:
    """Return the status that a page gives; one that the standard lacks counts as active.

    >>> str(project_status("archived", "moved to pea2"))
    'archived: moved to pea2'
    """
    if not isinstance(status, str) or status not in _STATUSES:
        return ACTIVE
    return ProjectStatus(status=status, reason=short_reason(reason))


def short_reason(reason: object) -> str:
    """Return a reason of an index on one line, short and without hidden characters."""
    text = " ".join(reason.split()) if isinstance(reason, str) else ""
    return escape_hidden(text)[:_MAX_REASON_CHARACTERS]


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
    status: ProjectStatus = ACTIVE
    is_known: bool = field(default=False, compare=False, repr=False)
    """Whether the query calls this answer known, so that its releases are left out."""

    @overload
    def __getitem__(self, index: int) -> Release: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Release]: ...

    def __getitem__(self, index: int | slice) -> Release | Sequence[Release]:
        return self.releases[index]

    def __len__(self) -> int:
        return len(self.releases)
