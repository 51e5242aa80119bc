"""Fingerprint an installed set, and name what changed since."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import canonicalize_name

from pkgwidgets.core.dependency_graph import Installed

from .environment import Distribution, Origin, Unreadable
from .text import short_hash

_HASH_BYTES = 5


def fingerprint(installed: Installed, stamps: Mapping[str, str] | None = None) -> str:
    """Return a text that differs whenever something was installed, removed or replaced.

    A line for each distribution, so that `moved_since` can name it. `stamps` are more texts to
    compare, by what they stand for: `a file of pandas`.
    """
    lines = [
        f"{name}\t{distribution.version if isinstance(distribution, Distribution) else '?'}"
        f"\t{_distribution_digest(distribution)}"
        for name, distribution in sorted(installed.items())
    ]
    lines += [
        f"{label}\t\t{short_hash(text, _HASH_BYTES)}"
        for label, text in sorted((stamps or {}).items())
    ]
    return "\n".join(lines)


def changes_since(
    before: str, installed: Installed, stamps: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Say what differs from a fingerprint; nothing, if it is still the same."""
    now = fingerprint(installed, stamps)
    if now == before:
        return ()
    old, new = _lines(before), _lines(now)
    changes = []
    for key in sorted({*old, *new}, key=lambda key: (" " in key, key)):
        (had, mark), (has, other) = old.get(key, ("", "")), new.get(key, ("", ""))
        if (had, mark) != (has, other):
            changes.append(_difference(key, had, has, installed.get(canonicalize_name(key))))
    return tuple(changes) or ("it was read by another version of pkgwidgets",)


def _lines(text: str) -> dict[str, tuple[str, str]]:
    rows = (line.split("\t") for line in text.split("\n"))
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _difference(key: str, had: str, has: str, now: Distribution | Unreadable | None) -> str:
    if not had and not has:
        return f"{key} changed"
    if isinstance(now, Unreadable):
        return f"{key} cannot be read: {now.reason}"
    if had == has and isinstance(now, Distribution) and now.origin is not Origin.INDEX:
        return f"{key} came from elsewhere since: {now.origin}"
    if had == has:
        return f"{key} {has} was installed again, or what is recorded of it was edited"
    return f"{key} is {has or 'not installed'}, not {had or 'absent'}".replace(
        "not ?", "unreadable"
    )


def _distribution_digest(distribution: Distribution | Unreadable) -> str:
    if isinstance(distribution, Unreadable):
        return short_hash(f"{distribution.path} {distribution.reason}", _HASH_BYTES)
    found = distribution
    where = f"{found.path} {found.origin} {found.location} {found.installer}"
    return short_hash(
        f"{where} {found.installed} {found.requested} {' '.join(found.requires)}", _HASH_BYTES
    )
