"""The old files of a set of distributions: save, check, discard; `restoring` puts them back.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import TypeVar

from pkgwidgets.core.errors import DiskFailed

from . import filesystem, leftovers, manifest
from .file_hashes import FileHashes
from .journal_file import RESERVE, as_disk_failed
from .manifest import Row
from .restore import Restore, is_linked, is_modified_in_place, parent_folders, verified_objects

_MAX_THREADS = 4
_TICK_SECONDS = 0.05
"""Between two ticks while others work."""
_KEPT = ("absent", "link", "file")

_Item = TypeVar("_Item")


class FolderSavePoint:
    """The files of one transaction, in `folder/objects`, listed in `folder/manifest.json`.

    `files_per_tick` are gone through between two ticks.
    """

    def __init__(self, folder: Path, prefix: Path, *, files_per_tick: int = 32) -> None:
        self._files_per_tick = files_per_tick
        self._folder = folder
        self._prefix = prefix
        self._manifest = folder / "manifest.json"
        self._objects = folder / "objects"
        self._digests = FileHashes()

    def prehash(self, paths: Collection[Path]) -> None:
        """Begin to read what will probably be saved, beside whatever is done until then."""
        self._digests.prehash(map(str, paths))

    def save(self, paths: Collection[Path], tick: Callable[[], None] = lambda: None) -> int:
        """Keep these paths as they are, absent ones too; durable when it returns.

        Files are hard-linked, because installers replace files and do not rewrite them; what is
        written in place is copied, and so is what the file system will not link. Returns the
        bytes that are kept. Raises `DiskFailed`, and what `tick` raises, which is called again and
        again; nothing counts as saved then.
        """
        with as_disk_failed(self._folder.name):
            filesystem.make_folders(self._objects, 0o700)
            names = sorted(map(self._name, paths))
            rows = list(self._folders(names))
            rows += [
                self._keep(name, str(n))
                for n, name in enumerate(_call_regularly(names, tick, self._files_per_tick))
            ]
            kept = [row for row in rows if row["type"] == "file"]
            self._hash(kept, tick)
            filesystem.sync_all()  # else each of the next ones takes as long
            for row in _call_regularly(kept, tick, self._files_per_tick):
                filesystem.sync_path(f"{self._objects}/{row['object']}")
            filesystem.sync_path(self._objects)
            # Putting back a copy takes as much room again, and a full disk has none.
            copies = sum(row["size"] for row in kept if is_modified_in_place(row["path"]))
            filesystem.reserve(self._folder / "reserve", RESERVE + copies)
            filesystem.write_whole(self._manifest, manifest.encode(rows))
        return sum(row["size"] for row in kept)

    def restore(self) -> tuple[str, ...]:
        """Make every path what it was, durably, and return what is not, each with the reason.

        What was not there is moved to the trash. Safe to run again from the start after it was
        cut off anywhere: all that it reads stays as it is.
        """
        try:
            rows = self._read()
        except (OSError, ValueError) as error:
            reason = (
                filesystem.os_error_text(error) if isinstance(error, OSError) else "it is damaged"
            )
            return (f"{self._manifest}: {reason}",)
        failed = Restore(self._folder, self._prefix, rows).run()
        return tuple(f"{path}: {failed[path]}" for path in sorted(failed))

    def paths(self) -> frozenset[Path]:
        """Return every path that was saved, absent ones too."""
        return frozenset(self._prefix / row["path"] for row in self._read() if row["type"] in _KEPT)

    def is_intact(self) -> bool:
        """Tell whether every saved file is still there, by hash."""
        try:
            rows = self._read()
        except (OSError, ValueError):
            return False
        objects = {row["object"] for row in rows if row["type"] == "file"}
        return objects == verified_objects(self._objects, rows).keys()

    def discard(self) -> None:
        """Give the space back; the manifest goes first, so that a half is never trusted."""
        filesystem.remove(self._manifest)
        filesystem.remove_tree(self._objects)

    def _name(self, path: Path) -> str:
        """Return a path as seen from the prefix; raises ValueError for one that is outside."""
        name, prefix = str(path), f"{self._prefix}{os.sep}"
        if not name.startswith(prefix):
            raise ValueError(f"{name} is not in {self._prefix}")
        return name[len(prefix) :]

    def _folders(self, names: Collection[str]) -> Iterable[Row]:
        """Describe the folders that hold these paths: an installer removes what it empties."""
        for name in parent_folders(names):
            folder = f"{self._prefix}/{name}"
            found = filesystem.find(folder)
            if found is None:
                yield {"path": name, "type": "no folder"}
            elif stat.S_ISDIR(found.st_mode):
                mode = stat.S_IMODE(found.st_mode)
                own = sorted(leftovers.temporaries(folder))
                yield {"path": name, "type": "folder", "mode": mode, "temporaries": own}

    def _keep(self, name: str, object: str) -> Row:
        path, kept = f"{self._prefix}/{name}", f"{self._objects}/{object}"
        found = filesystem.find(path)
        row = manifest.describe_row(found, path, name)
        if row["type"] == "folder":
            raise DiskFailed(self._folder.name, path, "it is neither a file nor a link")
        if row["type"] != "file":
            return row
        if is_modified_in_place(name) or not is_linked(path, kept):
            filesystem.copy(path, kept)
        held = os.stat(kept)  # noqa: PTH116
        sha256 = self._digests.known(found, held)
        return {**row, "object": object, "size": held.st_size, "sha256": sha256}

    def _hash(self, kept: Sequence[Row], tick: Callable[[], None]) -> None:
        """Add the hash of each object that nobody has read yet, in a few threads."""
        left = [row for row in kept if row["sha256"] is None]

        def hash_some(rows: Sequence[Row]) -> None:
            for row in rows:
                row["sha256"] = filesystem.sha256(f"{self._objects}/{row['object']}")

        size = self._files_per_tick
        chunks = [left[start : start + size] for start in range(0, len(left), size)]
        with ThreadPoolExecutor(_MAX_THREADS) as pool:
            hashing = [pool.submit(hash_some, chunk) for chunk in chunks]
            try:
                while wait(hashing, _TICK_SECONDS).not_done:
                    tick()
            finally:
                pool.shutdown(cancel_futures=True)
            for each in hashing:
                each.result()

    def _read(self) -> list[Row]:
        return manifest.decode(self._manifest.read_bytes())


def _call_regularly(
    items: Collection[_Item], tick: Callable[[], None], every: int
) -> Iterator[_Item]:
    for number, item in enumerate(items):
        if number % every == 0:
            tick()
        yield item
