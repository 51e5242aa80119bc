"""The owners of the files of pkgwidgets: they belong to the owner of the environment.

What root creates is given to the owner of the folder that it lies in, so root's work never locks
the owner out. The group and the mode are those of the environment's folder, too. So each user who
may change an environment can finish what another user of it began.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from .fail_points import begin

_FOLDER_BITS = 0o3777
"""The bits of the environment's mode that its data folder has: set-group-id and sticky, too."""
_FILE_BITS = 0o666
_LOCK_BITS = 0o660
"""Users who may only read must not lock: such a lock would prevent all changes."""
_FOLDERS_OF_PACKAGES = frozenset({"objects", "stage", "trash"})
"""The folders whose files are those of packages, with modes of their own."""


def prepare_data_folder(place: Path) -> None:
    """Make the data folder of an environment, or give an older one its owner, group and mode.

    An older one may belong to root, and be closed to all others.
    """
    if not place.is_dir():
        begin("make_folder", place)
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
    if not _is_like_parent(place):
        for path in _tree(place):
            is_of_package = _FOLDERS_OF_PACKAGES & {*Path(path).relative_to(place).parts[:-1]}
            with contextlib.suppress(OSError):
                inherit(path, with_mode=not is_of_package)


def inherit(path: str | Path, *, with_mode: bool = True) -> None:
    """Give a path in the data folder the owner, group and mode of the folder that it lies in.

    Files with several links keep theirs: they are files of packages, or of an installer's cache.
    """
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) and status.st_nlink > 1:
        return
    inherit_owner(path)
    if not with_mode or stat.S_ISLNK(status.st_mode):
        return
    is_lock = os.path.basename(path) == "lock"  # noqa: PTH119
    bits = _LOCK_BITS if is_lock else _FILE_BITS
    mode = _status_of_folder(path).st_mode & (
        _FOLDER_BITS if stat.S_ISDIR(status.st_mode) else bits
    )
    if stat.S_IMODE(os.lstat(path).st_mode) != mode:
        begin("set_mode", path)
        with contextlib.suppress(PermissionError):
            os.chmod(path, mode)  # noqa: PTH101


def inherit_owner(path: str | Path) -> None:
    """Give a new path the owner and group of its folder, as far as this user may."""
    folder = _status_of_folder(path)
    _set_owner(path, folder.st_uid, folder.st_gid)


def open_to_group(folder: Path) -> None:
    """Let the group write to a new folder if it may write to the folder that it lies in."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if folder.parent.stat().st_mode & stat.S_IWGRP and not mode & stat.S_IWGRP:
        begin("set_mode", folder)
        with contextlib.suppress(PermissionError):
            folder.chmod(mode | stat.S_IRWXG)


def copy_owner(source: str | Path, target: str | Path) -> None:
    """Give a copy the owner and group of the file that it was made of, as far as this user may."""
    status = os.stat(source)  # noqa: PTH116
    if _set_owner(target, status.st_uid, status.st_gid):
        os.chmod(target, stat.S_IMODE(status.st_mode))  # noqa: PTH101 - a new owner clears bits


def give_tree(folder: Path) -> None:
    """Give a folder that root filled, and all in it, to the owner of the folder it lies in."""
    for path in _tree(folder):
        inherit_owner(path)


def owner_to_work_as(prefix: Path) -> tuple[int, int] | None:
    """Return the user and group that root works as in an environment; None for other users."""
    status = prefix.stat()
    return (status.st_uid, status.st_gid) if os.geteuid() == 0 and status.st_uid != 0 else None


def _tree(folder: Path) -> Iterator[str]:
    """Yield a folder and all that it holds, parents first."""
    yield str(folder)
    for parent, folders, files in os.walk(folder):
        yield from (f"{parent}/{name}" for name in (*folders, *files))


def _status_of_folder(path: str | Path) -> os.stat_result:
    return os.stat(os.path.dirname(path) or ".")  # noqa: PTH116, PTH120


def _is_like_parent(place: Path) -> bool:
    own, parent = place.stat(), place.parent.stat()
    mode = parent.st_mode & _FOLDER_BITS
    return (own.st_uid, own.st_gid, stat.S_IMODE(own.st_mode)) == (
        parent.st_uid,
        parent.st_gid,
        mode,
    )


def _set_owner(path: str | Path, user: int, group: int) -> bool:
    """Change the owner, which only root can, and the group; return whether that was done.

    A link is given away itself, never the file that it leads to.
    """
    status = os.lstat(path)
    user = user if os.geteuid() == 0 else status.st_uid
    if (status.st_uid, status.st_gid) == (user, group):
        return False
    begin("set_owner", path)
    try:
        os.chown(path, user, group, follow_symlinks=False)
    except OSError:  # a group that this user is not in, or a file system without owners
        return False
    return True
