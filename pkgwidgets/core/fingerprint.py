"""Fingerprint an installed set, and describe what changed since."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.utils import canonicalize_name

from .dependency_graph import Installed
from .environment import Distribution, Unreadable
from .origins import Origin
from .text import short_hash

_HASH_BYTES = 5


def fingerprint(installed: Installed, file_fingerprints: Mapping[str, str] | None = None) -> str:
    """Return a text that differs if a distribution was installed, uninstalled or replaced.

    It has a line for each distribution, so that `changes_since` can name it.
    `file_fingerprints` are more texts to compare, by label: `a file of pandas`.
    """
    lines = [
        f"{name}\t{distribution.version if isinstance(distribution, Distribution) else '?'}"
        f"\t{_distribution_digest(distribution)}"
        for name, distribution in sorted(installed.items())
    ]
    lines += [
        f"{label}\t\t{short_hash(text, _HASH_BYTES)}"
        for label, text in sorted((file_fingerprints or {}).items())
    ]
    return "\n".join(lines)


def changes_since(
    before: str, installed: Installed, file_fingerprints: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Describe the differences from a fingerprint, one sentence each; empty if there are none."""
    now = fingerprint(installed, file_fingerprints)
    if now == before:
        return ()
    old, new = _lines(before), _lines(now)
    changes = []
    for key in sorted({*old, *new}, key=lambda key: (" " in key, key)):
        (old_version, old_digest), (new_version, new_digest) = (
            old.get(key, ("", "")),
            new.get(key, ("", "")),
        )
        if (old_version, old_digest) != (new_version, new_digest):
            changes.append(
                _difference(key, old_version, new_version, installed.get(canonicalize_name(key)))
            )
    return tuple(changes) or ("another version of pkgwidgets made the plan",)


def _lines(text: str) -> dict[str, tuple[str, str]]:
    rows = (line.split("\t") for line in text.split("\n"))
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _difference(
    key: str, old_version: str, new_version: str, now: Distribution | Unreadable | None
) -> str:
    if not old_version and not new_version:
        return f"{key} changed"
    if isinstance(now, Unreadable):
        return f"{key} cannot be read: {now.reason}"
    if (
        old_version == new_version
        and isinstance(now, Distribution)
        and now.origin is not Origin.INDEX
    ):
        return f"{key} now comes from another source ({now.origin})"
    if old_version == new_version:
        return f"{key} {new_version} was reinstalled, or its metadata was edited"
    if not new_version:
        return f"{key} was uninstalled"
    if not old_version:
        return f"{key} {new_version} was added"
    if old_version == "?":
        return f"{key} {new_version} was unreadable before"
    return f"{key} is now {new_version} (it was {old_version})"


def _distribution_digest(distribution: Distribution | Unreadable) -> str:
    if isinstance(distribution, Unreadable):
        return short_hash(
            " ".join([str(distribution.path), distribution.reason, *distribution.requires]),
            _HASH_BYTES,
        )
    facts = (
        distribution.path,
        distribution.origin,
        distribution.location,
        distribution.installer,
        distribution.installed,
        distribution.requested,
        *distribution.requires,
        *(leftover.name for leftover in distribution.leftovers),  # in the same folder
    )
    return short_hash(" ".join(map(str, facts)), _HASH_BYTES)
