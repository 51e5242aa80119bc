"""Find the stub and the source of modules in some folders, as Python finds modules."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModuleFiles:
    """The files of a module; all are None for an extension module without a stub."""

    stub: Path | None = None
    source: Path | None = None
    is_namespace: bool = False
    """Whether it is a folder without `__init__.py` (PEP 420)."""


class ModuleFinder:
    """The modules in folders, such as the live or the staged site-packages.

    Each folder is listed once: its files must not change meanwhile.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(map(str, folders))
        self._names: dict[str, frozenset[str]] = {}
        self._found: dict[str, ModuleFiles | None] = {}

    def find(self, name: str) -> ModuleFiles | None:
        """Return the files of a module with this full name, None if there is no such module."""
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    def _find(self, name: str) -> ModuleFiles | None:
        *parents, last = name.split(".")
        first = parents[0] if parents else last
        namespace = None
        for folder in self._folders:
            parent = "/".join([folder, *parents])
            files = self._in_folder(parent, last)
            if files is not None and not files.is_namespace:
                return files
            namespace = namespace or files
            if {f"{first}.py", f"{first}.pyi"} & self._list(folder) or self._has_init(
                f"{folder}/{first}"
            ):
                return files  # a regular module hides those later on the path
        return namespace

    def _in_folder(self, parent: str, last: str) -> ModuleFiles | None:
        names = self._list(parent)
        inner = f"{parent}/{last}"
        is_folder = last in names
        inside = self._list(inner) if is_folder else frozenset[str]()
        for base, stem, present in ((inner, "__init__", inside), (parent, last, names)):
            stub, source = (f"{stem}{suffix}" in present for suffix in (".pyi", ".py"))
            if stub or source or any(f"{stem}{end}" in present for end in EXTENSION_SUFFIXES):
                return ModuleFiles(
                    Path(base, f"{stem}.pyi") if stub else None,
                    Path(base, f"{stem}.py") if source else None,
                )
        is_package = any(
            "." not in name or name.endswith((".py", ".pyi", ".so")) for name in inside
        )
        return ModuleFiles(is_namespace=True) if is_package else None

    def _has_init(self, folder: str) -> bool:
        return "__init__.py" in self._list(folder)

    def _list(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            try:
                self._names[folder] = frozenset(os.listdir(folder))  # noqa: PTH208 - twice as fast
            except OSError:
                self._names[folder] = frozenset()
        return self._names[folder]
