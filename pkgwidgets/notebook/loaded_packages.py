"""What this kernel has loaded: modules -> distributions -> versions."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

from pkgwidgets.connect import file_owners, mapped_libraries, process_start
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.restart import LoadedPackage, is_library

from .deprecations import SeenDeprecation, seen_deprecations
from .module_info import module_contents, module_folder, module_origins

_MAX_VERSION = 1 << 20
"""Source files that are longer, in bytes, do not state a version."""


@dataclass(frozen=True, slots=True)
class _SeenModule:
    """A module or a library that was found loaded, and whose it was when it was first seen."""

    file: str
    versions: Mapping[NormalizedName, str]
    is_there: Callable[[], bool]


_Attributed = list[tuple[str, Mapping[NormalizedName, str]]]
"""Files that are loaded, and the versions of whose they are."""


class LoadedPackages:
    """The distributions that this process has imported from one environment, and their versions.

    Whose a module is, its file tells, by RECORD and never by a name. Its version is the one that
    was installed when it was first seen: what a later upgrade puts on the disk is not what runs
    here. Where that upgrade may have come before the first look, what the module says of itself
    counts. Nothing is imported or run by looking.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._claims = file_owners(backend)
        self._guard = Lock()
        self._known: set[tuple[int, int]] = set()
        self._kept: list[object] = []
        self._mapped: frozenset[str] = frozenset()
        self._seen: list[_SeenModule] = []
        self._attributed: _Attributed = []

    def versions(self) -> Mapping[NormalizedName, str]:
        """Return the loaded version of each loaded distribution; none for another's Python."""
        found: dict[NormalizedName, str] = {}
        for _, versions in self._look():
            for id, version in versions.items():
                found.setdefault(id, version)
        return found

    def loadings(self) -> Mapping[NormalizedName, LoadedPackage]:
        """Return how each of them is loaded."""
        files: dict[NormalizedName, set[str]] = {}
        versions: dict[NormalizedName, str] = {}
        for file, known in self._look():
            for id, version in known.items():
                files.setdefault(id, set()).add(file)
                versions.setdefault(id, version)
        code = self._claims.code(versions)
        return {
            id: LoadedPackage(
                version=version,
                extension=next((Path(f).name for f in sorted(files[id]) if is_library(f)), ""),
                waiting=sum(file.endswith(".py") for file in code.get(id, frozenset()) - files[id]),
            )
            for id, version in versions.items()
        }

    def warned(self) -> tuple[SeenDeprecation, ...]:
        """Return the deprecations that this process was warned of; none for another's Python."""
        return seen_deprecations(list(sys.modules.items())) if self._is_ours() else ()

    def _look(self) -> _Attributed:
        if not self._is_ours():
            return []
        with self._guard:
            libraries = sorted(self._new_libraries())
            there = [seen for seen in self._seen if seen.is_there()]
            gone, count = len(self._seen) - len(there), len(there)
            self._seen = there
            self._add(list(self._new_modules()), libraries)
            if gone or len(self._seen) != count:
                self._attributed = _attributed(self._seen)
            return self._attributed

    def _add(self, modules: list[tuple[str, Any, dict[str, Any]]], libraries: list[str]) -> None:
        files = {file for _, _, names in modules for file in module_origins(names)}
        owners = self._claims.owners({*files, *libraries})
        if not owners:
            return
        stated = _stated(modules, owners)
        versions = self._versions_of({id for ids in owners.values() for id in ids}, stated)
        for name, module, names in modules:
            for file in module_origins(names):
                self._add_one(file, owners, versions, _still(name, module, names))
        for library in libraries:
            self._add_one(library, owners, versions, partial(self._is_mapped, library))

    def _add_one(
        self,
        file: str,
        owners: Mapping[str, frozenset[NormalizedName]],
        versions: Mapping[NormalizedName, str],
        is_there: Callable[[], bool],
    ) -> None:
        known = {id: versions[id] for id in owners.get(file, ()) if id in versions}
        if known:
            self._seen.append(_SeenModule(module_folder(file), known, is_there))

    def _versions_of(
        self, ids: Iterable[NormalizedName], stated: Mapping[NormalizedName, tuple[str, str]]
    ) -> dict[NormalizedName, str]:
        """Return the version of each, as it is installed, or as its module states it.

        The latter if it was installed while this process ran, and its module states another one
        than the file that it came from now does.
        """
        installed = dependency_graph.readable_distributions(
            self._backend.environment.distributions()
        )
        started = process_start()
        found = {}
        for id in ids:
            distribution = installed.get(id)
            text, file = stated.get(id, ("", ""))
            known = None if distribution is None else distribution.version
            if distribution is None or (
                _may_be_newer(distribution, started)
                and _contradicts(text, file, distribution.version)
            ):
                known = _version(text)
            if known is not None:
                found[id] = str(known)
        return found

    def _new_modules(self) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        """Yield the modules that were not here at the last look, with what is in them."""
        for name, module in list(sys.modules.items()):
            names = module_contents(module)
            spec = names.get("__spec__")
            key = (id(module), id(spec))
            if names and key not in self._known:
                self._known.add(key)
                self._kept.append(spec)  # so that no other gets its number
                yield name, module, names

    def _new_libraries(self) -> frozenset[str]:
        """Return the libraries that were not mapped at the last look."""
        before, self._mapped = self._mapped, mapped_libraries()
        return self._mapped - before

    def _is_mapped(self, path: str) -> bool:
        return path in self._mapped

    def _is_ours(self) -> bool:
        interpreter = self._backend.environment.interpreter
        return interpreter.python == Path(sys.executable) or interpreter.prefix == Path(sys.prefix)


def _attributed(seen: Iterable[_SeenModule]) -> _Attributed:
    """Decide whose a file is that several distributions claim: theirs who have more loaded.

    So it is with the `__init__.py` that the parts of an old namespace package share. Where that
    decides nothing, it is all of theirs.
    """
    seen = list(seen)
    sure = {id for each in seen if len(each.versions) == 1 for id in each.versions}
    found = []
    for each in seen:
        known = {id: version for id, version in each.versions.items() if id in sure}
        found.append((each.file, known or each.versions))
    return found


def _still(name: str, module: Any, names: Mapping[str, Any]) -> Callable[[], bool]:
    """Return what tells whether this very import of a module is still in use by somebody."""
    spec = names.get("__spec__")
    try:
        alive: Callable[[], Any] = weakref.ref(module)
    except TypeError:
        alive = lambda: sys.modules.get(name)  # noqa: E731

    def is_there() -> bool:
        found = alive()
        return found is not None and module_contents(found).get("__spec__") is spec

    return is_there


def _stated(
    modules: Iterable[tuple[str, Any, Mapping[str, Any]]],
    owners: Mapping[str, frozenset[NormalizedName]],
) -> dict[NormalizedName, tuple[str, str]]:
    """Return the version that the outermost module of each distribution states, and its file."""
    found: dict[NormalizedName, tuple[str, str]] = {}
    for name, _, names in sorted(modules, key=lambda each: each[0].count(".")):
        text = names.get("__version__")
        if isinstance(text, str) and name != "__main__":
            for file in module_origins(names):
                for id in owners.get(file, ()):
                    found.setdefault(id, (text, file))
    return found


def _contradicts(text: str, file: str, installed: Version) -> bool:
    """Tell whether a module states another version than the file that is there now would."""
    stated = _version(text)
    if stated is None or stated.public == installed.public:
        return False
    with suppress(OSError):
        if file.endswith(".py") and Path(file).stat().st_size < _MAX_VERSION:
            source = Path(file).read_text("utf-8", "replace")
            return f'"{text}"' not in source and f"'{text}'" not in source
    return True


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _may_be_newer(distribution: Distribution, started: datetime | None) -> bool:
    """Tell whether a distribution was installed while this process ran, or that is unknown."""
    return started is None or distribution.installed > started
