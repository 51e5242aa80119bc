"""A query to an index: which projects, and which of their releases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from math import inf

from packaging.utils import NormalizedName
from packaging.version import Version

from .releases import Release

StopAt = Callable[[NormalizedName, Release], bool]
"""Tells whether to stop at a release; called from the newest release down."""

SkipVersion = Callable[[NormalizedName, Version, Sequence[Release]], bool]
"""Tells from the newer releases whether a version can be skipped."""


def never(*_: object) -> bool:
    """Return False: neither stop nor skip."""
    return False


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """Projects to ask for, and which of their releases are wanted.

    The answer of a project holds its releases from the newest down to the first that `stop_at`
    accepts, that one included. Versions that `skip_version` accepts may be left out. By default
    all releases are wanted. With `refresh` no cached answer counts as fresh. With `cached` only the
    projects with a fresh cached answer are answered, and no index is asked.

    `known` are the times of answers that the caller has used before. If the index confirms such an
    answer, it is `is_known` and has no releases. After `until`, in monotonic seconds, no request is
    waited for.
    """

    names: Collection[NormalizedName]
    _: KW_ONLY
    refresh: bool = False
    cached: bool = False
    stop_at: StopAt = never
    skip_version: SkipVersion = never
    known: Mapping[NormalizedName, tuple[float, float]] = field(default_factory=dict)
    until: float = inf

    @property
    def wants_all(self) -> bool:
        """Whether every release is wanted."""
        return self.stop_at is never

    def of(self, names: Collection[NormalizedName]) -> IndexQuery:
        """Return the same query for other projects."""
        return replace(self, names=names)
