"""The time whose later files do not count, in uv's words (its setting `exclude-newer`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta

from packaging.utils import NormalizedName, canonicalize_name

from pkgwidgets.core.releases import Release

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}
_ISO = re.compile(
    r"P(?:(?P<w>\d+)W)?(?:(?P<d>\d+)D)?(?:T(?:(?P<h>\d+)H)?(?:(?P<m>\d+)M)?(?:(?P<s>\d+)S)?)?",
    re.ASCII | re.IGNORECASE,
)
_FRIENDLY = re.compile(
    r"(\d+)\s*(weeks?|w|days?|d|hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s)"
)


class ExcludeNewer:
    """Tells of releases whether they count; in words that are not understood everything does."""

    def __init__(self, said: Iterable[tuple[str, str]]) -> None:
        self._times: Mapping[str, datetime | None] = {
            canonicalize_name(name): parse_cutoff(text) for name, text in said
        }

    def __bool__(self) -> bool:
        return any(self._times.values())

    def admits(self, id: NormalizedName, release: Release) -> bool:
        """Tell whether a release was there; one of unknown time was not, as uv has it."""
        last = self._times.get(id, self._times.get(""))
        return last is None or (release.uploaded is not None and release.uploaded < last)


def parse_cutoff(text: str) -> datetime | None:
    """Return the time that uv's words mean; None for no words, and for others.

    A time (RFC 3339); a day, which counts to its end where we are; how long ago: `P7D`, `1 week`.
    """
    text = text.strip()
    try:
        if _DAY.fullmatch(text):
            day = datetime.fromisoformat(text).date() + timedelta(days=1)
            return datetime.combine(day, time()).astimezone()
        if text[:4].isdigit() and text[4:5] == "-":
            found = datetime.fromisoformat(text)
            return found if found.tzinfo is not None else None
    except ValueError:
        return None
    ago = _ago(text)
    return None if ago is None else datetime.now(UTC) - ago


def _ago(text: str) -> timedelta | None:
    iso = _ISO.fullmatch(text)
    if iso is not None:
        found = [(count, unit) for unit, count in iso.groupdict().items() if count]
    elif re.fullmatch(rf"(?:{_FRIENDLY.pattern}[\s,]*)+", text.lower()):
        found = [(count, unit[0]) for count, unit in _FRIENDLY.findall(text.lower())]
    else:
        return None
    return sum((int(count) * _UNITS[unit] for count, unit in found), timedelta()) if found else None
