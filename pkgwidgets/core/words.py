"""Values in words: sizes, sentences."""

from __future__ import annotations


def size(count: int | None) -> str:
    """Return bytes as people read them, in powers of ten: `12.4 MB`; "" for what is not known."""
    if count is None:
        return ""
    amount, units = float(count), ["bytes", "kB", "MB", "GB"]
    while amount >= 999.95 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{count} bytes" if units[0] == "bytes" else f"{amount:.1f} {units[0]}"
