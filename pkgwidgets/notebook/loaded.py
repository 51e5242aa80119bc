"""What this kernel has loaded: modules -> distributions -> versions."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from pkgwidgets.core import changes
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.model import Id


class Loaded:
    """The distributions that this process has imported from one environment, and their versions.

    The version is the one that was installed when a distribution was first seen loaded: what a
    later upgrade puts on the disk is not what runs here.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._seen: dict[Id, str] = {}

    def versions(self) -> Mapping[Id, str]:
        """Return the loaded version of each loaded distribution; none for another's Python."""
        if not self._is_ours():
            return {}
        owners = self._backend.records.owners(_files())
        installed = changes.versions(self._backend.environment.distributions())
        for id in set(owners.values()) - self._seen.keys():
            if id in installed:
                self._seen[id] = str(installed[id])
        return dict(self._seen)

    def _is_ours(self) -> bool:
        interpreter = self._backend.environment.interpreter
        return interpreter.python == Path(sys.executable) or interpreter.prefix == Path(sys.prefix)


def _files() -> frozenset[str]:
    """Return the files of the modules that are loaded; built-in ones have none."""
    found = set()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str):
            found.add(file)
    return frozenset(found)
