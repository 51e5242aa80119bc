"""Names and versions as the names of `dist-info` folders say them.

METADATA decides; the names of the folders are known hundreds of reads earlier. Older installers
write names and versions in other spellings, so both are normalized, and what cannot be is left to
METADATA. Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from pkgwidgets.core.environment import DIRECT_URL, Distribution, Unreadable
from pkgwidgets.core.origins import KNOWN_TO_INDEXES

_SUFFIX = ".dist-info"
_Named = tuple[NormalizedName, Version]


def likely_versions(
    places: Iterable[tuple[str, str]], read: Callable[[str, str], Distribution | Unreadable]
) -> Mapping[NormalizedName, Version]:
    """Return the versions of what came from an index, for the folder and name of each installation.

    `read` reads the METADATA of one: where its name leaves something open, or it may be from
    elsewhere. Of several with one name the first folder counts; two in one folder are left out.
    """
    by_folder: dict[str, dict[NormalizedName, list[Version]]] = {}
    for folder, name in places:
        named = _read_name(name)
        if named is None or _may_be_from_elsewhere(folder, name):
            named = _named(read(folder, name))
        if named is not None:
            versions = by_folder.setdefault(folder, {}).setdefault(named[0], [])
            versions.append(named[1])
    found: dict[NormalizedName, Version] = {}
    for in_folder in by_folder.values():
        one_each = {name: v[0] for name, v in in_folder.items() if len(v) == 1}
        found = {**one_each, **found}
    return found


def _read_name(name: str) -> _Named | None:
    """Return the project and the version in the name of a folder; None if they are not certain."""
    project, _, text = name.removesuffix(_SUFFIX).partition("-")
    if not name.endswith(_SUFFIX) or not project or not text:
        return None
    try:
        return canonicalize_name(project), Version(text)
    except InvalidVersion:
        return None


def _may_be_from_elsewhere(folder: str, name: str) -> bool:
    finder = f"{folder}/__editable__.{name.removesuffix(_SUFFIX)}.pth"
    return any(map(os.path.exists, (f"{folder}/{name}/{DIRECT_URL}", finder)))


def _named(distribution: Distribution | Unreadable) -> _Named | None:
    if isinstance(distribution, Unreadable) or distribution.origin not in KNOWN_TO_INDEXES:
        return None
    return distribution.id, distribution.version
