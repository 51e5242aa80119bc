"""Which paths of an environment a RECORD may name: its own, and no way out."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from . import record
from .installed_environment import DATA_FOLDER


class _PathGuard:
    """Tells whether a path is a distribution's to name: in the prefix, also by its links."""

    def __init__(self, prefix: Path, roots: Collection[Path]) -> None:
        self._ours = prefix / DATA_FOLDER
        self._root = os.path.realpath(prefix)
        self._roots = roots
        self._known: dict[str, bool] = {}

    def holds(self, path: str) -> bool:
        """Say no to what leads out of the prefix or through a link, and to our own folder."""
        folder = path.rpartition("/")[0]
        if folder not in self._known:
            real = os.path.realpath(folder)
            ours = f"{folder}/".startswith(f"{self._ours}/") or path == str(self._ours)
            inside = not ours and f"{real}/".startswith(f"{self._root}/")
            self._known[folder] = inside and not self._is_linked(Path(folder))
        return self._known[folder]

    def _is_linked(self, folder: Path) -> bool:
        """Tell whether a folder of a package is a symbolic link: it may be somebody's source."""
        root = next((root for root in self._roots if folder.is_relative_to(root)), folder)
        between = (folder, *folder.parents)
        return any(each.is_symlink() for each in between[: len(folder.relative_to(root).parts)])


def existing_rows(
    dist_info: Path, base: Path, prefix: Path, roots: Collection[Path]
) -> dict[str, record.Entry]:
    """Map the live paths under `prefix` to the rows of a RECORD that lies under `base`.

    Raises ValueError for what is not a distribution's own: a path outside of the environment's
    folders, one through a link, a folder; and if there are no rows.
    """
    rows = record.entries(dist_info)
    if not rows:
        raise ValueError(f"{dist_info.name} has no RECORD: its files are unknown")
    paths, inside = dict[str, record.Entry](), _PathGuard(prefix, roots)
    for row in rows:
        path = os.path.normpath(f"{dist_info.parent}/{row.path}")
        live = f"{prefix}{path[len(str(base)) :]}" if path.startswith(f"{base}/") else ""
        strange = row.path.startswith("/") or "\0" in row.path or not live
        if strange or not inside.holds(live) or os.path.isdir(live):  # noqa: PTH112 - a tenth
            raise ValueError(f"RECORD of {dist_info.name} names {row.path[:200]!a}")
        paths[live] = row
    return paths
