"""What other programs changed in distributions since a transaction installed them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.interfaces import REINSTALLED
from pkgwidgets.core.text import shorten_names

from . import record

"""Files of a dist-info folder that say how the same wheel was installed, and nothing of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LaterChanges:
    """Compares distributions with the paths that a transaction touched.

    `rows` are the live paths of each distribution. `saved` are the paths that the transaction
    touched, and `changed` those with a content that it neither left nor replaced.
    """

    prefix: Path
    rows: Mapping[Distribution, Collection[str]]
    saved: Collection[str]
    changed: Collection[str]

    def clauses(self) -> Iterator[str]:
        """Yield what was reinstalled, edited or added, one clause each.

        The same wheel may be reinstalled: then only files of the installer differ.
        """
        for distribution, paths in self.rows.items():
            yield from self._distribution_clauses(distribution, paths)
        owned = {path for paths in self.rows.values() for path in paths}
        added = [path for path in self.changed if path not in owned and not _is_installers(path)]
        if added:
            yield f"{self._names(added)} {_was(added)} added"

    def _distribution_clauses(
        self, distribution: Distribution, paths: Collection[str]
    ) -> Iterator[str]:
        changed = [path for path in paths if path in self.changed and not _is_installers(path)]
        new = [path for path in paths if path not in self.saved and not _is_installers(path)]
        if new or (changed and f"{distribution.path}/RECORD" in self.changed):
            release = f"{distribution.name} {distribution.version}"
            by = f" by {distribution.installer}" if distribution.installer else ""
            files = self._names(new + changed)
            yield f"{release} {REINSTALLED}{by} with other files: {files}"
        elif changed:
            yield f"{self._names(changed)} {_was(changed)} edited"
        found = _files_in(distribution.path)
        strays = [path for path in found if path not in paths and path not in self.saved]
        if strays:
            yield f"{self._names(strays)} {_was(strays)} added"

    def _names(self, paths: Iterable[str]) -> str:
        names = sorted(os.path.relpath(path, self.prefix) for path in paths)
        return shorten_names([f"{name!a}" for name in names])


def _is_installers(path: str) -> bool:
    folder, _, name = path.rpartition(os.sep)
    return folder.endswith(".dist-info") and name in record.ADDED_FILES


def _was(paths: Collection[str]) -> str:
    return "was" if len(paths) == 1 else "were"


def _files_in(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, without bytecode."""
    for parent, _, names in os.walk(folder):
        if not parent.endswith("__pycache__"):
            yield from (f"{parent}/{name}" for name in names)
