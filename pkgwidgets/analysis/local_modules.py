"""The modules next to a notebook that it imports, each read once."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePath
from typing import Protocol

from .code_context import CodeContext
from .name_resolver import Place
from .name_scopes import Scope
from .search_folders import SearchFolders


class ModuleReader(Protocol):
    """Reads the source of a module."""

    def read_module(self, content: bytes, place: Place, scope: Scope) -> None:
        """Read a module into its own scope."""

    def add_unknown(self, place: Place, text: str) -> None:
        """Add what cannot be read."""


class LocalModules:
    """Finds modules as Python does, in the folders of a notebook, and has their names."""

    def __init__(self, reader: ModuleReader, context: CodeContext, folders: SearchFolders) -> None:
        self._reader = reader
        self._context = context
        self._folders = folders
        self._scopes: dict[str, Scope | None] = {}
        self._missing: set[tuple[int, str]] = set()
        self._file_count = self._byte_count = 0
        self._contents: dict[PurePath, bytes] = {}

    def scope(self, name: str) -> Scope | None:
        """Return the names of a module that was read; None if it is not one of these."""
        return self._scopes.get(name)

    def load(self, name: str, place: Place, *, optional: bool) -> bool:
        """Read a module and its packages; tell whether it is one of these.

        With `optional` the code goes on without it.
        """
        parts = name.split(".")
        names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
        for module in names:
            if self._scopes.get(module) is None and not self._load(module, place):
                break
        else:
            return True
        is_local = self._scopes.get(names[0]) is not None
        if not optional and (is_local or not self._is_installed(parts[0])):
            text = f"no module {name} was found, so what it uses is unknown"
            self._reader.add_unknown(place, text)
        return is_local

    def _is_installed(self, name: str) -> bool:
        return name in sys.stdlib_module_names or self._context.has_module(name)

    def _load(self, name: str, place: Place) -> bool:
        first = name.partition(".")[0]
        if self._scopes.get(first) is None and first in sys.builtin_module_names:
            return False
        if self._find(name, place, self._folders.before_environment()):
            return True
        is_inside = first != name and self._scopes.get(first) is not None
        if not is_inside and self._is_installed(first):
            return False
        return self._find(name, place, self._folders.after_environment()) or self._find_folder(name)

    def _find(self, name: str, place: Place, folders: Iterable[PurePath]) -> bool:
        """Read a module from the first of these folders that has it."""
        for folder in folders:
            base = folder.joinpath(*name.split("."))
            for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
                content = self.content(place, path)
                if content is not None:
                    self._read(name, path, content, place)
                    return True
        return False

    def _find_folder(self, name: str) -> bool:
        """Take a folder without `__init__.py` for a package (PEP 420)."""
        folders = (*self._folders.before_environment(), *self._folders.after_environment())
        if any(self._folders.is_folder(folder.joinpath(*name.split("."))) for folder in folders):
            self._scopes[name] = Scope()
            return True
        return False

    def _read(self, name: str, path: PurePath, content: bytes, place: Place) -> None:
        scope = self._scopes[name] = Scope()  # before it is read: it may import itself
        is_package = path.name == "__init__.py"
        inside = replace(
            place,
            file=self._folders.shown(path),
            path=str(path),
            package=name if is_package else name.rpartition(".")[0],
            depth=place.depth + 1,
        )
        self._reader.read_module(content, inside, scope)

    def content(self, place: Place, path: PurePath) -> bytes | None:
        """Return a file's content, None without one; empty, with a note, if it is not read."""
        limits = self._context.limits
        try:
            content = self._folders.read(path)
        except ValueError as error:
            shown = self._folders.shown(path)
            self._reader.add_unknown(place, f"{shown} is not read ({error}): its names are unknown")
            return b""
        if content is None:
            return None
        if path not in self._contents:
            self._contents[path] = content
            self._file_count += 1
            self._byte_count += len(content)
        if self._file_count > limits.max_files or self._byte_count > limits.max_bytes:
            text = "it runs or imports more code than is read, so some of its names are unknown"
            self._reader.add_unknown(place, text)
            return b""
        return content
