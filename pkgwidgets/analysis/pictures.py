"""Compare pictures by a small grid of grey values, with a tolerance for fonts and smoothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

GRID = 64
"""Rows and columns of the grid, whatever the size of the picture."""
_MAX_SIZE_RATIO = 1.1
_MAX_GREY_DIFFERENCE = 32
_MAX_DIFFERING_PART = 0.01


def are_same_pictures(
    before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]
) -> bool:
    """Tell whether pictures look the same, one by one.

    Each has `width`, `height` and `grey`, its grid as hex bytes.
    """
    return len(before) == len(after) and all(map(_look_alike, before, after))


def _look_alike(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    for side in ("width", "height"):
        smaller, larger = sorted((before[side], after[side]))
        if larger > smaller * _MAX_SIZE_RATIO + 8:
            return False
    pairs = zip(bytes.fromhex(before["grey"]), bytes.fromhex(after["grey"]), strict=True)
    differing = sum(abs(old - new) > _MAX_GREY_DIFFERENCE for old, new in pairs)
    return differing <= GRID * GRID * _MAX_DIFFERING_PART
