"""Preparations as folders below the data folder: `prepared/<id>/{lock, stage/, result.json}`.

A lock in each folder shows whether its process still runs. A folder is renamed before it is
deleted, and a stage is moved as a whole. So no transaction gets half a stage.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from pkgwidgets.backends.store import filesystem, forks, lock, ownership
from pkgwidgets.core.errors import DiskFailed
from pkgwidgets.core.preparations import ImportResult

_NEW = "new-"
"""How the name of a folder begins that has no lock yet."""
_DISCARDED = "discarded-"
_LOCK_SECONDS = 60.0
"""A folder that has no lock after that time belongs to no running process."""


@dataclass(frozen=True, slots=True)
class _FolderPreparation:
    """One preparation; its result holds for what `key` describes."""

    folder: Path
    key: str

    @property
    def stage(self) -> Path:
        return self.folder / "stage"

    def complete(self, result: ImportResult) -> None:
        values = {
            "key": self.key,
            "has_stage": self.stage.is_dir(),
            "excused": sorted(result.excused),
            "needs": dict(result.needs),
            "unproven": None if result.unproven is None else sorted(result.unproven),
        }
        with _as_disk_failed(self.folder):
            filesystem.write_whole(self.folder / "result.json", json.dumps(values).encode())


class FolderPreparations:
    """The preparations of one environment; the last one of this process ends with it.

    `variables` returns those that modules see when they are imported.
    """

    def __init__(self, place: Path, variables: Callable[[], Mapping[str, str]]) -> None:
        self._place = place / "prepared"
        self._variables = variables
        self._own: dict[Path, int] = {}
        """The preparations of this process, with the descriptors that hold their locks."""
        self._ends_with_process = False

    @contextlib.contextmanager
    def begin(self, plan_id: str) -> Iterator[_FolderPreparation]:
        """Prepare a plan in a block; discard what is not complete at its end."""
        self.discard()
        with _as_disk_failed(self._place):
            preparation = self._make(plan_id)
        try:
            yield preparation
        finally:
            if not (preparation.folder / "result.json").is_file():
                self._remove(preparation.folder)

    def take(self, plan_id: str, stage: Path) -> ImportResult | None:
        """Move the complete preparation of a plan to `stage`; return None if there is none.

        Root, who works as the environment's owner, takes none: the owner's uv needs another cache.
        """
        if ownership.owner_to_work_as(self._place.parent.parent) is not None:
            return None
        for folder in self._folders():
            values = self._read_result(folder, plan_id)
            if values is None:
                continue
            with contextlib.suppress(OSError):
                if values["has_stage"]:  # a plan that only uninstalls has none
                    filesystem.replace(folder / "stage", stage)
                self._remove(folder)
                return _result(values)
        return None

    def discard(self) -> None:
        """Discard the preparations of this process and those of ended processes."""
        for folder in self._folders():
            if folder in self._own or folder.name.startswith(_DISCARDED) or _is_left(folder):
                self._remove(folder)

    def _make(self, plan_id: str) -> _FolderPreparation:
        name = secrets.token_hex(8)
        new, folder = self._place / f"{_NEW}{name}", self._place / name
        filesystem.make_folders(new, is_data=True)
        if not self._ends_with_process:
            atexit.register(self.discard)
            self._ends_with_process = True
        self._own[folder] = lock.mark_in_use(new / "lock")
        filesystem.replace(new, folder)
        return _FolderPreparation(folder, self._key(plan_id))

    def _key(self, plan_id: str) -> str:
        variables = json.dumps(sorted(self._variables().items()))
        return f"{plan_id} {hashlib.sha256(variables.encode()).hexdigest()}"

    def _read_result(self, folder: Path, plan_id: str) -> dict[str, Any] | None:
        try:
            values: dict[str, Any] = json.loads((folder / "result.json").read_bytes())
        except (OSError, ValueError):
            return None
        return values if values.get("key") == self._key(plan_id) else None

    def _folders(self) -> list[Path]:
        try:
            return sorted(self._place.iterdir())
        except OSError:
            return []

    def _remove(self, folder: Path) -> None:
        """Rename and then delete a folder; what cannot be deleted now is left for later."""
        with contextlib.suppress(OSError):
            discarded = self._place / f"{_DISCARDED}{secrets.token_hex(8)}"
            filesystem.replace(folder, discarded)
            filesystem.remove_tree(discarded)
        descriptor = self._own.pop(folder, None)
        if descriptor is not None:
            forks.close(descriptor)


def _result(values: Mapping[str, Any]) -> ImportResult:
    unproven = values.get("unproven")
    return ImportResult(
        excused=frozenset(values["excused"]),
        unproven=None if unproven is None else frozenset(unproven),
        needs=values["needs"],
    )


def _is_left(folder: Path) -> bool:
    """Tell whether a preparation belongs to no running process."""
    if not folder.name.startswith(_NEW):
        return not lock.is_in_use(folder / "lock")
    status = filesystem.find(folder)
    return status is not None and time() - status.st_mtime > _LOCK_SECONDS


@contextlib.contextmanager
def _as_disk_failed(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        path = str(error.filename or place)
        raise DiskFailed("", path, filesystem.os_error_text(error)) from error
