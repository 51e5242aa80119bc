"""List and copy the files of a folder, without environments, caches and version control.

A copy shares no file with its original: hard links would let a write in place reach both. Where
the file system can (Btrfs, XFS), `copy_file_range` lets both use the same blocks until a write.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pkgwidgets.core.text import format_size

from .project_root import VERSION_CONTROL, Root, is_shared

_EXCLUDED = frozenset({
    ".ipynb_checkpoints", "__pycache__", "node_modules", ".mypy_cache", ".pytest_cache",
    ".ruff_cache", ".tox", ".nox",
})  # fmt: skip
_ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})

Tick = Callable[[], None]
"""Called repeatedly while files are listed and copied; its exception stops that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyLimits:
    """The size limits of a folder that is copied; a larger one is refused."""

    max_bytes: int = 2 * 10**9
    max_files: int = 100_000


class TooLarge(Exception):
    """The folder is beyond the limits; the text says by what."""


@dataclass(slots=True)
class FolderTree:
    """What is copied of a folder, as relative paths; parents come before what they hold.

    `left_out` are the topmost paths that are not copied.
    """

    root: Root
    folders: list[str] = field(default_factory=lambda: [""])
    files: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    total_bytes: int = 0

    def original(self, relative: str) -> Path:
        """Return the original path."""
        return self.root.folder / relative

    def link_target(self, link: str) -> Path:
        """Return where a link points in the copy.

        It is in the copy if the copy has the target, else the target of the original.
        """
        path = self.original(link)
        text = path.readlink()
        target = os.path.relpath(path.parent / text, self.root.folder)
        if self._is_left_out(target):
            return Path(os.path.realpath(path))
        return Path(os.path.relpath(path.parent / text, path.parent))

    def protected(self) -> set[str]:
        """Return the originals that no cell may change: the folder, and what links point to.

        Of a shared folder it is only what was copied: libraries write into hidden folders of it.
        """
        copied = (*self.folders, *self.files, *self.links)
        is_partial = self.root.skip_hidden or self.root.skip_folders
        names = [path for path in copied if path and "/" not in path] if is_partial else [""]
        targets = [self.link_target(link) for link in self.links]
        return {
            *(str(self.original(name)) for name in names),
            *(str(path) for path in targets if path.is_absolute() and not is_shared(path)),
        }

    def _is_left_out(self, relative: str) -> bool:
        path = Path(relative)
        if path.parts[:1] == (os.pardir,):
            return True
        return any(str(part) in self.left_out for part in (path, *path.parents))


def list_tree(
    root: Root, excluded: Collection[Path], limits: CopyLimits, tick: Tick = lambda: None
) -> FolderTree:
    """List what is copied of a folder; raise `TooLarge`, and `OSError` if it cannot be read.

    Environments, caches and special files are left out, and so is what the user may not read. A
    version control folder stays without its content, because programs look for it.
    """
    tree = FolderTree(root)
    pending, skipped_paths = [""], {str(path) for path in excluded}
    largest = (0, "")
    while pending:
        tick()
        folder = pending.pop()
        entries = _read_folder(tree, folder)
        if entries is None:
            tree.left_out.add(folder)
            continue
        if folder:
            tree.folders.append(folder)
        for entry in entries:
            relative = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name in VERSION_CONTROL and not root.skip_hidden:
                tree.folders.append(relative)
                tree.left_out.add(relative)
            elif entry.path in skipped_paths or _is_skipped(entry, root if not folder else None):
                tree.left_out.add(relative)
            elif entry.is_symlink():
                tree.links.append(relative)
            elif entry.is_dir():
                pending.append(relative)
            else:
                size = entry.stat(follow_symlinks=False).st_size
                tree.files.append(relative)
                tree.total_bytes += size
                largest = max(largest, (size, relative))
        _check_limits(tree, largest, limits)
    return tree


def _read_folder(tree: FolderTree, folder: str) -> list[os.DirEntry[str]] | None:
    """Return the entries of a folder; None for an environment or an unreadable folder."""
    try:
        with os.scandir(tree.original(folder)) as scan:
            entries = list(scan)
    except (PermissionError, FileNotFoundError):
        if not folder:
            raise
        return None
    if folder and not _ENVIRONMENT_MARKS.isdisjoint(entry.name for entry in entries):
        return None
    return entries


def _is_skipped(entry: os.DirEntry[str], root: Root | None) -> bool:
    """Tell whether an entry is left out; `root` is given for entries of the copied folder."""
    if entry.name in _EXCLUDED:
        return True
    is_folder = entry.is_dir(follow_symlinks=False)
    if root is not None and root.skip_hidden and entry.name.startswith("."):
        return True
    if root is not None and root.skip_folders and is_folder:
        return True
    return not (is_folder or entry.is_symlink() or entry.is_file(follow_symlinks=False))


def _check_limits(tree: FolderTree, largest: tuple[int, str], limits: CopyLimits) -> None:
    if tree.total_bytes > limits.max_bytes:
        size, name = largest
        raise TooLarge(
            f"holds more than {format_size(limits.max_bytes)} ({name}: {format_size(size)})"
        )
    if len(tree.files) > limits.max_files:
        raise TooLarge(f"holds more than {limits.max_files} files")


def copy_tree(tree: FolderTree, target: Path, tick: Tick = lambda: None) -> None:
    """Copy the listed files to a new folder, with their modes and times.

    A file that is gone or that the user may not read is left out.
    """
    for folder in tree.folders:
        (target / folder).mkdir(parents=True)
    for file in tree.files:
        tick()
        with suppress(PermissionError, FileNotFoundError):
            _copy_file(tree.original(file), target / file)
    for link in tree.links:
        with suppress(FileNotFoundError):
            (target / link).symlink_to(tree.link_target(link))


def _copy_file(source: Path, target: Path) -> None:
    # `O_NOFOLLOW`: it was a file when it was listed, and must not be a link or a pipe now.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    reading = os.open(source, flags)
    try:
        status = os.fstat(reading)
        if not stat.S_ISREG(status.st_mode):
            return
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _copy_content(reading, writing, status.st_size)
            os.fchmod(writing, stat.S_IMODE(status.st_mode) & 0o777)
            os.utime(writing, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _copy_content(reading: int, writing: int, size: int) -> None:
    """Copy the content of a file, in the kernel where that is possible."""
    copied = 0
    if hasattr(os, "copy_file_range"):
        with suppress(OSError):  # between some file systems it is impossible
            while copied < size:
                count = os.copy_file_range(reading, writing, size - copied)
                if not count:
                    break
                copied += count
    if copied < size:
        with os.fdopen(os.dup(reading), "rb") as source, os.fdopen(os.dup(writing), "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
