"""Durations as people write them: `7d`, `2 weeks`, `P7D` (ISO 8601)."""

from __future__ import annotations

import re
from datetime import timedelta

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


def parse_duration(text: str) -> timedelta | None:
    """Return the duration of a text; None if it is not one.

    Raises OverflowError for one of more than a few million years.

    >>> parse_duration("P1DT12H") == parse_duration("1 day 12 hours")
    True
    """
    iso = _ISO.fullmatch(text)
    if iso is not None:
        parts = [(count, unit) for unit, count in iso.groupdict().items() if count]
    elif re.fullmatch(rf"(?:{_FRIENDLY.pattern}[\s,]*)+", text.lower()):
        parts = [(count, unit[0]) for count, unit in _FRIENDLY.findall(text.lower())]
    else:
        return None
    return sum((int(count) * _UNITS[unit] for count, unit in parts), timedelta()) if parts else None


def format_duration(duration: timedelta) -> str:
    """Return a duration in whole hours, or in whole days from two days on; a negative one is 0.

    >>> format_duration(timedelta(hours=50)), format_duration(timedelta(days=1))
    ('2 days', '24 hours')
    """
    hours = max(0, int(duration.total_seconds() // 3600))
    number, unit = (hours, "hour") if hours < 48 else (hours // 24, "day")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
