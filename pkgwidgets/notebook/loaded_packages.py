"""The packages that this kernel has loaded: modules → distributions → versions."""

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

_MAX_SOURCE_BYTES = 1 << 20
"""Larger source files are not searched for a version."""


@dataclass(frozen=True, slots=True)
class _SeenModule:
    """A loaded module or library, and the versions of its distributions when first seen."""

    file: str
    versions: Mapping[NormalizedName, str]
    is_alive: Callable[[], bool]


_AttributedFiles = list[tuple[str, Mapping[NormalizedName, str]]]
"""Loaded files, and the versions of the distributions that they belong to."""


class LoadedPackages:
    """The distributions that this process has imported from one environment, and their versions.

    The file of a module shows its distribution, by RECORD and never by a name. Its version is the
    one that was installed when it was first seen: a later upgrade changes the disk, not what runs
    here. If an upgrade may have come before the first look, the module's `__version__` counts.
    Looking neither imports nor runs anything.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._file_owners = file_owners(backend)
        self._lock = Lock()
        self._known_modules: set[tuple[int, int]] = set()
        self._kept_specs: list[object] = []
        self._mapped_libraries: frozenset[str] = frozenset()
        self._seen_modules: list[_SeenModule] = []
        self._attributed: _AttributedFiles = []

    def versions(self) -> Mapping[NormalizedName, str]:
        """Return the version of each loaded distribution; empty for another environment."""
        loaded: dict[NormalizedName, str] = {}
        for _, versions in self._scan():
            for name, version in versions.items():
                loaded.setdefault(name, version)
        return loaded

    def loaded_packages(self) -> Mapping[NormalizedName, LoadedPackage]:
        """Return how each loaded distribution is loaded."""
        files: dict[NormalizedName, set[str]] = {}
        versions: dict[NormalizedName, str] = {}
        for file, file_versions in self._scan():
            for name, version in file_versions.items():
                files.setdefault(name, set()).add(file)
                versions.setdefault(name, version)
        code_files = self._file_owners.code(versions)
        return {
            name: LoadedPackage(
                version=version,
                extension=next(
                    (Path(path).name for path in sorted(files[name]) if is_library(path)), ""
                ),
                waiting=sum(
                    file.endswith(".py") for file in code_files.get(name, frozenset()) - files[name]
                ),
            )
            for name, version in versions.items()
        }

    def deprecations(self) -> tuple[SeenDeprecation, ...]:
        """Return the deprecation warnings of this process; empty for another environment."""
        return seen_deprecations(list(sys.modules.items())) if self._is_this_environment() else ()

    def _scan(self) -> _AttributedFiles:
        if not self._is_this_environment():
            return []
        with self._lock:
            libraries = sorted(self._new_libraries())
            alive = [module for module in self._seen_modules if module.is_alive()]
            dropped, count = len(self._seen_modules) - len(alive), len(alive)
            self._seen_modules = alive
            self._add_modules(list(self._new_modules()), libraries)
            if dropped or len(self._seen_modules) != count:
                self._attributed = _attribute_files(self._seen_modules)
            return self._attributed

    def _add_modules(
        self, modules: list[tuple[str, Any, dict[str, Any]]], libraries: list[str]
    ) -> None:
        files = {file for _, _, contents in modules for file in module_origins(contents)}
        owners = self._file_owners.owners({*files, *libraries})
        if not owners:
            return
        stated = _stated_versions(modules, owners)
        versions = self._find_versions(
            {name for names in owners.values() for name in names}, stated
        )
        for module_name, module, contents in modules:
            for file in module_origins(contents):
                self._add_seen_module(
                    file, owners, versions, _liveness_check(module_name, module, contents)
                )
        for library in libraries:
            self._add_seen_module(library, owners, versions, partial(self._is_mapped, library))

    def _add_seen_module(
        self,
        file: str,
        owners: Mapping[str, frozenset[NormalizedName]],
        versions: Mapping[NormalizedName, str],
        is_alive: Callable[[], bool],
    ) -> None:
        file_versions = {name: versions[name] for name in owners.get(file, ()) if name in versions}
        if file_versions:
            self._seen_modules.append(_SeenModule(module_folder(file), file_versions, is_alive))

    def _find_versions(
        self, names: Iterable[NormalizedName], stated: Mapping[NormalizedName, tuple[str, str]]
    ) -> dict[NormalizedName, str]:
        """Return the version of each distribution: as installed, or as its module states it.

        The latter if it was installed while this process ran, and its module states another
        version than the module's file does now.
        """
        installed = dependency_graph.readable_distributions(
            self._backend.environment.distributions()
        )
        started = process_start()
        versions = {}
        for name in names:
            distribution = installed.get(name)
            text, file = stated.get(name, ("", ""))
            version = None if distribution is None else distribution.version
            if distribution is None or (
                _may_be_newer(distribution, started)
                and _states_another_version(text, file, distribution.version)
            ):
                version = _parse_version(text)
            if version is not None:
                versions[name] = str(version)
        return versions

    def _new_modules(self) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        """Yield the modules imported since the last scan: name, module and contents."""
        for name, module in list(sys.modules.items()):
            contents = module_contents(module)
            spec = contents.get("__spec__")
            key = (id(module), id(spec))
            if contents and key not in self._known_modules:
                self._known_modules.add(key)
                self._kept_specs.append(spec)  # kept alive, so that no other object gets its id()
                yield name, module, contents

    def _new_libraries(self) -> frozenset[str]:
        """Return the libraries mapped since the last scan."""
        previous, self._mapped_libraries = self._mapped_libraries, mapped_libraries()
        return self._mapped_libraries - previous

    def _is_mapped(self, path: str) -> bool:
        return path in self._mapped_libraries

    def _is_this_environment(self) -> bool:
        interpreter = self._backend.environment.interpreter
        return str(interpreter.python) == sys.executable or interpreter.prefix == Path(sys.prefix)


def _attribute_files(modules: Iterable[_SeenModule]) -> _AttributedFiles:
    """Attribute a shared file to those of its distributions that have a file of their own loaded.

    The parts of an old namespace package share an `__init__.py`, for example. If none has a file
    of its own loaded, the shared file belongs to all.
    """
    modules = list(modules)
    certain = {name for module in modules if len(module.versions) == 1 for name in module.versions}
    attributed = []
    for module in modules:
        versions = {name: version for name, version in module.versions.items() if name in certain}
        attributed.append((module.file, versions or module.versions))
    return attributed


def _liveness_check(name: str, module: Any, contents: Mapping[str, Any]) -> Callable[[], bool]:
    """Return a function that tells whether this import of a module is still alive."""
    spec = contents.get("__spec__")
    try:
        get_module: Callable[[], Any] = weakref.ref(module)
    except TypeError:
        get_module = lambda: sys.modules.get(name)  # noqa: E731

    def is_alive() -> bool:
        current = get_module()
        return current is not None and module_contents(current).get("__spec__") is spec

    return is_alive


def _stated_versions(
    modules: Iterable[tuple[str, Any, Mapping[str, Any]]],
    owners: Mapping[str, frozenset[NormalizedName]],
) -> dict[NormalizedName, tuple[str, str]]:
    """Return the `__version__` of each distribution's outermost module, and the module's file."""
    stated: dict[NormalizedName, tuple[str, str]] = {}
    for name, _, contents in sorted(modules, key=lambda module: module[0].count(".")):
        text = contents.get("__version__")
        if isinstance(text, str) and name != "__main__":
            for file in module_origins(contents):
                for normalized_name in owners.get(file, ()):
                    stated.setdefault(normalized_name, (text, file))
    return stated


def _states_another_version(text: str, file: str, installed: Version) -> bool:
    """Return whether a module states another version than its file on disk does now."""
    stated = _parse_version(text)
    if stated is None or stated.public == installed.public:
        return False
    with suppress(OSError):
        if file.endswith(".py") and Path(file).stat().st_size < _MAX_SOURCE_BYTES:
            source = Path(file).read_text("utf-8", "replace")
            return f'"{text}"' not in source and f"'{text}'" not in source
    return True


def _parse_version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _may_be_newer(distribution: Distribution, started: datetime | None) -> bool:
    """Return whether a distribution was installed while this process ran, or may have been."""
    return started is None or distribution.installed > started


def search_folders() -> tuple[Path, ...]:
    """Return the folders on this kernel's `sys.path` that no Python installation brings."""
    installed = {Path(prefix) for prefix in (sys.prefix, sys.base_prefix)}
    folders = [Path(entry) for entry in list(sys.path) if entry]
    return tuple(
        folder.absolute()
        for folder in folders
        if not installed & {folder, *folder.parents}
        and not {"site-packages", "dist-packages"} & {*folder.parts}
    )


def loaded_attribute(module: str, name: str) -> object:
    """Return what a loaded module holds under a name; None if neither is there.

    It imports nothing: on disk the module may be another version by now.
    """
    found = sys.modules.get(module)
    return None if found is None else module_contents(found).get(name)
