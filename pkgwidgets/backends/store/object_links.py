"""How the files of a save point get into its folder: hard links, or copies where a link is refused.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from pkgwidgets.core.errors import DiskFailed

from . import filesystem, manifest
from .copied_files import is_modified_in_place
from .manifest import Row


class ObjectLinks:
    """Links files below a prefix into a folder of objects, and collects those to copy.

    Installers replace files and do not rewrite them, so a hard link keeps the old file. Files that
    may be edited in place are copied. So is the content of a link to a file outside of the prefix.
    """

    def __init__(self, prefix: Path, objects: Path, after: Mapping[str, str] | None = None) -> None:
        self._prefix = str(prefix)
        self._objects = str(objects)
        self._transaction = objects.parent.name
        self._after = after or {}
        """The SHA-256 of the new content of each file of a project."""
        self._on_other_mounts: set[str] = set()
        self.copied: list[Row] = []
        """The rows whose files `copy` must copy."""
        self.statuses: dict[str, os.stat_result] = {}
        """The status of each file in `objects`, by its path relative to the prefix."""

    def save(self, name: str, object_name: str) -> Row:
        """Link the file at a path and return its row; a row in `copied` is not saved yet."""
        path = manifest.full_path(self._prefix, name)
        status = filesystem.find(path)
        row = manifest.describe_row(status, path, name)
        if row["type"] == "folder":
            raise DiskFailed(self._transaction, path, "it is neither a file nor a link")
        if manifest.is_outside(name) and not manifest.is_project_file(row):
            raise DiskFailed(self._transaction, path, "it is no file of a project")
        if status is None or (row["type"] == "link" and not self._leads_outside(path)):
            return row
        if manifest.is_outside(name):
            row["after"] = self._after[name]
        row["owner"] = [status.st_uid, status.st_gid]
        row["object"] = object_name
        self.statuses[name] = status
        # uv can install links into its cache, which may be cleaned before an undo.
        if row["type"] == "link" or not self._link(name, object_name):
            row["size"] = os.stat(path).st_size  # noqa: PTH116
            self.copied.append(row)
        return row

    def copy(self, row: Row) -> None:
        """Copy the file of a row in `copied`."""
        object_path = f"{self._objects}/{row['object']}"
        filesystem.copy(manifest.full_path(self._prefix, row["path"]), object_path)

    def sizes_to_copy_back(self) -> Mapping[str, int]:
        """Return the bytes of each file that a restore must copy, because it cannot link it.

        The small files of a project on another disk are left out: no room is reserved there.
        """
        device = os.stat(self._objects).st_dev  # noqa: PTH116

        def can_be_linked(row: Row) -> bool:
            name = row["path"]
            if is_modified_in_place(name) or name in self._on_other_mounts:
                return False
            folder = f"{self._prefix}/{name}".rpartition(os.sep)[0]
            return os.stat(folder).st_dev == device  # noqa: PTH116

        def is_reserved(row: Row) -> bool:
            folder = row["path"].rpartition(os.sep)[0]
            is_outside = manifest.is_outside(row["path"])
            return not is_outside or os.stat(folder).st_dev == device  # noqa: PTH116

        linkable = {row["path"] for row in self.copied if can_be_linked(row)}
        if linkable and not self._supports_links():
            linkable = set()
        rows = (row for row in self.copied if row["path"] not in linkable)
        reserved = filter(is_reserved, rows)
        return {manifest.full_path(self._prefix, row["path"]): row["size"] for row in reserved}

    def _link(self, name: str, object_name: str) -> bool:
        """Make a hard link; return False for a file to copy."""
        if is_modified_in_place(name):
            return False
        try:
            filesystem.link(f"{self._prefix}/{name}", f"{self._objects}/{object_name}")
        except OSError as error:
            # The kernel refuses it on another file system or mount (EXDEV), for another user's
            # file (EPERM), and after too many links (EMLINK).
            if error.errno == errno.EXDEV:
                self._on_other_mounts.add(name)
            return False
        return True

    def _supports_links(self) -> bool:
        """Return whether a file of our own can be linked on the disk of the objects."""
        file, link = Path(f"{self._objects}/probe"), f"{self._objects}/probe-link"
        try:
            with filesystem.opened(file, anew=True):
                filesystem.link(file, link)
        except OSError:
            return False
        finally:
            filesystem.remove(link)
            filesystem.remove(file)
        return True

    def _leads_outside(self, link: str) -> bool:
        """Return whether a link leads to a file outside of the prefix."""
        target = os.path.realpath(link)
        is_inside = target.startswith(f"{os.path.realpath(self._prefix)}{os.sep}")
        return not is_inside and os.path.isfile(target)  # noqa: PTH113
