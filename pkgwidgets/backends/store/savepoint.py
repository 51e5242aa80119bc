"""Save points, the old files of distributions: save, check, restore and discard them.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pkgwidgets.core.differences import Difference
from pkgwidgets.core.errors import DiskFailed

from . import filesystem, foreign_files, leftovers, manifest, results, room
from .file_hashes import FileHashes
from .journal_file import RESERVE_BYTES, as_disk_failed
from .manifest import Row, parent_folders
from .object_links import ObjectLinks
from .restore import Restore, verified_objects

_MAX_THREADS = 4
_TICK_SECONDS = 0.05
"""Time between two ticks while other threads work."""
_SAVED_TYPES = ("absent", "link", "file")
_FOLDER_TYPES = ("folder", "no folder")

_Item = TypeVar("_Item")


class FolderSavePoint:
    """The files of one transaction, in `folder/objects`, listed in `folder/manifest.json`.

    `files_per_tick` files are saved or hashed between two calls of `tick`.
    """

    def __init__(self, folder: Path, prefix: Path, *, files_per_tick: int = 32) -> None:
        self._files_per_tick = files_per_tick
        self._folder = folder
        self._prefix = prefix
        self._manifest = folder / "manifest.json"
        self._objects = folder / "objects"
        self._result = folder / "result.json"
        self._hashes = FileHashes()
        self._rows: tuple[tuple[int, ...], list[Row]] | None = None

    def prehash(self, paths: Collection[Path]) -> None:
        """Start to hash files that will probably be saved, in a thread."""
        self._hashes.prehash(map(str, paths))

    def save(
        self,
        paths: Collection[Path],
        tick: Callable[[], None] = lambda: None,
        *,
        folders: Collection[Path] = (),
        outside: Mapping[Path, str] = MappingProxyType({}),
    ) -> int:
        """Save these paths durably, missing ones too; return the size of the files in bytes.

        Files are hard-linked, because installers replace files and do not rewrite them. Files
        that may be edited in place, or cannot be linked, are copied. Of a link to a file outside
        of the prefix, the content is copied. Of `folders`, and of those that contain a path, only
        the mode is saved, or that they are missing. `outside` are files of the project that the
        environment belongs to, each with the SHA-256 of its new content; it is restored only from
        that. `tick` is called regularly.
        Raises `DiskFailed`, and what `tick` raises; then nothing counts as saved.
        """
        with as_disk_failed(self._folder.name):
            filesystem.make_folders(self._objects, is_data=True)
            names = sorted(map(self._relative_name, paths))
            own_folders = {self._relative_name(folder) for folder in folders}
            rows = list(
                self._describe_folders(
                    sorted({*own_folders, *parent_folders([*names, *own_folders])})
                )
            )
            after = {str(path): digest for path, digest in outside.items()}
            names += sorted(after)
            links = ObjectLinks(self._prefix, self._objects, after)
            rows += [
                links.save(name, str(number))
                for number, name in enumerate(_call_regularly(names, tick, self._files_per_tick))
            ]
            files = [row for row in rows if "object" in row]
            needed = self._needed_room(links)
            for row in _call_regularly(links.copied, tick, self._files_per_tick):
                links.copy(row)
            self._add_known_hashes(files, links.statuses)
            self._hash_objects(files, tick)
            # It syncs what is linked. One by one that takes minutes: each waits for the disk, even
            # if the file is old. Only a sync of the file itself reports that a copy failed.
            filesystem.sync_all(self._objects)
            for row in _call_regularly(links.copied, tick, self._files_per_tick):
                filesystem.sync_path(f"{self._objects}/{row['object']}")
            filesystem.sync_path(self._objects)
            self._reserve_room(needed)
            filesystem.write_whole(self._manifest, manifest.encode(rows))
        return sum(row["size"] for row in files)

    def restore(self) -> tuple[Difference, ...]:
        """Restore every path, durably; return the paths that failed.

        What is new at a path that was missing is moved to the trash. After an interruption it can
        run again from the start, because it changes nothing that it reads.
        """
        try:
            rows = self._read_rows()
        except (OSError, ValueError) as error:
            return (self._unreadable(error),)
        return Restore(self._folder, self._prefix, rows).run()

    def roll_back(self, only: Collection[str] = ()) -> tuple[Difference, ...]:
        """Restore every path and check the result; return what differs from the saved state.

        That is also what other programs added: in folders that the change made, in folders with
        metadata, and further installations of the changed packages. With `only`, these paths are
        restored and checked: a later change may have changed the others.
        """
        prefix = str(self._prefix)
        try:
            all_rows = self._read_rows()
        except (OSError, ValueError) as error:
            return (self._unreadable(error),)
        rows = _rows_for(all_rows, prefix, only)
        known = {manifest.full_path(prefix, row["path"]) for row in all_rows}
        foreign = foreign_files.find_listed(prefix, rows, known)
        foreign |= foreign_files.find_other_installations(prefix, rows, known)
        foreign = self._remember_foreign(foreign)
        failed = Restore(self._folder, self._prefix, rows, is_rollback=True).run()
        foreign |= foreign_files.find_other_installations(prefix, rows, known)
        foreign -= {difference.path for difference in failed}
        remaining = (path for path in foreign if filesystem.find(path) is not None)
        reason = foreign_files.OTHER_INSTALLATION
        return tuple(sorted((*failed, *(Difference(path, reason) for path in remaining))))

    def _remember_foreign(self, paths: set[str]) -> set[str]:
        foreign = foreign_files.ForeignPaths(self._folder)
        try:
            return foreign.add(paths)
        except OSError:  # without room, only an interruption would lose them
            return paths | foreign.read()

    def _unreadable(self, error: OSError | ValueError) -> Difference:
        reason = "it is damaged"
        if isinstance(error, OSError):
            reason = filesystem.os_error_text(error)
        return Difference(str(self._manifest), reason)

    def sync(self) -> None:
        """Make all changed files durable, in one call: one by one, thousands take seconds."""
        with as_disk_failed(self._folder.name):
            filesystem.sync_all(self._prefix)

    def remove(self, paths: Collection[Path]) -> tuple[Difference, ...]:
        """Move paths to the trash, durably, with the folders that become empty."""
        kept = {row["path"] for row in self._read_rows() if row["type"] == "folder"}
        names = {self._relative_name(path) for path in paths}
        rows: list[Row] = [{"path": name, "type": "absent"} for name in names]
        rows += [{"path": n, "type": "no folder"} for n in parent_folders(names) if n not in kept]
        return Restore(self._folder, self._prefix, rows).run() if rows else ()

    def record_result(self) -> None:
        """Record how the transaction leaves the saved paths; raise `DiskFailed` if that fails."""
        with as_disk_failed(self._folder.name):
            results.record(self._result, self._prefix, self._inside_rows())

    def changed(self) -> frozenset[Path]:
        """Return the saved paths whose content is neither the transaction's nor the saved one."""
        names = results.changed(self._result, self._prefix, self._inside_rows())
        return frozenset(self._prefix / name for name in names)

    def put_back(self, paths: Collection[Path]) -> tuple[str, ...]:
        """Restore those of `paths` that were saved and are missing now; return the failed ones.

        Other distributions own these files, and an installer removed them.
        """
        names = {self._relative_name(path) for path in paths}
        missing = [
            row
            for row in (self._read_rows() if names else ())
            if row["path"] in names
            and row["type"] in ("link", "file")
            and filesystem.find(f"{self._prefix}/{row['path']}") is None
        ]
        if not missing:
            return ()
        folders = {*parent_folders(row["path"] for row in missing)}
        parents = [row for row in self._read_rows() if row["path"] in folders]
        failed = Restore(self._folder, self._prefix, [*parents, *missing]).run()
        return tuple(map(str, failed))

    def keep_beside(self, copies: Mapping[Path, Path]) -> tuple[str, ...]:
        """Copy saved files that were replaced or removed to new paths; return the failed ones.

        The new paths must be saved paths, too: else a rollback would not remove them.
        """
        rows = {row["path"]: row for row in (self._read_rows() if copies else ())}
        failed = []
        for path, target in copies.items():
            row = rows[self._relative_name(path)]
            try:
                if "object" in row and not _has_content(path, row["sha256"]):
                    self._copy_beside(f"{self._objects}/{row['object']}", target)
            except OSError as error:
                failed.append(f"{target}: {filesystem.os_error_text(error)}")
        return tuple(failed)

    def _copy_beside(self, object_path: str, target: Path) -> None:
        filesystem.make_folders(target.parent)
        temporary = filesystem.temporary_path(str(target))
        filesystem.copy(object_path, temporary)
        filesystem.replace(temporary, target)

    def differing(self) -> frozenset[Path]:
        """Return the saved files that exist with another content now."""
        return frozenset(
            filesystem.as_path(path)
            for row in self._inside_rows()
            if "object" in row
            and (status := filesystem.find(path := f"{self._prefix}/{row['path']}")) is not None
            and not (_may_have_size(status, row["size"]) and _has_content(path, row["sha256"]))
        )

    def paths(self) -> frozenset[Path]:
        """Return every path in the prefix that was saved, missing ones too."""
        return self._paths_of(_SAVED_TYPES)

    def folders(self) -> frozenset[Path]:
        """Return every folder of which it knows whether it existed."""
        return self._paths_of(_FOLDER_TYPES)

    def _paths_of(self, types: Collection[str]) -> frozenset[Path]:
        return frozenset(
            filesystem.as_path(f"{self._prefix}/{row['path']}")
            for row in self._inside_rows()
            if row["type"] in types
        )

    def is_intact(self) -> bool:
        """Return whether every saved file is intact, by hash."""
        try:
            rows = self._read_rows()
        except (OSError, ValueError):
            return False
        objects = {row["object"] for row in rows if "object" in row}
        return objects == verified_objects(self._objects, rows).keys()

    def is_kept(self) -> bool:
        """Return whether the save point was not discarded; it may be damaged."""
        return self._manifest.exists()

    def damage(self, *, thorough: bool = True) -> tuple[str, ...]:
        """Return the damaged parts of a save point that is kept, one clause each.

        Without `thorough`, the saved files are compared by size and not by hash.
        """
        try:
            rows = self._read_rows()
        except (OSError, ValueError):
            return ("its list of files cannot be read",)
        saved = [row for row in rows if "object" in row]
        intact = (
            verified_objects(self._objects, saved).keys()
            if thorough
            else {row["object"] for row in saved if self._has_size(row)}
        )
        lost = [row["path"] for row in saved if row["object"] not in intact]
        return tuple(f"its copy of {name!a} is damaged" for name in lost)

    def _has_size(self, row: Row) -> bool:
        status = filesystem.find(self._objects / row["object"])
        return status is not None and status.st_size == row["size"]

    def discard(self) -> None:
        """Delete the saved files; the manifest first, so that a partial save point never counts."""
        filesystem.remove(self._manifest)
        filesystem.remove(self._folder / "foreign.json")
        filesystem.remove(self._result)
        filesystem.remove_tree(self._objects)

    def _relative_name(self, path: Path) -> str:
        """Return a path relative to the prefix; raise ValueError if it is outside."""
        name, prefix = str(path), f"{self._prefix}{os.sep}"
        if not name.startswith(prefix):
            raise ValueError(f"{name} is not in {self._prefix}")
        return name[len(prefix) :]

    def _describe_folders(self, names: Collection[str]) -> Iterable[Row]:
        """Describe folders, because an installer makes some, and removes empty ones."""
        for name in names:
            folder = f"{self._prefix}/{name}"
            status = filesystem.find(folder)
            if status is None:
                yield {"path": name, "type": "no folder"}
            elif stat.S_ISDIR(status.st_mode):
                mode = stat.S_IMODE(status.st_mode)
                temporaries = sorted(leftovers.temporary_names(folder))
                owner = [status.st_uid, status.st_gid]
                facts = {"mode": mode, "owner": owner, "temporaries": temporaries}
                row = {"path": name, "type": "folder", **facts}
                if foreign_files.is_metadata_folder(name):
                    row["names"] = foreign_files.entry_names(folder)
                yield row

    def _needed_room(self, links: ObjectLinks) -> dict[str, int]:
        """Return the bytes that a restore would copy, by a folder on each disk.

        Raises `DiskFailed` if a disk has no room for that and for the copies of this save point.
        """
        needed = room.needed_on_disks(links.sizes_to_copy_back(), str(self._prefix))
        own = {str(self._objects): sum(row["size"] for row in links.copied) + RESERVE_BYTES}
        for folder, size in room.by_disk(needed, own).items():
            files = len(links.copied) if folder in own else 0
            reason = room.missing_room(folder, size, files)
            if reason is not None:
                raise DiskFailed(self._folder.name, folder, reason)
        return needed

    def _reserve_room(self, needed: Mapping[str, int]) -> None:
        """Reserve the room that a restore needs: a full disk would not have it."""
        own, others = room.split(needed, self._folder)
        filesystem.reserve(self._folder / "reserve", RESERVE_BYTES + own)
        room.reserve(self._folder, self._prefix, others)

    def _add_known_hashes(
        self, files: Iterable[Row], statuses: Mapping[str, os.stat_result]
    ) -> None:
        """Add the size of each object, and its hash if `prehash` provided it."""
        for row in files:
            status = os.stat(f"{self._objects}/{row['object']}")  # noqa: PTH116
            row["size"] = status.st_size
            row["sha256"] = self._hashes.find_hash(statuses[row["path"]], status)

    def _hash_objects(self, files: Sequence[Row], tick: Callable[[], None]) -> None:
        """Add the hash of each object that `prehash` did not provide, in several threads."""
        unhashed = [row for row in files if row["sha256"] is None]

        def hash_chunk(rows: Sequence[Row]) -> None:
            for row in rows:
                row["sha256"] = filesystem.sha256(f"{self._objects}/{row['object']}")

        size = self._files_per_tick
        chunks = [unhashed[start : start + size] for start in range(0, len(unhashed), size)]
        with ThreadPoolExecutor(_MAX_THREADS) as pool:
            futures = [pool.submit(hash_chunk, chunk) for chunk in chunks]
            try:
                while wait(futures, _TICK_SECONDS).not_done:
                    tick()
            finally:
                pool.shutdown(cancel_futures=True)
            for future in futures:
                future.result()

    def _inside_rows(self) -> list[Row]:
        """Return the rows of the prefix: plans compare a project's files by hashes of their own."""
        return [row for row in self._read_rows() if not manifest.is_outside(row["path"])]

    def _read_rows(self) -> list[Row]:
        """Read the manifest, unless it is the file that was read last; rows are not changed."""
        status = self._manifest.stat()
        key = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        if self._rows is None or self._rows[0] != key:
            self._rows = key, manifest.decode(self._manifest.read_bytes())
        return self._rows[1]


def _rows_for(rows: list[Row], prefix: str, only: Collection[str]) -> list[Row]:
    """Return the rows of some paths, of what is in them, and of the folders that they are in."""
    if not only:
        return rows
    wanted = {path.removeprefix(f"{prefix}/") for path in only}
    above = {*parent_folders(wanted)}
    return [
        row
        for row in rows
        if row["path"] in wanted | above or not wanted.isdisjoint(parent_folders([row["path"]]))
    ]


def _may_have_size(status: os.stat_result, size: int) -> bool:
    """Tell whether a path can have a content of this size; that of a link is not known."""
    return status.st_size == size or not stat.S_ISREG(status.st_mode)


def _has_content(path: filesystem.StrPath, sha256: str) -> bool:
    try:
        return filesystem.sha256(path) == sha256
    except OSError:
        return False


def _call_regularly(
    items: Collection[_Item], tick: Callable[[], None], every: int
) -> Iterator[_Item]:
    for number, item in enumerate(items):
        if number % every == 0:
            tick()
        yield item
