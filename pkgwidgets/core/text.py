"""Format values as text: sizes, counts, hashes, lists of names.

Standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


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


def count_noun(number: int, noun: str) -> str:
    """Return `1 cell`, `2 cells`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def short_hash(text: str, size: int) -> str:
    """Return a hash of `size` bytes in hexadecimal; to compare texts, not for security."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=size).hexdigest()


def join_names(names: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def shorten_names(names: Sequence[str]) -> str:
    """Return at most three names: `a, b, c and 9 more`."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if names[3:] else "")


def capitalize_first(text: str) -> str:
    """Return a text with its first letter in upper case and the rest unchanged."""
    return text[:1].upper() + text[1:]
