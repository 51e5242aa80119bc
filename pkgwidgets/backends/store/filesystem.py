"""File operations, one function each: fault tests count, trace and break them.

All of pkgwidgets that changes files of an environment does it by these functions.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import IO

from . import forks, ownership
from .fail_points import begin, observe

StrPath = str | Path
"""A path; thousands of paths are strings, because `Path` objects are slower."""
NO_SPACE_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a full disk or an exhausted quota."""
_NO_UNNAMED_FILES = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
"""Errors of file systems and kernels that know no files without a name."""
_SMALL_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open for writing."""

    path: Path
    descriptor: int


@contextlib.contextmanager
def opened(path: Path, *, anew: bool = False) -> Iterator[OpenFile]:
    """Open a file to append to it, emptied first if `anew`; create it if it is missing.

    A new file has the owner, group and mode of its folder.
    """
    begin("opened", path)
    is_new = find(path) is None
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if anew else 0)
    descriptor = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        if is_new:
            ownership.inherit(path)
        yield OpenFile(path, descriptor)
    finally:
        os.close(descriptor)


def open_lock_file(path: Path) -> int:
    """Open a file that is locked, created if it is missing; return its descriptor.

    `forks.close` closes it: a forked process does not keep it.
    """
    begin("open_lock_file", path)
    is_new = find(path) is None
    descriptor = forks.open_own(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if is_new:
        ownership.inherit(path)
    return descriptor


def set_text(descriptor: int, path: Path, text: str) -> None:
    """Replace the content of a small open file, in place."""
    begin("set_text", path)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)


def unnamed_file(folder: Path) -> IO[bytes]:
    """Return a new file that is on the disk of a folder and vanishes when it is closed."""
    begin("unnamed_file", folder)
    return tempfile.TemporaryFile(prefix=".pkgwidgets-", dir=folder)


def try_unnamed_file(folder: Path) -> bool:
    """Make a file without a name, which asks the same rights as one with a name; False if unknown.

    A kill leaves nothing of it. NFS and others do not know such files (open(2), O_TMPFILE).
    """
    begin("unnamed_file", folder)
    with _add_path_to_errors(folder):
        try:
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as error:
            if error.errno in _NO_UNNAMED_FILES:
                return False
            raise
    return True


def write(file: OpenFile, data: bytes) -> None:
    """Append all of `data`."""
    begin("write", file.path)
    with _add_path_to_errors(file.path):
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file.descriptor, rest) :]


def allocate(file: OpenFile, size: int) -> None:
    """Allocate `size` bytes on the disk."""
    begin("allocate", file.path)
    with _add_path_to_errors(file.path):
        try:
            os.posix_fallocate(file.descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise
            os.write(file.descriptor, bytes(size))


def sync(file: OpenFile) -> None:
    """Make the content of an open file durable."""
    begin("sync", file.path)
    with _add_path_to_errors(file.path):
        os.fsync(file.descriptor)


def sync_path(path: StrPath) -> None:
    """Make the content of a file, or the entries of a folder, durable."""
    begin("sync_path", path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _add_path_to_errors(path: Path) -> Iterator[None]:
    """Add the path to errors of calls that take only a descriptor."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sync_all(place: StrPath) -> None:
    """Make everything durable, that below `place` too: one by one, thousands of files take seconds.

    An error names `place`.
    """
    begin("sync_all", place)
    os.sync()


def begin_sync_all(place: StrPath) -> None:
    """Begin to write everything to the disk, in a thread; `sync_all` has less to do later."""
    begin("begin_sync_all", place)
    threading.Thread(target=os.sync, name="pkgwidgets-sync", daemon=True).start()


def make_folder(path: Path) -> None:
    """Make a folder; it belongs to the owner of the folder it lies in."""
    begin("make_folder", path)
    path.mkdir()
    ownership.inherit_owner(path)
    ownership.open_to_group(path)


def remove_folder(path: StrPath) -> None:
    """Remove an empty folder."""
    begin("remove_folder", path)
    os.rmdir(path)  # noqa: PTH106


def remove(path: StrPath) -> None:
    """Remove a file or a link; a missing one is no error."""
    begin("remove", path)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)  # noqa: PTH108


def replace(source: StrPath, target: StrPath) -> None:
    """Rename and overwrite: at every moment the target is either the old or the new file."""
    begin("replace", target)
    os.replace(source, target)  # noqa: PTH105


def link(source: StrPath, target: StrPath) -> None:
    """Make a hard link."""
    begin("link", target)
    os.link(source, target, follow_symlinks=False)


def link_to(text: str, path: StrPath) -> None:
    """Make a symbolic link."""
    begin("link_to", path)
    os.symlink(text, path)  # noqa: PTH211
    ownership.inherit_owner(path)


def copy(source: StrPath, target: StrPath) -> None:
    """Copy a file with its mode, its times and its owner."""
    begin("copy", target)
    shutil.copy2(source, target)
    ownership.copy_owner(source, target)


def set_mode(path: StrPath, mode: int) -> None:
    """Change the mode of a file or a folder; only its owner may, so not without need."""
    if stat.S_IMODE(os.stat(path).st_mode) == mode:  # noqa: PTH116
        return
    begin("set_mode", path)
    os.chmod(path, mode)  # noqa: PTH101


def set_owner(path: StrPath, owner: int, group: int) -> None:
    """Give a path to another user and group; of a user who may not, only to the group.

    A link is not followed. The mode stays.
    """
    status = os.lstat(path)
    if (status.st_uid, status.st_gid) == (owner, group):
        return
    begin("set_owner", path)
    try:
        os.chown(path, owner, group, follow_symlinks=False)
    except OSError:
        with contextlib.suppress(OSError):
            os.chown(path, -1, group, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        return
    with contextlib.suppress(PermissionError):  # a new owner costs a file its setuid bit
        os.chmod(path, stat.S_IMODE(status.st_mode))  # noqa: PTH101


def set_time(path: StrPath, like: StrPath) -> None:
    """Give a file the times of another, if its modification time differs."""
    status = os.stat(like)  # noqa: PTH116
    if os.stat(path).st_mtime_ns != status.st_mtime_ns:  # noqa: PTH116
        begin("set_time", path)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def sha256(path: StrPath) -> str:
    """Return the SHA-256 of a file in hex; small files, which most are, are read at once."""
    observe("sha256", path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, _SMALL_BYTES)
        if len(data) < _SMALL_BYTES:
            return hashlib.sha256(data).hexdigest()
        with open(descriptor, "rb", closefd=False) as file:
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    finally:
        os.close(descriptor)


@lru_cache(maxsize=20_000)
def as_path(text: str) -> Path:
    """Return a path that was made before, if there is one: a change asks for each many times."""
    return Path(text)


def find(path: StrPath) -> os.stat_result | None:
    """Return the status of a path, without following a link; None if it is missing."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def change_key(path: StrPath) -> tuple[int, int, int] | None:
    """Return a key that changes when a file is edited or replaced; None if it is missing."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every distribution
    except (OSError, ValueError):
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def is_folder(path: StrPath) -> bool:
    """Return whether a path is a folder, not a link to one."""
    status = find(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file durably, in full or not at all: write a temporary file, sync, rename, sync.

    Two writers at once need a lock: the temporary file has a fixed name, so that crashes leave one.
    """
    temporary = path.with_name(f"{path.name}.new")
    with opened(temporary, anew=True) as file:
        write(file, data)
        sync(file)
    replace(temporary, path)
    sync_path(path.parent)


def make_folders(path: Path, *, is_data: bool = False) -> None:
    """Make a folder and its missing parents, durably; those of data have the mode of theirs."""
    missing = [*takewhile(lambda folder: not folder.is_dir(), (path, *path.parents))]
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            make_folder(folder)
            if is_data:
                ownership.inherit(folder)
        sync_path(folder.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder and its content, if it exists."""
    if not path.is_dir():
        return
    with os.scandir(path) as found:
        entries = list(found)
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(Path(entry.path))
        else:
            remove(entry.path)
    remove_folder(path)


def move_away(path: StrPath, folder: Path) -> None:
    """Move a path into `folder` under a new name; durable after a sync of both folders.

    What cannot be moved, for example to another device, is deleted.
    """
    make_folders(folder, is_data=True)
    try:
        replace(path, folder / secrets.token_hex(8))
    except OSError as error:
        if error.errno in NO_SPACE_ERRNOS:
            raise
        if not is_folder(path):
            remove(path)
        elif error.errno == errno.EXDEV:
            remove_tree(Path(path))
        else:
            raise


def reserve(path: Path, size: int) -> None:
    """Allocate space that `release` frees when the disk is full."""
    with opened(path, anew=True) as file:
        allocate(file, size)
        sync(file)


def release(path: Path) -> None:
    """Free reserved space."""
    with contextlib.suppress(OSError):
        remove(path)


def short_name(name: str) -> str:
    """Return a name of 16 hex digits that is made from another name."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def temporary_path(path: str) -> str:
    """Return the path beside another at which its new file is made.

    It is always the same one, so that a restore finds and removes what an interruption left there.
    """
    folder, _, name = path.rpartition(os.sep)
    return f"{folder}/.{short_name(name)}.pkgwidgets"


def os_error_text(error: OSError) -> str:
    """Return an error's reason in lower case, for use in a sentence."""
    return (error.strerror or str(error) or "unknown").lower()
