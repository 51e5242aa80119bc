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
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Place = str | Path
"""Where something is; thousands of paths are texts, for paths that are taken apart take longer."""
FULL = (errno.ENOSPC, errno.EDQUOT)
"""What is raised when there is no more room."""
_SMALL_BYTES = 1 << 18
fail_point = os.environ.get("PKGWIDGETS_FAIL")
"""Where to die: `COMMIT:written` is the first time there, `operation#17` the seventeenth."""
_reached: dict[str, int] = {}


def reach(point: str) -> None:
    """Die here, as by `kill -9`, if this is the point to fail at: for fault tests only."""
    if fail_point is None:
        return
    _reached[point] = times = _reached.get(point, 0) + 1
    if fail_point in (f"{point}#{times}", point if times == 1 else None):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that is open to be written."""

    path: Path
    descriptor: int


@contextlib.contextmanager
def opened(path: Path, *, anew: bool = False) -> Iterator[OpenFile]:
    """Open a file to append to it, or `anew` and empty; it is made if it is not there."""
    reach("operation")
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | (os.O_TRUNC if anew else 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        yield OpenFile(path, descriptor)
    finally:
        os.close(descriptor)


def write(file: OpenFile, data: bytes) -> None:
    """Append all of it."""
    reach("operation")
    with _named(file.path):
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file.descriptor, rest) :]


def allocate(file: OpenFile, size: int) -> None:
    """Take room on the disk for so many bytes."""
    reach("operation")
    with _named(file.path):
        try:
            os.posix_fallocate(file.descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
                raise
            os.write(file.descriptor, bytes(size))


def sync(file: OpenFile) -> None:
    """Make the content of an open file durable."""
    reach("operation")
    with _named(file.path):
        os.fsync(file.descriptor)


def sync_path(path: Place) -> None:
    """Make the content of a file, or the entries of a folder, durable."""
    reach("operation")
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        error.filename = str(path)
        raise
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


def remove_folder(path: Place) -> None:
    """Remove an empty folder."""
    reach("operation")
    os.rmdir(path)  # noqa: PTH106


def remove(path: Place) -> None:
    """Remove a file or a link; what is not there is removed."""
    reach("operation")
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)  # noqa: PTH108


def replace(source: Place, target: Place) -> None:
    """Rename, over what is there: the target is the old one or the new one at every moment."""
    reach("operation")
    os.replace(source, target)  # noqa: PTH105


def link(source: Place, target: Place) -> None:
    """Give a file a second name."""
    reach("operation")
    os.link(source, target, follow_symlinks=False)


def link_to(text: str, path: Place) -> None:
    """Make a symbolic link."""
    reach("operation")
    os.symlink(text, path)  # noqa: PTH211


def copy(source: Place, target: Place) -> None:
    """Copy a file with its mode and its times."""
    reach("operation")
    shutil.copy2(source, target)


def set_mode(path: Place, mode: int) -> None:
    """Change the mode of a file or a folder."""
    reach("operation")
    os.chmod(path, mode)  # noqa: PTH101


def set_time(path: Place, like: Place) -> None:
    """Give a file the time of another, if it has not."""
    wanted = os.stat(like)  # noqa: PTH116
    if os.stat(path).st_mtime_ns != wanted.st_mtime_ns:  # noqa: PTH116
        reach("operation")
        os.utime(path, ns=(wanted.st_atime_ns, wanted.st_mtime_ns))


def sha256(path: Place) -> str:
    """Hash a file; most are small, and read at once."""
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


def find(path: Place) -> os.stat_result | None:
    """Return what is at a path, a link itself; None if nothing is."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def change_key(path: Place) -> tuple[int, int, int] | None:
    """Return what differs once a file was edited or replaced; None if there is no such file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked for each distribution, at each look
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def is_folder(path: Place) -> bool:
    """Tell whether there is a folder, and no link to one."""
    found = find(path)
    return found is not None and stat.S_ISDIR(found.st_mode)


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


def move_away(path: Place, folder: Path) -> None:
    """Move what is at a path into a folder of ours, under a free name; durable with a sync of both.

    Where it cannot be moved, another device being one reason, it is deleted.
    """
    make_folders(folder, 0o700)
    try:
        replace(path, folder / secrets.token_hex(8))
    except OSError as error:
        if error.errno in FULL or is_folder(path):
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


def name_of(name: str) -> str:
    """Return a name made of another: short, whatever that is."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def os_error_text(error: OSError) -> str:
    """Return an error's reason, to stand in a sentence."""
    return (error.strerror or str(error) or "unknown").lower()
