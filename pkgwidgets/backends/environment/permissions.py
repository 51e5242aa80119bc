"""Who may change an environment, and what this user may not see of it."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from pkgwidgets.backends.store import trial

_DENIED = frozenset(os.strerror(number).lower() for number in (errno.EACCES, errno.EPERM))


def write_refusal(folder: Path) -> str | None:
    """Return why this user cannot write to a folder, and who can; None if this user can."""
    reason = trial.write_refusal(folder)
    if reason is None:
        return None
    sentence = f"{folder} cannot be written to: {reason}"
    return f"{sentence}. It may be changed by {writers(folder)}" if reason in _DENIED else sentence


def closed_reason(place: Path) -> str | None:
    """Return that the data folder of an environment is closed to this user; None if it is open.

    An earlier version of pkgwidgets closed it to all but the first user who changed something,
    such as root.
    """
    closed = next((path for path in _opened_paths(place) if not _may_use(path)), None)
    if closed is None:
        return None
    owner = owner_name(closed)
    return (
        f"{closed} belongs to {owner} and is closed to you. A change may be unfinished there that "
        f"you cannot see. {owner} can finish it and open the folder: "
        f"`pkgwidgets recover --python {place.parent}/bin/python`"
    )


def is_unreadable(place: Path) -> bool:
    """Return whether this user may not even read the data folder."""
    return place.exists() and not os.access(place, os.R_OK | os.X_OK)


def owner_name(path: Path) -> str:
    """Return the name of the owner of a path; the user id if there is no name."""
    number = path.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def foreign_owner(folder: Path) -> str | None:
    """Return the name of the owner of a folder; None if that is this user, or there is none."""
    try:
        return None if folder.stat().st_uid == os.geteuid() else owner_name(folder)
    except OSError:
        return None


def other_writers(folders: Iterable[Path]) -> str | None:
    """Return who else may write to one of the folders, by their modes: `the group staff`.

    None if only the owner may. A group counts if another user is known to be in it: many systems
    make a group for each user. Access lists are not read.
    """
    groups: list[str] = []
    for folder in dict.fromkeys(folders):
        try:
            status = folder.stat()
        except OSError:
            continue
        if status.st_mode & stat.S_IWOTH and _may_reach(folder, None):
            return "every user"
        is_open = status.st_mode & stat.S_IWGRP and _may_reach(folder, status.st_gid)
        if is_open and _has_other_members(status.st_gid, status.st_uid):
            groups.append(f"the group {_group_name(status.st_gid)}")
    return groups[0] if groups else None


def _may_reach(folder: Path, group: int | None) -> bool:
    """Return whether the modes let a group, or None for every user, pass to a folder and enter."""
    for place in (folder.resolve(), *folder.resolve().parents):
        status = place.stat()
        is_open = status.st_mode & stat.S_IXOTH
        if status.st_gid == group:
            is_open = status.st_mode & stat.S_IXGRP
        if not is_open:
            return False
    return True


@cache
def _has_other_members(group: int, user: int) -> bool:
    """Return whether a user besides `user` is known to be in a group."""
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    try:
        members = {*grp.getgrgid(group).gr_mem}
    except KeyError:
        members = set()
    members |= {name for name, account in accounts.items() if account.pw_gid == group}
    own = {name for name, account in accounts.items() if account.pw_uid == user}
    return bool(members - own)


def _group_name(group: int) -> str:
    try:
        return grp.getgrgid(group).gr_name
    except KeyError:
        return str(group)


def writers(folder: Path) -> str:
    """Return who may write to a folder, by its mode: `root and the group staff`."""
    while not folder.exists():
        folder = folder.parent
    owner, status = owner_name(folder), folder.stat()
    if not status.st_mode & stat.S_IWGRP:
        return owner
    return f"{owner} and the group {_group_name(status.st_gid)}"


def _opened_paths(place: Path) -> list[Path]:
    """Return what a change opens in the data folder; what is missing is made then."""
    return [path for path in (place, place / "lock", place / "txn") if _exists(path)]


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False


def _may_use(path: Path) -> bool:
    is_folder = path.is_dir()
    return os.access(path, os.R_OK | os.W_OK | (os.X_OK if is_folder else 0))
