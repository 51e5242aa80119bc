"""Describe what a wider plan would change."""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import NormalizedName

from pkgwidgets.core.text import count_noun

from .resolutions import Resolution


def describe_moves(
    name: NormalizedName, resolution: Resolution, owners: Collection[NormalizedName]
) -> str:
    """Describe a resolution: `3.1.1, but streamlit → 1.67.0 changes too`.

    The version that the package `name` reaches comes first, then one of the `owners` of the
    requirements that forbid it now.
    """
    reached = resolution.get(name)
    others = sorted(resolution.keys() - {name}, key=lambda other: (other not in owners, other))
    if not others:
        return str(reached)
    version = resolution[others[0]]
    first = f"{others[0]} → {version}" if version is not None else f"{others[0]} (removed)"
    if len(others) == 1:
        return f"{reached}, but {first} changes too"
    return f"{reached}, but {first} and {count_noun(len(others) - 1, 'other')} change too"
