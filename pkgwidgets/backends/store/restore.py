"""Putting back what a save point holds, until every path is what it was.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import filesystem, leftovers, manifest
from .manifest import Row

_MAX_THREADS = 4
_COPIED = (".pth", ".egg-link")
_BY_HAND = ("bin", "Scripts", "etc", "share")
"""Folders of the prefix whose files people and tools edit in place: a link would be edited too."""
_FILES = ("absent", "link", "file")


class Restore:
    """One restore: the rows of a manifest, and the objects that are whole as it begins."""

    def __init__(self, folder: Path, prefix: Path, rows: Sequence[Row]) -> None:
        self._prefix = str(prefix)
        self._objects = str(folder / "objects")
        self._reserve = folder / "reserve"
        self._trash = folder.parent.parent / "trash" / folder.name
        self._rows = rows
        self._sound = verified_objects(folder / "objects", rows)
        self._failed: dict[str, str] = {}

    def run(self) -> Mapping[str, str]:
        """Make every path what it was, durably; return what is not, each path with the reason."""
        for row in _in_order(self._rows):
            try:
                self._put_back_with_room(row)
            except OSError as error:
                self._failed[self._path(row)] = filesystem.os_error_text(error)
        self._drop_temporaries()
        self._drop_bytecode()
        self._make_durable()
        for row in self._rows:
            path = self._path(row)
            wanted = row["type"] != "no folder" and path not in self._failed
            if wanted and not self._is_as_saved(row, path, filesystem.find(path)):
                self._failed[path] = "it is not what it was"
        return self._failed

    def _path(self, row: Row) -> str:
        return f"{self._prefix}/{row['path']}"

    def _put_back_with_room(self, row: Row) -> None:
        """Put one path back; a full disk has the room that was reserved."""
        try:
            self._put_back(row)
        except OSError as error:
            if error.errno not in filesystem.FULL:
                raise
            filesystem.release(self._reserve)
            self._put_back(row)

    def _put_back(self, row: Row) -> None:
        path, kind = self._path(row), row["type"]
        # One name for the new, whatever is cut off: a leftover of an earlier try goes first.
        folder, _, name = path.rpartition(os.sep)
        beside = f"{folder}/.{filesystem.name_of(name)}.pkgwidgets"
        if kind in _FILES and filesystem.find(beside) is not None:
            filesystem.remove(beside)
        found = filesystem.find(path)
        if self._is_as_saved(row, path, found):
            self._put_time_back(row, path)
        elif kind == "no folder":
            with contextlib.suppress(OSError):  # somebody else's file in it keeps it
                filesystem.remove_folder(path)
        elif kind == "absent":
            filesystem.move_away(path, self._trash)
        elif kind == "folder":
            self._put_folder_back(path, found, row["mode"])
        else:
            self._put_over(row, path, found, beside)

    def _put_over(self, row: Row, path: str, found: os.stat_result | None, staged: str) -> None:
        """Make the old anew beside a path and rename it over what is there."""
        if row["type"] == "file" and row["object"] not in self._sound:
            filesystem.sha256(f"{self._objects}/{row['object']}")  # says if it is not there at all
            raise OSError(None, "its saved copy is damaged")
        if found is not None and stat.S_ISDIR(found.st_mode):
            filesystem.move_away(path, self._trash)
        if row["type"] == "link":
            filesystem.link_to(row["target"], staged)
        elif self._is_object(row, found):
            # Renaming a link of a file onto another of the same file does nothing, leaving both.
            filesystem.set_mode(path, row["mode"])
            return
        else:
            self._make_file(row, staged)
        filesystem.replace(staged, path)

    def _make_file(self, row: Row, staged: str) -> None:
        kept = f"{self._objects}/{row['object']}"
        if is_modified_in_place(row["path"]) or not is_linked(kept, staged):
            filesystem.copy(kept, staged)
        if stat.S_IMODE(self._sound[row["object"]].st_mode) != row["mode"]:
            filesystem.set_mode(staged, row["mode"])

    def _put_time_back(self, row: Row, path: str) -> None:
        """Give a file that was replaced by its equal its time again: plans know it by that."""
        if row["type"] == "file":
            with contextlib.suppress(OSError):  # an object that is damaged is not needed here
                filesystem.set_time(path, f"{self._objects}/{row['object']}")

    def _put_folder_back(self, path: str, found: os.stat_result | None, mode: int) -> None:
        if found is not None and not stat.S_ISDIR(found.st_mode):
            filesystem.move_away(path, self._trash)
            found = None
        if found is None:
            filesystem.make_folder(Path(path))
        filesystem.set_mode(path, mode)

    def _is_as_saved(self, row: Row, path: str, found: os.stat_result | None) -> bool:
        if row["type"] == "no folder":
            return found is None or not stat.S_ISDIR(found.st_mode)
        try:
            if self._is_object(row, found):
                return bool(stat.S_IMODE(found.st_mode) == row["mode"]) if found else False
            return manifest.matches(path, row)
        except OSError:
            return False

    def _is_object(self, row: Row, found: os.stat_result | None) -> bool:
        """Tell whether what was found is the very file that was saved, and is whole."""
        kept = self._sound.get(row["object"]) if row["type"] == "file" else None
        return kept is not None and found is not None and _same_file(kept, found)

    def _make_durable(self) -> None:
        """Sync every file and every folder that may have been changed; objects are durable."""
        with contextlib.suppress(OSError):
            filesystem.sync_all()  # else each of the next ones takes as long
        files = [
            path
            for row in self._rows
            if row["type"] == "file"
            and not self._is_object(row, filesystem.find(path := self._path(row)))
        ]
        folders = [
            f"{self._prefix}/{name}" for name in parent_folders(row["path"] for row in self._rows)
        ]
        for path in [*files, self._prefix, *folders, str(self._trash)]:
            found = filesystem.find(path)
            if found is None or stat.S_ISLNK(found.st_mode):
                continue
            try:
                filesystem.sync_path(path)
            except OSError as error:
                said = f"it could not be made durable: {filesystem.os_error_text(error)}"
                self._failed.setdefault(path, said)

    def _drop_temporaries(self) -> None:
        """Move away what an installer was just writing when it was killed."""
        for row in self._rows:
            folder = self._path(row)
            if row["type"] not in ("folder", "no folder") or not filesystem.is_folder(folder):
                continue
            for name in leftovers.temporaries(folder) - {*row.get("temporaries", ())}:
                try:
                    filesystem.move_away(f"{folder}/{name}", self._trash)
                except OSError as error:
                    self._failed[f"{folder}/{name}"] = filesystem.os_error_text(error)

    def _drop_bytecode(self) -> None:
        """Delete what was compiled from the files: same size and time would run the wrong one."""
        leftovers.drop_bytecode(self._path(row) for row in self._rows if row["type"] in _FILES)
        for row in reversed(self._rows):
            if row["type"] == "no folder" and filesystem.is_folder(self._path(row)):
                with contextlib.suppress(OSError):
                    filesystem.remove_folder(self._path(row))


def verified_objects(objects: Path, rows: Iterable[Row]) -> Mapping[str, os.stat_result]:
    """Return the objects that are whole, by hash, and what each is on the disk."""

    def sound(some: Sequence[Row]) -> list[tuple[str, os.stat_result]]:
        return [(row["object"], held) for row in some if (held := _whole(objects, row))]

    kept = [row for row in rows if row["type"] == "file"]
    with ThreadPoolExecutor(_MAX_THREADS) as pool:
        found = pool.map(sound, [kept[start::_MAX_THREADS] for start in range(_MAX_THREADS)])
        return {object: held for some in found for object, held in some}


def _whole(objects: Path, row: Row) -> os.stat_result | None:
    path = f"{objects}/{row['object']}"
    try:
        if filesystem.sha256(path) == str(row["sha256"]):
            return os.stat(path)  # noqa: PTH116
    except OSError:
        pass
    return None


def _same_file(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def is_modified_in_place(name: str) -> bool:
    """Tell whether a path, as seen from the prefix, is written in place and not replaced."""
    return name.endswith(_COPIED) or name.partition(os.sep)[0] in _BY_HAND


def is_linked(source: str, target: str) -> bool:
    """Give a file a second name, if the file system will."""
    try:
        filesystem.link(source, target)
    except OSError:
        return False
    return True


def parent_folders(names: Iterable[str]) -> list[str]:
    """Name the folders between the prefix and paths that are seen from it, the upper ones first."""
    found: set[str] = set()
    for name in names:
        folder = name.rpartition(os.sep)[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition(os.sep)[0]
    return sorted(found)


def _in_order(rows: Iterable[Row]) -> list[Row]:
    """First away with what is new, the deepest first: a folder may be where a file was.

    Then the folders from the top, then what is in them.
    """
    new = [row for row in rows if row["type"] in ("absent", "no folder")]
    new.sort(key=lambda row: str(row["path"]), reverse=True)
    folders = [row for row in rows if row["type"] == "folder"]
    return [*new, *folders, *(row for row in rows if row["type"] in ("link", "file"))]
