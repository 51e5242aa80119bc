"""The paths of an environment that a RECORD may name: none outside, none through links."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from . import record
from .installed_environment import DATA_FOLDER
from .parsed_files import ParsedFiles


class _PathGuard:
    """Decides which paths a distribution may name: those in the environment, also after links.

    The environment's own folders may be links, for example `lib` to another disk. The folders of
    packages may not: such a link often leads to a source tree.
    """

    def __init__(self, prefix: Path, roots: Collection[Path]) -> None:
        self._data_folder = str(prefix / DATA_FOLDER)
        self._real_roots = {f"{os.path.realpath(folder)}/" for folder in (prefix, *roots)}
        self._roots = tuple(map(str, roots))
        self._links: dict[str, str | None] = {}
        self._refusals: dict[str, str | None] = {}

    @property
    def folders(self) -> Collection[str]:
        """The folders of all paths so far."""
        return self._refusals.keys()

    def refusal(self, path: str) -> str | None:
        """Return why no distribution may own a path; None if one may."""
        folder = path.rpartition("/")[0]
        if folder not in self._refusals:
            self._refusals[folder] = self._folder_refusal(folder, path)
        return self._refusals[folder]

    def _folder_refusal(self, folder: str, path: str) -> str | None:
        own = self._data_folder
        if f"{folder}/".startswith(f"{own}/") or path == own:
            return "it is a file of pkgwidgets"
        root = next((r for r in self._roots if f"{folder}/".startswith(f"{r}/")), None)
        link = None if root is None else self._find_link(folder, root)
        if link is not None:
            return f"{link} is a link"
        if root is not None:
            return None  # below a folder of packages, without a link on the way
        real_folder = f"{os.path.realpath(folder)}/"
        if not any(real_folder.startswith(place) for place in self._real_roots):
            return "it lies outside of the environment"
        return None

    def _find_link(self, folder: str, root: str) -> str | None:
        """Return the folder of a package that is a symbolic link, on the way to `folder`."""
        if folder == root:
            return None
        if folder not in self._links:
            is_link = os.path.islink(folder)  # noqa: PTH114 - called for every folder
            parent = folder.rpartition("/")[0]
            self._links[folder] = folder if is_link else self._find_link(parent, root)
        return self._links[folder]


@dataclass(frozen=True, slots=True)
class _Place:
    """A row of a RECORD, and its path in the environment: "" if it leads outside."""

    row: record.Entry
    live: str


_places = ParsedFiles[_Place]()


def existing_rows(
    dist_info: Path, base: Path, prefix: Path, roots: Collection[Path]
) -> dict[str, record.Entry]:
    """Map the live paths under `prefix` to the rows of a RECORD that lies under `base`.

    Raises ValueError for a path that no distribution may own: outside the environment's folders,
    through a link, or a folder. Also if there are no rows, and for a folder that is read-only.
    """
    # The base is in the key: it decides which paths are outside. The disk is looked at each time.
    places = _places.get(
        f"{dist_info}/RECORD", lambda: _read_places(dist_info, base, prefix), key=(base, prefix)
    )
    if not places:
        raise ValueError(f"{dist_info.name} has no RECORD, so its files are unknown")
    paths, guard = dict[str, record.Entry](), _PathGuard(prefix, roots)
    live_folder = f"{prefix}{str(dist_info.parent)[len(str(base)) :]}"
    for place in places:
        row, live = place.row, place.live
        if not live:
            reason: str | None = "it lies outside of the environment"
        else:
            reason = guard.refusal(live) or _detour_reason(row.path, live, live_folder)
        if reason is None and os.path.isdir(live):  # noqa: PTH112 - takes a tenth
            reason = "it is a folder"
        if reason is not None:
            raise ValueError(f"RECORD of {dist_info.name} lists {row.path[:200]!a}, but {reason}")
        paths[live] = row
    # Users who may only read the environment can plan: applying is refused as a whole.
    for folder in guard.folders if _is_writable(str(prefix)) else ():
        if not _is_writable(folder):
            raise ValueError(f"{folder} cannot be written to")
    return paths


def _read_places(dist_info: Path, base: Path, prefix: Path) -> list[_Place]:
    places, folder, start = list[_Place](), str(dist_info.parent), len(str(base))
    for row in record.entries(dist_info):
        path = os.path.normpath(f"{folder}/{row.path}")
        is_inside = path.startswith(f"{base}/") and not row.path.startswith("/")
        is_inside = is_inside and "\0" not in row.path
        places.append(_Place(row, f"{prefix}{path[start:]}" if is_inside else ""))
    return places


def _is_writable(folder: str) -> bool:
    """Return whether files can be made in a folder; for a missing one, in the folder above it."""
    while not os.path.lexists(folder):
        folder = folder.rpartition("/")[0]
    return os.access(folder, os.W_OK | os.X_OK)


def _detour_reason(row_path: str, live: str, live_folder: str) -> str | None:
    """Return why `..` leads an installer elsewhere: it follows the links of the folders before.

    `live_folder` is the folder that the row is relative to, and `live` is the path that is meant.
    """
    if not row_path.startswith("../"):
        return None
    followed = os.path.realpath(f"{live_folder}/{row_path.rpartition('/')[0]}")
    if followed == os.path.realpath(live.rpartition("/")[0]):
        return None
    return f"{live_folder} is reached through a link, and the installer would use {followed}"
