"""Try whether files can be made, renamed, deleted and locked in a folder.

Standard library only, as all of the store.
"""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import secrets
import stat
from pathlib import Path

from . import filesystem

_NO_LOCK_ERRNOS = (errno.ENOLCK, errno.ENOSYS, errno.EBADF, errno.EOPNOTSUPP)
_GET_FLAGS = 0x80086601
"""FS_IOC_GETFLAGS of <linux/fs.h>, and the flag for append-only below (FS_APPEND_FL)."""
_APPEND_ONLY = 0x20
_NAME = ".pkgwidgets-trial-"
"""The begin of the names of folders that a trial makes; the id of the process follows."""
_running: set[Path] = set()
"""The folders of the trials that this process makes now, in its threads."""


def supports_locks(folder: Path) -> bool:
    """Try to lock a temporary file: some network file systems have no locks or only claim to.

    Raises OSError if the file cannot be made.
    """
    with filesystem.unnamed_file(folder) as lock_file:
        try:
            fcntl.flock(lock_file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _NO_LOCK_ERRNOS
    return True


def write_refusal(folder: Path) -> str | None:
    """Try whether files can be made and deleted; return the error's reason, or None.

    A mode alone proves nothing: a file system may be mounted read-only, or have rules of its own.
    """
    while not folder.exists():
        folder = folder.parent
    if not stat.S_ISDIR(folder.stat().st_mode):
        return "it is no folder"
    try:
        if filesystem.try_unnamed_file(folder):
            return "nothing can be deleted in it" if _is_append_only(folder) else None
    except OSError as error:
        return filesystem.os_error_text(error)
    return _named_trial(folder)


def _is_append_only(folder: Path) -> bool:
    """Return whether names can be added to a folder, but not removed (`chattr +a`)."""
    flags = array.array("l", [0])
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
    except OSError:
        return False  # this file system has no such flags
    finally:
        os.close(descriptor)
    return bool(flags[0] & _APPEND_ONLY)


def _named_trial(folder: Path) -> str | None:
    """Create, rename and delete in a folder of its own, where files without names do not exist."""
    trial = folder / f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}"
    _running.add(trial)
    try:
        remove_old_trials(folder)
        filesystem.make_folder(trial)
        try:
            old, new = trial / "a", trial / "b"
            with filesystem.opened(old):
                pass
            filesystem.replace(old, new)
        finally:
            filesystem.remove_tree(trial)
    except OSError as error:
        return filesystem.os_error_text(error)
    finally:
        _running.discard(trial)
    return None


def remove_old_trials(folder: Path) -> None:
    """Remove what a trial left that was killed, or that could not remove it."""
    for name in os.listdir(folder):  # noqa: PTH208 - a site-packages folder has thousands
        if name.startswith(_NAME) and not _is_running(folder / name):
            with contextlib.suppress(OSError):
                filesystem.remove_tree(folder / name)


def _is_running(trial: Path) -> bool:
    """Tell whether the process that made a folder may still need it."""
    process = trial.name.removeprefix(_NAME).partition("-")[0]
    if process == str(os.getpid()):
        return trial in _running
    return not process.isdecimal() or Path(f"/proc/{process}").exists()
