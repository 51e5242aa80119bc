"""Ignore releases that were uploaded after a time, as uv's setting `exclude-newer` does."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core.durations import parse_duration
from pkgwidgets.core.releases import Release

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class ExcludeNewer:
    """Decides which releases count, from pairs of a project ("" for all) and a cutoff.

    `name_for_all` is the setting that has the cutoff of "". A cutoff that cannot be parsed excludes
    nothing.
    """

    def __init__(
        self, settings: Iterable[tuple[str, str]], name_for_all: str = "exclude-newer"
    ) -> None:
        self._name_for_all = name_for_all
        texts: dict[str, str] = {canonicalize_name(name): text for name, text in settings}
        self._texts = texts
        self._cutoffs: Mapping[str, datetime | None] = {
            name: parse_cutoff(text) for name, text in texts.items()
        }

    def __bool__(self) -> bool:
        return any(self._cutoffs.values())

    def admits(self, name: NormalizedName, release: Release) -> bool:
        """Tell whether a release is older than the cutoff; one of unknown time is not, as in uv."""
        cutoff = self._cutoffs.get(name, self._cutoffs.get(""))
        return cutoff is None or (release.uploaded is not None and release.uploaded < cutoff)

    def why_hidden(self, name: NormalizedName, releases: Collection[Release]) -> str:
        """Return why none of these releases of a project counts, as a clause; "" if one does."""
        if not releases or any(self.admits(name, release) for release in releases):
            return ""
        label = "exclude-newer" if name in self._texts else self._name_for_all
        setting = f"{label} ({self._texts.get(name, self._texts.get(''))})"
        if any(release.uploaded is not None for release in releases):
            return f"{setting} hides all its releases"
        return f"{setting} hides all its releases, because the index gives no upload times"


def parse_cutoff(text: str) -> datetime | None:
    """Return the time that a cutoff of uv means; None if it cannot be parsed.

    Forms: a time (RFC 3339), a day, which ends in the local zone, or an age (`P7D`, `1 week`).
    """
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            day = datetime.fromisoformat(text).date() + timedelta(days=1)
            return datetime.combine(day, time()).astimezone()
        if text[:4].isdigit() and text[4:5] == "-":
            cutoff = datetime.fromisoformat(text)
            return cutoff if cutoff.tzinfo is not None else None
    except ValueError:
        return None
    duration = parse_duration(text)
    return None if duration is None else datetime.now(UTC) - duration
