"""Owners of code files: each RECORD is read once, and again after it has changed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from pkgwidgets.backends.store.filesystem import change_key
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.interfaces import Environment
from pkgwidgets.core.origins import Origin

from . import record

_CODE = re.compile(r"\.(py|pyc|pyd|so(\.[0-9.]+)?)$")
"""Sources, sourceless bytecode, extension modules and the libraries bundled with them."""


class RecordFileOwners:
    """Finds the distributions of one environment that claim a file of code, by RECORD (PEP 376)."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._cache: dict[str, tuple[object, frozenset[str]]] = {}
        self._state: object = None
        self._owners: dict[str, tuple[NormalizedName, ...]] = {}
        self._former_owners: dict[str, tuple[NormalizedName, ...]] = {}

    def owners(self, files: Collection[str]) -> Mapping[str, frozenset[NormalizedName]]:
        """Return the distributions that claim each of these files; unclaimed files are left out.

        A file that is no longer claimed keeps its former owners. A file of an editable
        distribution is in no RECORD; its owner is known by the project's folder (PEP 660).
        """
        if not files:
            return {}
        installed = self._environment.distributions()
        self._refresh(installed)
        projects = _editable_folders(installed)
        search_folders = self._search_folders() if projects else ()
        folders, owners_by_file = dict[str, str](), {}
        for file in files:
            # uv can install files as links into its cache. So only the folder is resolved, and
            # the file keeps its own name.
            folder, _, name = file.rpartition(os.sep)
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            path = f"{folders[folder]}{os.sep}{name}"
            owners = self._owners.get(path)
            if not owners:
                real_path = os.path.realpath(file)
                owners = self._owners.get(real_path) or self._editable_owner(
                    real_path, projects, search_folders
                )
            owners = owners or self._former_owners.get(path)
            if owners:
                owners_by_file[file] = frozenset(owners)
        return owners_by_file

    def code(self, names: Collection[NormalizedName]) -> Mapping[NormalizedName, frozenset[str]]:
        """Return the files of code that distributions claim; missing distributions are left out."""
        installed = self._environment.distributions() if names else {}
        return {name: self._claimed_files(installed[name]) for name in names if name in installed}

    def _refresh(self, installed: Mapping[NormalizedName, Distribution | Unreadable]) -> None:
        claims = {name: self._claimed_files(release) for name, release in installed.items()}
        state = [
            (name, self._cache[os.fspath(release.path)][0]) for name, release in installed.items()
        ]
        if state == self._state:
            return
        index: dict[str, tuple[NormalizedName, ...]] = {}
        for name, files in claims.items():
            for file in files:
                index[file] = (*index.get(file, ()), name)
        self._former_owners |= self._owners
        self._owners, self._state = index, state

    def _claimed_files(self, distribution: Distribution | Unreadable) -> frozenset[str]:
        dist_info = os.fspath(distribution.path)
        stat_key = change_key(f"{dist_info}/RECORD")
        cached = self._cache.get(dist_info)
        if cached is None or cached[0] != stat_key:
            # The folder is resolved: `lib64` is often a link to `lib`.
            folder = os.path.realpath(distribution.path.parent)
            files = frozenset(
                os.path.normpath(f"{folder}/{path}")
                for path in record.paths(distribution.path)
                if _CODE.search(path)
            )
            cached = self._cache[dist_info] = (stat_key, files)
        return cached[1]

    def _search_folders(self) -> tuple[str, ...]:
        """Return the search path and the stdlib, resolved: no editable distribution lies there."""
        interpreter = self._environment.interpreter
        folders = [*interpreter.search, *filter(None, [interpreter.stdlib])]
        return tuple(map(os.path.realpath, folders))

    def _editable_owner(
        self,
        file: str,
        project_folders: Mapping[str, NormalizedName],
        search_folders: Collection[str],
    ) -> tuple[NormalizedName, ...]:
        interpreter = self._environment.interpreter
        if not project_folders or any(_is_in(file, folder) for folder in search_folders):
            return ()
        prefix = os.path.realpath(interpreter.prefix)
        candidates = [
            folder
            for folder in project_folders
            # An environment often lies in its project's folder.
            if _is_in(file, folder) and not (_is_in(prefix, folder) and _is_in(file, prefix))
        ]
        return (project_folders[max(candidates, key=len)],) if candidates else ()


def _editable_folders(
    installed: Mapping[NormalizedName, Distribution | Unreadable],
) -> dict[str, NormalizedName]:
    """Return the folders that editable distributions were installed from."""
    folders = {}
    for name, release in installed.items():
        if (
            isinstance(release, Distribution)
            and release.origin is Origin.EDITABLE
            and release.location
        ):
            folder = unquote(urlsplit(release.location).path)
            folders[os.path.realpath(folder)] = name
    return folders


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)
