"""Format values as text: sizes, counts, times, hashes, lists of names.

Standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

_DAY_MINUTES = 24 * 60
_AGE_UNITS = (
    ("years", 365 * _DAY_MINUTES),
    ("months", 30 * _DAY_MINUTES),
    ("weeks", 7 * _DAY_MINUTES),
    ("days", _DAY_MINUTES),
    ("hours", 60),
    ("minutes", 1),
)
"""The units of an age, in minutes."""


def escape_hidden(text: str, *, but: str = "") -> str:
    """Escape control, escape and bidirectional characters, because text may be hostile.

    Such characters could move a terminal's cursor or change the order of words. The characters in
    `but` are kept.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in but else c.encode("unicode_escape").decode() for c in text
    )


def format_size(count: int | None) -> str:
    """Return a size in bytes as text, in powers of ten: `12.4 MB`; "" for None."""
    if count is None:
        return ""
    amount, units = float(count), ["bytes", "kB", "MB", "GB"]
    while amount >= 999.95 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    if units[0] == "bytes":
        return "1 byte" if count == 1 else f"{count} bytes"
    return f"{amount:.1f} {units[0]}"


UNKNOWN_SIZE = "size not known by the index"
"""In the place of the size of a download, where an index gives none."""


def count_noun(number: int, noun: str) -> str:
    """Return `1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_age(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago a moment was: `3 weeks ago`.

    A unit is used from two of it on: `9 days ago` says more than `1 week ago`.
    """
    minutes = ((now or datetime.now(UTC)) - moment).total_seconds() / 60
    for unit, length in _AGE_UNITS:
        if minutes >= 2 * length:
            return f"{int(minutes // length)} {unit} ago"
    return "a moment ago"


def format_day(moment: datetime | None) -> str:
    """Return the day of a moment in UTC: `2026-04-13`; "" for None."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"


def format_time(moment: datetime | None) -> str:
    """Return a moment in UTC, to the minute: `2026-04-13 12:30 UTC`; "" for None."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def short_hash(text: str, size: int) -> str:
    """Return a hash of `size` bytes in hexadecimal; to compare texts, not for security."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size).hexdigest()


def join_names(names: Sequence[str], word: str = "and") -> str:
    """Return `a, b and c`, with this word before the last name."""
    return f" {word} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def shorten_names(names: Sequence[str]) -> str:
    """Return at most three names: `a, b, c and 9 more`."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def capitalize_first(text: str) -> str:
    """Return a text with its first letter in upper case and the rest unchanged."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Return a text with its first letter in lower case and the rest unchanged."""
    return text[:1].lower() + text[1:]
