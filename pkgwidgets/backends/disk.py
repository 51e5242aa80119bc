"""Our own file operations, one function each: what a crash test counts, traces and breaks.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
"""What is raised when there is no more room."""
_reached: dict[str, int] = {}


def reach(point: str) -> None:
    """Die here, as by `kill -9`, if `PKGWIDGETS_FAIL` names this point: for fault tests only.

    `COMMIT:written` is the first time that it is reached, `operation#17` the seventeenth.
    """
    wanted = os.environ.get("PKGWIDGETS_FAIL")
    if wanted is None:
        return
    _reached[point] = times = _reached.get(point, 0) + 1
    if wanted in (f"{point}#{times}", point if times == 1 else None):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that is open to be written."""

    path: Path
    descriptor: int


@contextlib.contextmanager
def opened(path: Path, *, anew: bool = False) -> Iterator[Opened]:
    """Open a file to append to it, or `anew` and empty; it is made if it is not there."""
    reach("operation")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if anew else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        yield Opened(path, descriptor)
    finally:
        os.close(descriptor)


def write(file: Opened, data: bytes) -> None:
    """Append all of it."""
    reach("operation")
    with _named(file.path):
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file.descriptor, rest) :]


def allocate(file: Opened, size: int) -> None:
    """Take room on the disk for so many bytes."""
    reach("operation")
    with _named(file.path):
        try:
            os.posix_fallocate(file.descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise
            os.write(file.descriptor, bytes(size))


def sync(file: Opened) -> None:
    """Make the content of an open file durable."""
    reach("operation")
    with _named(file.path):
        os.fsync(file.descriptor)


def sync_path(path: Path) -> None:
    """Make the content of a file, or the entries of a folder, durable."""
    reach("operation")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with _named(path):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Add the path to errors of calls that know only a descriptor."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def sync_all() -> None:
    """Make durable what others wrote: file by file, thousands of small files take seconds."""
    reach("operation")
    os.sync()


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder, of exactly this mode unless it is the default."""
    reach("operation")
    path.mkdir(mode=mode)
    if mode != 0o777:
        path.chmod(mode)


def remove_folder(path: Path) -> None:
    """Remove an empty folder."""
    reach("operation")
    path.rmdir()


def remove(path: Path) -> None:
    """Remove a file or a link; what is not there is removed."""
    reach("operation")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def replace(source: Path, target: Path) -> None:
    """Rename, over what is there: the target is the old one or the new one at every moment."""
    reach("operation")
    source.replace(target)


def link(source: Path, target: Path) -> None:
    """Give a file a second name."""
    reach("operation")
    os.link(source, target, follow_symlinks=False)


def link_to(text: str, path: Path) -> None:
    """Make a symbolic link."""
    reach("operation")
    path.symlink_to(text)


def copy(source: Path, target: Path) -> None:
    """Copy a file with its mode and its times."""
    reach("operation")
    shutil.copy2(source, target)


def set_mode(path: Path, mode: int) -> None:
    """Change the mode of a file or a folder."""
    reach("operation")
    path.chmod(mode)


def set_time(path: Path, like: Path) -> None:
    """Give a file the time of another, if it has not."""
    wanted = like.stat()
    if path.stat().st_mtime_ns != wanted.st_mtime_ns:
        reach("operation")
        os.utime(path, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))


def sha256(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there in full or not at all, durably: temp, sync, rename, sync."""
    beside = path.with_name(f"{path.name}.new")
    with opened(beside, anew=True) as file:
        write(file, data)
        sync(file)
    replace(beside, path)
    sync_path(path.parent)


def make_folders(path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it that are missing, durably."""
    missing = [folder for folder in (path, *path.parents) if not folder.is_dir()]
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            make_folder(folder, mode)
        sync_path(folder.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder, if it is there, with all that is in it."""
    if not path.is_dir():
        return
    for entry in list(path.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            remove_tree(entry)
        else:
            remove(entry)
    remove_folder(path)


def move_away(path: Path, folder: Path) -> None:
    """Move what is at a path into a folder of ours, under a free name; durable with a sync of both.

    Where it cannot be moved, another device being one reason, it is deleted.
    """
    make_folders(folder, 0o700)
    try:
        replace(path, folder / secrets.token_hex(8))
    except OSError as error:
        if error.errno in FULL or (path.is_dir() and not path.is_symlink()):
            raise
        remove(path)


def reserve(path: Path, size: int) -> None:
    """Take room that is given back by `release` when there is no other."""
    with opened(path, anew=True) as file:
        allocate(file, size)
        sync(file)


def release(path: Path) -> None:
    """Give room that was reserved back to the disk."""
    with contextlib.suppress(OSError):
        remove(path)


def name_of(path: Path) -> str:
    """Return a name made of another: short, whatever that is."""
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]


def said(error: OSError) -> str:
    """Return an error's reason, to stand in a sentence."""
    return (error.strerror or str(error) or "unknown").lower()
