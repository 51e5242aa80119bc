"""Where a distribution came from, and why only those of an index are changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """Where a distribution came from; plans change only those of `INDEX`."""

    INDEX = "index"
    EDITABLE = "editable"
    URL = "url"
    VCS = "vcs"
    CONDA = "conda"
    SYSTEM = "system"


KNOWN_TO_INDEXES = frozenset({Origin.INDEX, Origin.CONDA, Origin.SYSTEM})
"""The origins whose names and versions mean the same to an index as here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OriginReason:
    """Why distributions of one origin are listed but never changed."""

    text: str
    """A clause about the distribution: `it belongs to conda`."""
    note: str
    """The same in a few words, for a table row."""


ORIGIN_REASONS: Mapping[Origin, OriginReason] = {
    Origin.EDITABLE: OriginReason(
        text="it is editable, so change it in its source folder", note="editable install"
    ),
    Origin.URL: OriginReason(text="it was installed from a URL", note="installed from a URL"),
    Origin.VCS: OriginReason(
        text="it was installed from a repository", note="installed from a repository"
    ),
    Origin.CONDA: OriginReason(text="it belongs to conda", note="belongs to conda"),
    Origin.SYSTEM: OriginReason(text="it belongs to the system", note="belongs to the system"),
}
"""The reasons for every origin but `INDEX`, whose distributions may be changed."""
