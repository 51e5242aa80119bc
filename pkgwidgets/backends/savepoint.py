"""The old files of a set of distributions: save, restore, discard.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pkgwidgets.core.errors import DiskFailed

from . import disk, manifest, strays
from .lines import RESERVE, explained
from .manifest import Row

_COPIED = (".pth", ".egg-link")
_AT_ONCE = 4
_BY_HAND = ("bin", "Scripts", "etc", "share")
"""Folders of the prefix whose files people and tools edit in place: a link would be edited too."""


class FolderSavePoint:
    """The files of one transaction, in `folder/objects`, listed in `folder/manifest.json`."""

    def __init__(self, folder: Path, prefix: Path) -> None:
        self._folder = folder
        self._prefix = prefix
        self._manifest = folder / "manifest.json"
        self._objects = folder / "objects"
        self._trash = folder.parent.parent / "trash" / folder.name
        self._sound: frozenset[str] = frozenset()
        """The objects whose hash was right when a restore began."""

    def save(self, paths: Collection[Path]) -> int:
        """Keep these paths as they are, absent ones too; durable when it returns.

        Files are hard-linked, because installers replace files and do not rewrite them; what is
        written in place is copied, and so is what the file system will not link. Returns the
        bytes that are kept. Raises `DiskFailed`; nothing counts as saved then.
        """
        with explained(self._folder.name):
            disk.make_folders(self._objects, 0o700)
            rows = list(self._folders(paths))
            in_order = sorted(paths, key=str)
            rows += [self._keep(path, str(number)) for number, path in enumerate(in_order)]
            kept = [row for row in rows if row["type"] == "file"]
            self._hash(kept)
            disk.sync_all()  # else each of the next ones takes as long
            for row in kept:
                disk.sync_path(self._objects / row["object"])
            disk.sync_path(self._objects)
            # Putting back a copy takes as much room again, and a full disk has none.
            copies = sum(row["size"] for row in kept if self._edited_in_place(row["path"]))
            disk.reserve(self._folder / "reserve", RESERVE + copies)
            disk.write_whole(self._manifest, manifest.written(rows))
        return sum(row["size"] for row in kept)

    def restore(self) -> tuple[str, ...]:
        """Make every path what it was, durably, and return what is not, each with the reason.

        What was not there is moved to the trash. Safe to run again from the start after it was
        cut off anywhere: all that it reads stays as it is.
        """
        try:
            rows = self._read()
        except (OSError, ValueError) as error:
            reason = disk.said(error) if isinstance(error, OSError) else "it is damaged"
            return (f"{self._manifest}: {reason}",)
        failed: dict[Path, str] = {}
        self._sound = self._sound_objects(rows)
        for row in _in_order(rows):
            try:
                self._put_back_with_room(row)
            except OSError as error:
                failed[self._path(row)] = disk.said(error)
        self._drop_temporaries(rows, failed)
        self._drop_bytecode(rows)
        self._make_durable(rows, failed)
        for row in rows:
            path = self._path(row)
            if row["type"] != "no folder" and path not in failed and not self._is_as_saved(row):
                failed[path] = "it is not what it was"
        return tuple(f"{path}: {failed[path]}" for path in sorted(failed))

    def paths(self) -> frozenset[Path]:
        """Return every path that was saved, absent ones too."""
        return frozenset(self._path(row) for row in self._read() if row["type"] in _FILES)

    def intact(self) -> bool:
        """Tell whether every saved file is still there, by hash."""
        try:
            rows = self._read()
        except (OSError, ValueError):
            return False
        objects = {row["object"] for row in rows if row["type"] == "file"}
        return objects == self._sound_objects(rows)

    def discard(self) -> None:
        """Give the space back; the manifest goes first, so that a half is never trusted."""
        disk.remove(self._manifest)
        disk.remove_tree(self._objects)

    def _path(self, row: Row) -> Path:
        return self._prefix / str(row["path"])

    def _folders(self, paths: Collection[Path]) -> Iterable[Row]:
        """Describe the folders that hold these paths: an installer removes what it empties."""
        for name in self._names_above(paths):
            folder = self._prefix / name
            try:
                found = folder.lstat()
            except (FileNotFoundError, NotADirectoryError):
                yield {"path": name, "type": "no folder"}
                continue
            if stat.S_ISDIR(found.st_mode):
                mode = stat.S_IMODE(found.st_mode)
                own = sorted(strays.temporaries(folder))
                yield {"path": name, "type": "folder", "mode": mode, "temporaries": own}

    def _keep(self, path: Path, object: str) -> Row:
        name = self._name(path)
        row = manifest.described(path, name)
        if row["type"] == "folder":
            reason = "it is neither a file nor a link"
            raise DiskFailed(self._folder.name, str(path), reason)
        if row["type"] != "file":
            return row
        kept = self._objects / object
        if self._edited_in_place(name) or not _linked(path, kept):
            disk.copy(path, kept)
        return {**row, "object": object, "size": kept.stat().st_size}

    def _hash(self, kept: Sequence[Row]) -> None:
        """Add the hash of each object, in a few threads: that is half of the work."""

        def hash_some(rows: Sequence[Row]) -> None:
            for row in rows:
                row["sha256"] = disk.sha256(self._objects / row["object"])

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(hash_some, [kept[start::_AT_ONCE] for start in range(_AT_ONCE)]))

    def _name(self, path: Path) -> str:
        """Return a path as it is seen from the prefix; raises ValueError for one that is outside.

        As text: of thousands, paths that are taken apart are most of the time.
        """
        name, prefix = str(path), f"{self._prefix}{os.sep}"
        if not name.startswith(prefix):
            raise ValueError(f"{name} is not in {self._prefix}")
        return name[len(prefix) :]

    def _names_above(self, paths: Iterable[Path]) -> list[str]:
        """Name the folders between the prefix and these paths, the upper ones first."""
        found: set[str] = set()
        for path in paths:
            name = os.path.dirname(self._name(path))  # noqa: PTH120
            while name and name not in found:
                found.add(name)
                name = os.path.dirname(name)  # noqa: PTH120
        return sorted(found)

    def _edited_in_place(self, name: str) -> bool:
        return name.endswith(_COPIED) or name.partition(os.sep)[0] in _BY_HAND

    def _put_back_with_room(self, row: Row) -> None:
        """Put one path back; a full disk has the room that was reserved."""
        try:
            self._put_back(row)
        except OSError as error:
            if error.errno not in disk.FULL:
                raise
            disk.release(self._folder / "reserve")
            self._put_back(row)

    def _put_back(self, row: Row) -> None:
        path = self._path(row)
        # One name for the new, whatever is cut off: a leftover of an earlier try goes first.
        beside = path.with_name(f".{disk.name_of(path)}.pkgwidgets")
        if row["type"] in _FILES and os.path.lexists(beside):
            disk.remove(beside)
        if self._is_as_saved(row):
            self._put_time_back(row, path)
            return
        if row["type"] == "no folder":
            with contextlib.suppress(OSError):  # somebody else's file in it keeps it
                disk.remove_folder(path)
            return
        if row["type"] == "absent":
            disk.move_away(path, self._trash)
            return
        if row["type"] == "folder":
            self._put_folder_back(path, row["mode"])
            return
        if row["type"] == "file" and row["object"] not in self._sound:
            disk.sha256(self._objects / row["object"])  # says if it is not there at all
            raise OSError(None, "its saved copy is damaged")
        if path.is_dir() and not path.is_symlink():
            disk.move_away(path, self._trash)
        if row["type"] == "link":
            disk.link_to(row["target"], beside)
        else:
            self._put_file(row, path, beside)
        if os.path.lexists(beside):
            disk.replace(beside, path)

    def _put_time_back(self, row: Row, path: Path) -> None:
        """Give a file that was replaced by its equal its time again: plans know it by that."""
        if row["type"] == "file":
            with contextlib.suppress(OSError):  # an object that is damaged is not needed here
                disk.set_time(path, self._objects / row["object"])

    def _put_folder_back(self, path: Path, mode: int) -> None:
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
            disk.move_away(path, self._trash)
        if not path.exists():
            disk.make_folder(path)
        disk.set_mode(path, mode)

    def _put_file(self, row: Row, path: Path, beside: Path) -> None:
        kept = self._objects / row["object"]
        # Renaming a link of a file onto another of the same file does nothing and leaves both.
        if path.exists() and not path.is_symlink() and path.samefile(kept):
            disk.set_mode(path, row["mode"])
            return
        if self._edited_in_place(row["path"]) or not _linked(kept, beside):
            disk.copy(kept, beside)
        disk.set_mode(beside, row["mode"])

    def _is_as_saved(self, row: Row) -> bool:
        path = self._path(row)
        if row["type"] == "no folder":
            return not path.is_dir() or path.is_symlink()
        try:
            if self._is_sound_object(path, row):
                return bool(manifest.described(path, row["path"])["mode"] == row["mode"])
            return manifest.matches(path, row)
        except OSError:
            return False

    def _is_sound_object(self, path: Path, row: Row) -> bool:
        """Tell whether what is at a path is the very file that was saved, and is whole."""
        if row["type"] != "file" or row["object"] not in self._sound or path.is_symlink():
            return False
        try:
            return path.samefile(self._objects / row["object"])
        except OSError:
            return False

    def _sound_objects(self, rows: list[Row]) -> frozenset[str]:
        def sound(some: Sequence[Row]) -> list[str]:
            return [row["object"] for row in some if self._whole(row)]

        kept = [row for row in rows if row["type"] == "file"]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(sound, [kept[start::_AT_ONCE] for start in range(_AT_ONCE)])
            return frozenset(object for objects in found for object in objects)

    def _whole(self, row: Row) -> bool:
        try:
            return disk.sha256(self._objects / row["object"]) == str(row["sha256"])
        except OSError:
            return False

    def _make_durable(self, rows: list[Row], failed: dict[Path, str]) -> None:
        """Sync every file and every folder that may have been changed; objects are durable."""
        with contextlib.suppress(OSError):
            disk.sync_all()  # else each of the next ones takes as long
        files = [
            path
            for row in rows
            if row["type"] == "file" and not self._is_sound_object(path := self._path(row), row)
        ]
        above = self._names_above(self._path(row) for row in rows)
        folders = [self._prefix, *(self._prefix / name for name in above)]
        for path in [*files, *folders, self._trash]:
            if path.is_symlink() or not path.exists():
                continue
            try:
                disk.sync_path(path)
            except OSError as error:
                failed.setdefault(path, f"it could not be made durable: {disk.said(error)}")

    def _drop_temporaries(self, rows: list[Row], failed: dict[Path, str]) -> None:
        """Move away what an installer was just writing when it was killed."""
        for row in rows:
            folder = self._path(row)
            if row["type"] in ("folder", "no folder") and not folder.is_symlink():
                for name in strays.temporaries(folder) - {*row.get("temporaries", ())}:
                    try:
                        disk.move_away(folder / name, self._trash)
                    except OSError as error:
                        failed[folder / name] = disk.said(error)

    def _drop_bytecode(self, rows: list[Row]) -> None:
        """Delete what was compiled from the files: same size and time would run the wrong one."""
        strays.drop_bytecode(self._path(row) for row in rows if row["type"] in _FILES)
        for row in reversed(rows):
            if row["type"] == "no folder" and self._path(row).is_dir():
                with contextlib.suppress(OSError):
                    disk.remove_folder(self._path(row))

    def _read(self) -> list[Row]:
        return manifest.read(self._manifest.read_bytes())


_FILES = ("absent", "link", "file")


def _in_order(rows: list[Row]) -> list[Row]:
    """First away with what is new, the deepest first: a folder may be where a file was.

    Then the folders from the top, then what is in them.
    """
    new = [row for row in rows if row["type"] in ("absent", "no folder")]
    new.sort(key=lambda row: str(row["path"]), reverse=True)
    folders = [row for row in rows if row["type"] == "folder"]
    return [*new, *folders, *(row for row in rows if row["type"] in ("link", "file"))]


def _linked(source: Path, target: Path) -> bool:
    try:
        disk.link(source, target)
    except OSError:
        return False
    return True
