"""Answers that the caller of a query knows: if the index confirms them, they need not be read."""

from __future__ import annotations

from packaging.utils import NormalizedName

from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.releases import ReleaseList

from .cache import ReleaseCache, Stamp


class KnownAnswers:
    """The projects of a query whose cached answer is still the one that the caller knows.

    An answer is the same if its times are: each answer that is stored gets times of its own.
    """

    def __init__(self, cache: ReleaseCache, query: IndexQuery) -> None:
        self._cache = cache
        kept = cache.stamps(query.known) if query.known else {}
        self._stamps = {
            name: stamp for name, stamp in kept.items() if stamp[1:] == query.known[name]
        }
        self._confirmed: dict[NormalizedName, Stamp] = {}

    def __contains__(self, name: NormalizedName) -> bool:
        return name in self._stamps

    @property
    def etags(self) -> dict[NormalizedName, str]:
        """The entity tags of these answers (RFC 9110)."""
        return {name: etag for name, (etag, _, _) in self._stamps.items()}

    def fresh(self, name: NormalizedName, now: float) -> ReleaseList | None:
        """Return the known answer if it is fresh; None if the index must be asked."""
        _, asked, fresh_until = self._stamps[name]
        return _known_list((asked, fresh_until)) if asked <= now < fresh_until else None

    def confirm(self, name: NormalizedName, now: float, fresh_seconds: float | None) -> ReleaseList:
        """Note that the index has just confirmed an answer, and return it.

        `fresh_seconds` is None if the answer may not be kept.
        """
        if fresh_seconds is None:
            return _known_list(None)
        etag, times = self._stamps[name][0], (now, now + fresh_seconds)
        self._confirmed[name] = etag, *times
        return _known_list(times)

    def save(self) -> None:
        """Write the times of the confirmed answers into the cache."""
        if self._confirmed:
            self._cache.confirm(self._confirmed)


def _known_list(times: tuple[float, float] | None) -> ReleaseList:
    return ReleaseList((), times=times, is_known=True)
