"""Whose the code on the disk is: each RECORD is read once, and again when it has changed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from urllib.parse import unquote, urlsplit

from packaging.utils import NormalizedName

from pkgwidgets.backends.store.filesystem import change_key
from pkgwidgets.core.environment import Distribution, Origin, Unreadable
from pkgwidgets.core.interfaces import Environment

from . import record

_CODE = re.compile(r"\.(py|pyc|pyd|so(\.[0-9.]+)?)$")
"""Sources, sourceless bytecode, extension modules and the libraries that these bring."""


class RecordFileOwners:
    """Which distributions of one environment claim a file of code, by RECORD (PEP 376)."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._read: dict[str, tuple[object, frozenset[str]]] = {}
        self._state: object = None
        self._index: dict[str, tuple[NormalizedName, ...]] = {}
        self._former: dict[str, tuple[NormalizedName, ...]] = {}

    def owners(self, files: Collection[str]) -> Mapping[str, frozenset[NormalizedName]]:
        """Return who claims each of these files; those that nobody does are left out.

        A file that nobody claims any more is whose it was. One of an editable distribution, which
        no RECORD names, is of the folder that it was installed from (PEP 660).
        """
        if not files:
            return {}
        installed = self._environment.distributions()
        self._refresh(installed)
        projects = _projects(installed)
        elsewhere = self._elsewhere() if projects else ()
        folders, found = dict[str, str](), {}
        for file in files:
            # A file may be a link into uv's cache, which is how uv installs where it is told to: it
            # is known by its place, which only its folder's links change.
            folder, _, name = file.rpartition(os.sep)
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            place = f"{folders[folder]}{os.sep}{name}"
            ids = self._index.get(place)
            if not ids:
                real = os.path.realpath(file)
                ids = self._index.get(real) or self._project(real, projects, elsewhere)
            ids = ids or self._former.get(place)
            if ids:
                found[file] = frozenset(ids)
        return found

    def code(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, frozenset[str]]:
        """Return the files of code that distributions claim; those not installed are left out."""
        installed = self._environment.distributions() if ids else {}
        return {id: self._claimed(installed[id]) for id in ids if id in installed}

    def _refresh(self, installed: Mapping[NormalizedName, Distribution | Unreadable]) -> None:
        claims = {id: self._claimed(found) for id, found in installed.items()}
        state = [(id, self._read[os.fspath(found.path)][0]) for id, found in installed.items()]
        if state == self._state:
            return
        index: dict[str, tuple[NormalizedName, ...]] = {}
        for id, files in claims.items():
            for file in files:
                index[file] = (*index.get(file, ()), id)
        self._former |= self._index
        self._index, self._state = index, state

    def _claimed(self, found: Distribution | Unreadable) -> frozenset[str]:
        place = os.fspath(found.path)
        stamp = change_key(f"{place}/RECORD")
        known = self._read.get(place)
        if known is None or known[0] != stamp:
            # Files are known by their real place: `lib64` is often a link to `lib`.
            folder = os.path.realpath(found.path.parent)
            files = frozenset(
                os.path.normpath(f"{folder}/{row.path}")
                for row in record.entries(found.path)
                if _CODE.search(row.path)
            )
            known = self._read[place] = (stamp, files)
        return known[1]

    def _elsewhere(self) -> tuple[str, ...]:
        """Return the folders in which nothing is of an editable distribution."""
        interpreter = self._environment.interpreter
        folders = [*interpreter.search, *filter(None, [interpreter.stdlib])]
        return tuple(map(os.path.realpath, folders))

    def _project(
        self, file: str, projects: Mapping[str, NormalizedName], elsewhere: Collection[str]
    ) -> tuple[NormalizedName, ...]:
        interpreter = self._environment.interpreter
        if not projects or any(_is_in(file, folder) for folder in elsewhere):
            return ()
        prefix = os.path.realpath(interpreter.prefix)
        around = [
            folder
            for folder in projects
            # An environment often lies in the folder of the project that it is for.
            if _is_in(file, folder) and not (_is_in(prefix, folder) and _is_in(file, prefix))
        ]
        return (projects[max(around, key=len)],) if around else ()


def _projects(
    installed: Mapping[NormalizedName, Distribution | Unreadable],
) -> dict[str, NormalizedName]:
    """Return the folders that editable distributions were installed from."""
    found = {}
    for id, each in installed.items():
        if isinstance(each, Distribution) and each.origin is Origin.EDITABLE and each.location:
            folder = unquote(urlsplit(each.location).path)
            found[os.path.realpath(folder)] = id
    return found


def _is_in(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip(os.sep) + os.sep)
