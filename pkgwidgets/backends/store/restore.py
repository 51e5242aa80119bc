"""Restore every path of a save point to its saved state.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pkgwidgets.core.differences import Difference

from . import filesystem, foreign_files, leftovers, manifest, room
from .copied_files import is_modified_in_place
from .manifest import Row, parent_folders, restore_order

_MAX_THREADS = 4
_FILE_TYPES = ("absent", "link", "file")


class Restore:
    """One restore, of the rows of a manifest from the objects that are intact at its start.

    With `is_rollback`, folders that did not exist must not exist afterwards either, and what other
    programs added to folders with metadata is a difference. Otherwise these files stay.
    """

    def __init__(
        self, folder: Path, prefix: Path, rows: Sequence[Row], *, is_rollback: bool = False
    ) -> None:
        self._prefix = str(prefix)
        self._objects = str(folder / "objects")
        self._folder = folder
        self._trash = folder.parent.parent / "trash" / folder.name
        self._rows = rows
        self._is_rollback = is_rollback
        self._intact_objects = verified_objects(folder / "objects", rows)
        self._failed: dict[str, str] = {}
        self._known = {self._path(row) for row in rows}
        self._lacks_room = False

    def run(self) -> tuple[Difference, ...]:
        """Restore every path, durably; return the paths that failed, sorted."""
        self._remove_half_copies()
        failed_rows = self._restore_paths(restore_order(self._rows))
        for make_room in (self._free_reserves, self._empty_trash, self._make_way):
            if not self._lacks_room:
                break
            make_room(failed_rows)
            failed_rows = self._restore_paths(failed_rows)
        self._drop_temporaries()
        self._drop_bytecode()
        self._make_durable()
        for row in self._rows:
            path = self._path(row)
            if "folder" in row["type"] and self._is_rollback:
                self._check_folder(row, path)
            is_checked = row["type"] != "no folder" and path not in self._failed
            if is_checked and not self._is_restored(row, path, filesystem.find(path)):
                self._failed[path] = "its content was not restored"
        return tuple(sorted(Difference(*failed) for failed in self._failed.items()))

    def _check_folder(self, row: Row, path: str) -> None:
        """Find what other programs added to a folder that is new, or that has metadata."""
        is_new = row["type"] == "no folder"
        if not filesystem.is_folder(path) or not (is_new or "names" in row):
            return
        added = {*foreign_files.find_added(path, None if is_new else row["names"])}
        for added_path in added - self._known:
            self._failed.setdefault(added_path, foreign_files.ADDED)
        if is_new and not added:
            self._failed.setdefault(path, "this empty folder cannot be removed")

    def _remove_half_copies(self) -> None:
        """Remove what an interrupted restore left beside its paths: it takes room."""
        for row in self._rows:
            if row["type"] in _FILE_TYPES:
                self._remove_half_copy(filesystem.temporary_path(self._path(row)))

    def _remove_half_copy(self, temporary: str) -> None:
        with contextlib.suppress(OSError):  # a folder without permission fails later, by name
            if filesystem.find(temporary) is not None:
                filesystem.remove(temporary)

    def _restore_paths(self, rows: Sequence[Row]) -> list[Row]:
        """Restore these paths; return those that failed.

        If the disk is full, they are tried again as long as others succeed: each may free room,
        or make the folder of another.
        """
        while True:
            failed_rows = []
            self._lacks_room = False
            for row in rows:
                path = self._path(row)
                try:
                    self._restore_path(row)
                    self._failed.pop(path, None)
                except OSError as error:
                    self._failed[path] = filesystem.os_error_text(error)
                    self._lacks_room |= error.errno in filesystem.NO_SPACE_ERRNOS
                    failed_rows.append(row)
            if not self._lacks_room or len(failed_rows) == len(rows):
                return failed_rows
            rows = failed_rows

    def _free_reserves(self, _: Sequence[Row]) -> None:
        room.release(self._folder, Path(self._prefix))

    def _empty_trash(self, _: Sequence[Row]) -> None:
        """Delete the new files that were moved away: on the same disk, they still take room."""
        with contextlib.suppress(OSError):
            filesystem.remove_tree(self._trash)
        self._drop_temporaries()

    def _make_way(self, rows: Sequence[Row]) -> None:
        """Delete what is at these paths: it is replaced, and the saved files are safe.

        So the old files have room where they had room before.
        """
        for row in rows:
            path = self._path(row)
            is_saved = row.get("object") in self._intact_objects or row["type"] == "absent"
            with contextlib.suppress(OSError):
                if is_saved and not self._is_restored(row, path, filesystem.find(path)):
                    self._delete(path)

    def _delete(self, path: str) -> None:
        if filesystem.is_folder(path):
            filesystem.remove_tree(Path(path))
        else:
            filesystem.remove(path)

    def _path(self, row: Row) -> str:
        return manifest.full_path(self._prefix, row["path"])

    def _restore_path(self, row: Row) -> None:
        path, kind = self._path(row), row["type"]
        temporary = filesystem.temporary_path(path)
        status = filesystem.find(path)
        if self._is_edited(row, path):
            return
        if self._is_restored(row, path, status):
            self._restore_owner(row, path)
            self._restore_time(row, path, status, temporary)
        elif kind == "no folder":
            with contextlib.suppress(OSError):  # a foreign file in it keeps it
                filesystem.remove_folder(path)
        elif kind == "absent":
            filesystem.move_away(path, self._trash)
        elif kind == "folder":
            self._restore_folder(row, path, status)
        else:
            try:
                self._replace_path(row, path, status, temporary)
            except OSError:
                self._remove_half_copy(temporary)
                raise

    def _replace_path(
        self, row: Row, path: str, status: os.stat_result | None, temporary: str
    ) -> None:
        """Make the saved file or link beside a path and rename it over the path."""
        is_link = row["type"] == "link" and self._leads_to_saved_content(row)
        if not is_link and row["object"] not in self._intact_objects:
            # Hashing raises an error of its own if the object is missing.
            filesystem.sha256(f"{self._objects}/{row['object']}")
            raise OSError(None, "its saved copy is damaged")
        if status is not None and stat.S_ISDIR(status.st_mode):
            filesystem.move_away(path, self._trash)
        if is_link:
            filesystem.link_to(row["target"], temporary)
            self._restore_owner(row, temporary)
        elif self._is_saved_file(row, status):
            # Renaming one hard link of a file onto another does nothing and leaves both.
            self._restore_mode(row, path)
            return
        else:
            self._copy_object(row, temporary)
        filesystem.replace(temporary, path)

    def _copy_object(self, row: Row, temporary: str) -> None:
        object_path = f"{self._objects}/{row['object']}"
        if is_modified_in_place(row["path"]) or not try_link(object_path, temporary):
            filesystem.copy(object_path, temporary)
        self._restore_owner(row, temporary)
        if row["type"] == "link":  # a copy stands for it; its mode is that of the content
            return
        self._restore_mode(row, temporary)

    def _restore_owner(self, row: Row, path: str) -> None:
        """Give a path to the saved owner and group, as far as this user may."""
        if "owner" in row:  # older save points have none
            filesystem.set_owner(path, *row["owner"])

    def _restore_mode(self, row: Row, path: str) -> None:
        """Restore the mode; that of another member's file in a shared environment may differ."""
        try:
            filesystem.set_mode(path, row["mode"])
        except PermissionError:
            if _is_own(os.lstat(path)):
                raise

    def _restore_time(
        self, row: Row, path: str, status: os.stat_result | None, temporary: str
    ) -> None:
        """Restore the time of a file with unchanged content: plans compare times.

        A file with several links may be that of another environment, too, by the cache of uv. It
        is replaced, so that the other one keeps its time.
        """
        if row["type"] != "file":
            return
        saved = f"{self._objects}/{row['object']}"
        with contextlib.suppress(OSError):  # the content is right even if the object is damaged
            if status is None or status.st_nlink == 1:
                filesystem.set_time(path, saved)
            elif status.st_mtime_ns != os.stat(saved).st_mtime_ns:  # noqa: PTH116
                try:
                    self._replace_path(row, path, status, temporary)
                except OSError:
                    self._remove_half_copy(temporary)
                    raise

    def _restore_folder(self, row: Row, path: str, status: os.stat_result | None) -> None:
        if status is not None and not stat.S_ISDIR(status.st_mode):
            filesystem.move_away(path, self._trash)
            status = None
        if status is None:
            filesystem.make_folder(Path(path))
        self._restore_owner(row, path)
        self._restore_mode(row, path)

    def _is_edited(self, row: Row, path: str) -> bool:
        """Return whether the user edited a file of a project meanwhile: then it stays as it is."""
        try:
            return "after" in row and filesystem.sha256(path) not in (row["sha256"], row["after"])
        except OSError:
            return False

    def _is_restored(self, row: Row, path: str, status: os.stat_result | None) -> bool:
        if self._is_edited(row, path):
            return True
        if row["type"] == "no folder":
            return status is None or not stat.S_ISDIR(status.st_mode)
        try:
            if row["type"] == "link" and status is not None and not stat.S_ISLNK(status.st_mode):
                return filesystem.sha256(path) == str(row.get("sha256"))
            if self._is_saved_file(row, status):
                return status is not None and (
                    stat.S_IMODE(status.st_mode) == row["mode"] or not _is_own(status)
                )
            if status is not None and "mode" in row and not _is_own(status):
                row = {**row, "mode": stat.S_IMODE(status.st_mode)}
            return manifest.matches(path, row) and (
                row["type"] != "link" or self._leads_to_saved_content(row)
            )
        except OSError:
            return False

    def _leads_to_saved_content(self, row: Row) -> bool:
        """Return whether a saved link, if made again, leads to the content that was saved."""
        if "object" not in row:
            return True
        folder = Path(self._path(row)).parent
        try:
            return filesystem.sha256(folder / row["target"]) == str(row["sha256"])
        except OSError:
            return False

    def _is_saved_file(self, row: Row, status: os.stat_result | None) -> bool:
        """Return whether the status is that of the saved file itself, by inode, and intact."""
        saved = self._intact_objects.get(row["object"]) if row["type"] == "file" else None
        return saved is not None and status is not None and _is_same_file(saved, status)

    def _make_durable(self) -> None:
        """Sync every file and folder that may have changed; objects are durable already."""
        with contextlib.suppress(OSError):
            filesystem.sync_all(self._prefix)  # else each of the following syncs takes as long
        files = [
            path
            for row in self._rows
            if "object" in row
            and not self._is_saved_file(row, filesystem.find(path := self._path(row)))
        ]
        folders = [
            f"{self._prefix}/{name}" for name in parent_folders(row["path"] for row in self._rows)
        ]
        outside = (path for row in self._rows if manifest.is_outside(path := row["path"]))
        folders += sorted({path.rpartition(os.sep)[0] for path in outside})
        for path in [*files, self._prefix, *folders, str(self._trash)]:
            status = filesystem.find(path)
            if status is None or stat.S_ISLNK(status.st_mode):
                continue
            try:
                filesystem.sync_path(path)
            except OSError as error:
                reason = f"it could not be written to the disk: {filesystem.os_error_text(error)}"
                self._failed.setdefault(path, reason)

    def _drop_temporaries(self) -> None:
        """Move unfinished files of an installer that was killed to the trash."""
        for row in self._rows:
            folder = self._path(row)
            if row["type"] not in ("folder", "no folder") or not filesystem.is_folder(folder):
                continue
            for name in leftovers.temporary_names(folder) - {*row.get("temporaries", ())}:
                try:
                    filesystem.move_away(f"{folder}/{name}", self._trash)
                except OSError as error:
                    self._failed[f"{folder}/{name}"] = filesystem.os_error_text(error)

    def _drop_bytecode(self) -> None:
        """Delete bytecode: it would run for a source with the same size and time."""
        leftovers.drop_bytecode(self._path(row) for row in self._rows if row["type"] in _FILE_TYPES)
        for row in reversed(self._rows):
            path = self._path(row)
            if row["type"] == "no folder" and filesystem.is_folder(path):
                if self._is_rollback:
                    leftovers.drop_caches(path)
                with contextlib.suppress(OSError):
                    filesystem.remove_folder(path)


def verified_objects(objects: Path, rows: Iterable[Row]) -> Mapping[str, os.stat_result]:
    """Return the objects whose hash is right, by name, each with its status."""

    def verify(chunk: Sequence[Row]) -> list[tuple[str, os.stat_result]]:
        statuses = ((str(row["object"]), _verify_object(objects, row)) for row in chunk)
        return [(name, status) for name, status in statuses if status]

    files = [row for row in rows if "object" in row]
    with ThreadPoolExecutor(_MAX_THREADS) as pool:
        chunks = pool.map(verify, [files[start::_MAX_THREADS] for start in range(_MAX_THREADS)])
        return {name: status for chunk in chunks for name, status in chunk}


def _verify_object(objects: Path, row: Row) -> os.stat_result | None:
    path = f"{objects}/{row['object']}"
    try:
        if filesystem.sha256(path) == str(row["sha256"]):
            return os.stat(path)  # noqa: PTH116
    except OSError:
        pass
    return None


def _is_same_file(first: os.stat_result, second: os.stat_result) -> bool:
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def try_link(source: str, target: str) -> bool:
    """Make a hard link; return False if the file system refuses."""
    try:
        filesystem.link(source, target)
    except OSError:
        return False
    return True


def _is_own(status: os.stat_result) -> bool:
    """Tell whether this user may change the mode of a file with this status."""
    return os.geteuid() in (0, status.st_uid)
