"""The old files of a set of distributions: save, restore, discard.

Standard library only and without an import of ours, so that it can run when nothing else does.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

_Row = dict[str, Any]

_COPIED = (".pth", ".egg-link")
_BY_HAND = ("bin", "Scripts", "etc", "share")
"""Folders of the prefix whose files people and tools edit in place: a link would be edited too."""


class FolderSavePoint:
    """The files of one transaction, in `folder/objects`, listed in `folder/manifest.json`."""

    def __init__(self, folder: Path, prefix: Path) -> None:
        self._folder = folder
        self._prefix = prefix
        self._manifest = folder / "manifest.json"
        self._objects = folder / "objects"

    def save(self, paths: Collection[Path]) -> None:
        """Keep these paths as they are, absent ones too; durable when it returns.

        Files are hard-linked, because installers replace files and do not rewrite them; what is
        written in place is copied, and so is what the file system will not link.
        """
        self._objects.mkdir(parents=True)
        rows = [self._keep(path, str(number)) for number, path in enumerate(sorted(paths))]
        absent = sorted({str(folder) for path in paths for folder in self._absent_parents(path)})
        text = json.dumps({"rows": rows, "absent_folders": absent})
        _write_durably(self._manifest, text.encode())
        _sync_folder(self._objects)
        _sync_folder(self._folder)

    def restore(self) -> tuple[str, ...]:
        """Make every path what it was, and return what could not be.

        Safe to run again from the start after it was cut off anywhere.
        """
        manifest = self._read()
        failed = []
        # First away with what is new, the deepest first: a folder may be where a file was.
        rows = sorted(manifest["rows"], key=lambda row: (row["type"] != "absent", row["path"]))
        absent = [row for row in rows if row["type"] == "absent"]
        for row in (*reversed(absent), *rows[len(absent) :]):
            try:
                self._put_back(row)
            except OSError as error:
                failed.append(f"{row['path']}: {error.strerror or error}")
        self._drop_bytecode(rows)
        for folder in sorted(manifest["absent_folders"], reverse=True):
            with contextlib.suppress(OSError):  # somebody else's file in it keeps it
                Path(folder).rmdir()
        return tuple(failed)

    def paths(self) -> frozenset[Path]:
        """Return every path that was saved, absent ones too."""
        return frozenset(Path(row["path"]) for row in self._read()["rows"])

    def intact(self) -> bool:
        """Tell whether every saved file is still there, by hash."""
        try:
            rows = self._read()["rows"]
            return all(self._whole(row) for row in rows if row["type"] == "file")
        except (OSError, ValueError):
            return False

    def discard(self) -> None:
        """Give the space back; the manifest goes first, so that a half is never trusted."""
        self._manifest.unlink(missing_ok=True)
        shutil.rmtree(self._objects, ignore_errors=True)

    def _keep(self, path: Path, name: str) -> _Row:
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return {"path": str(path), "type": "absent"}
        if stat.S_ISLNK(found.st_mode):
            return {"path": str(path), "type": "link", "target": str(path.readlink())}
        if not stat.S_ISREG(found.st_mode):
            raise OSError(None, f"{path} is neither a file nor a link")
        kept = self._objects / name
        if self._edited_in_place(path) or not _linked(path, kept):
            shutil.copy2(path, kept)
            _sync_file(kept)
        return {
            "path": str(path),
            "type": "file",
            "object": name,
            "mode": stat.S_IMODE(found.st_mode),
            "size": found.st_size,
            "sha256": _sha256(kept),
        }

    def _edited_in_place(self, path: Path) -> bool:
        inside = path.relative_to(self._prefix).parts
        return path.suffix in _COPIED or inside[0] in _BY_HAND

    def _absent_parents(self, path: Path) -> Iterable[Path]:
        for folder in path.parents:
            if folder == self._prefix or folder.exists():
                return
            yield folder

    def _put_back(self, row: _Row) -> None:
        path = Path(row["path"])
        if row["type"] == "absent":
            with contextlib.suppress(NotADirectoryError):  # so it is absent, too
                path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        # One place, one name: a leftover of an earlier try is simply written over.
        beside = path.with_name(f".{path.name[:100]}.pkgwidgets")
        beside.unlink(missing_ok=True)
        if row["type"] == "link":
            if not (path.is_symlink() and str(path.readlink()) == row["target"]):
                beside.symlink_to(row["target"])
                beside.replace(path)
            return
        if not self._whole(row):
            raise OSError(None, "its saved copy is damaged")
        kept = self._objects / row["object"]
        # Renaming a link of a file onto another of the same file does nothing and leaves both.
        if path.exists() and path.samefile(kept):
            path.chmod(row["mode"])
            return
        if self._edited_in_place(path) or not _linked(kept, beside):
            shutil.copy2(kept, beside)
        beside.chmod(row["mode"])
        beside.replace(path)

    def _whole(self, row: _Row) -> bool:
        try:
            return _sha256(self._objects / row["object"]) == str(row["sha256"])
        except OSError:
            return False

    def _drop_bytecode(self, rows: list[_Row]) -> None:
        """Delete what was compiled from the files: same size and time would run the wrong one."""
        for row in rows:
            path = Path(row["path"])
            if path.suffix == ".py":
                for compiled in (path.parent / "__pycache__").glob(
                    f"{glob.escape(path.stem)}.*.pyc"
                ):
                    compiled.unlink(missing_ok=True)
        for folder in {Path(row["path"]).parent / "__pycache__" for row in rows}:
            with contextlib.suppress(OSError):  # others' bytecode keeps it
                folder.rmdir()

    def _read(self) -> dict[str, Any]:
        manifest: dict[str, Any] = json.loads(self._manifest.read_bytes())
        return manifest


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        return False
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_durably(path: Path, data: bytes) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
