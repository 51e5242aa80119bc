"""The paths of an environment that a RECORD may name: none outside, none through links."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from . import record
from .installed_environment import DATA_FOLDER


class _PathGuard:
    """Decides which paths a distribution may name: those in the prefix, also after links."""

    def __init__(self, prefix: Path, roots: Collection[Path]) -> None:
        self._data_folder = prefix / DATA_FOLDER
        self._root = os.path.realpath(prefix)
        self._roots = roots
        self._allowed_folders: dict[str, bool] = {}

    def allows(self, path: str) -> bool:
        """Return False for a path outside the prefix, through a link or in our data folder."""
        folder = path.rpartition("/")[0]
        if folder not in self._allowed_folders:
            real_folder = os.path.realpath(folder)
            own = str(self._data_folder)
            is_own = f"{folder}/".startswith(f"{own}/") or path == own
            is_inside = not is_own and f"{real_folder}/".startswith(f"{self._root}/")
            self._allowed_folders[folder] = is_inside and not self._is_linked(Path(folder))
        return self._allowed_folders[folder]

    def _is_linked(self, folder: Path) -> bool:
        """Return whether a package's folder is a symbolic link: it may lead to a source tree."""
        root = next((root for root in self._roots if folder.is_relative_to(root)), folder)
        folders = (folder, *folder.parents)[: len(folder.relative_to(root).parts)]
        return any(path.is_symlink() for path in folders)


def existing_rows(
    dist_info: Path, base: Path, prefix: Path, roots: Collection[Path]
) -> dict[str, record.Entry]:
    """Map the live paths under `prefix` to the rows of a RECORD that lies under `base`.

    Raises ValueError for a path that no distribution may own: outside the environment's folders,
    through a link, or a folder. Also if there are no rows.
    """
    rows = record.entries(dist_info)
    if not rows:
        raise ValueError(f"{dist_info.name} has no RECORD, so its files are unknown")
    paths, guard = dict[str, record.Entry](), _PathGuard(prefix, roots)
    for row in rows:
        path = os.path.normpath(f"{dist_info.parent}/{row.path}")
        live = f"{prefix}{path[len(str(base)) :]}" if path.startswith(f"{base}/") else ""
        is_invalid = row.path.startswith("/") or "\0" in row.path or not live
        if is_invalid or not guard.allows(live) or os.path.isdir(live):  # noqa: PTH112 - takes a tenth
            raise ValueError(
                f"RECORD of {dist_info.name} lists {row.path[:200]!a}, which no package may own"
            )
        paths[live] = row
    return paths
