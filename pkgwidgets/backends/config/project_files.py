"""The files of a uv project: checked, read and replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from pkgwidgets.backends.store import filesystem, ownership, user_files
from pkgwidgets.backends.store.journal_file import as_disk_failed
from pkgwidgets.backends.store.manifest import PROJECT_FILES
from pkgwidgets.core.errors import StalePlan
from pkgwidgets.core.projects import FileEdit, ProjectChange, digest

_MAX_BYTES = 64 << 20
"""A longer file is not read; the lock of 1,000 packages has some megabytes."""
_ANY_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def paths_of(file: Path) -> tuple[Path, ...]:
    """Return the files of the project with this `pyproject.toml`, in a folder without links."""
    folder = Path(os.path.realpath(file.parent))
    return tuple(folder / name for name in PROJECT_FILES)


def refusal(path: Path, prefix: Path) -> str | None:
    """Return why this user may not replace a file of a project, as a clause; None if allowed.

    Root works as the owner of the environment at `prefix`.
    """
    status = filesystem.find(path)
    if status is None:
        return f"{path} is missing"
    if stat.S_ISLNK(status.st_mode):
        return f"{path} is a link"
    if not stat.S_ISREG(status.st_mode):
        return f"{path} is not a file"
    owner = ownership.owner_to_work_as(prefix)
    if status.st_uid not in {os.geteuid(), *(owner[:1] if owner else ())}:
        return f"{path} belongs to another user"
    for place in (path, path.parent):
        # Root may write everywhere, but who takes this right away from all means it.
        is_read_only = not place.stat().st_mode & _ANY_WRITE
        if is_read_only or not os.access(place, os.W_OK):
            return f"{place} is read-only"
    return None


def read_text(path: Path) -> str:
    """Return the text of a file, with its own line ends; raises OSError and ValueError."""
    with path.open("rb") as file:
        data = file.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{path} has more than 64 MB")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text") from None


def edited(change: ProjectChange) -> tuple[str, ...]:
    """Return which files no longer have the content before a change, one clause each."""
    return tuple(f"{str(file.path)!a} was edited" for file in _edited_files(change))


def _edited_files(change: ProjectChange) -> Iterator[FileEdit]:
    for file in change.files:
        try:
            is_same = digest(read_text(file.path)) == file.before
        except (OSError, ValueError):
            is_same = False
        if not is_same:
            yield file


def write(change: ProjectChange) -> None:
    """Replace the files, each in one step; raise `StalePlan` if one has another content.

    Raises `DiskFailed` if a file cannot be written.
    """
    for file in change.files:
        with as_disk_failed(""):
            try:
                text = file.apply_to(read_text(file.path))
            except ValueError:
                raise StalePlan("", edited(change)) from None
            user_files.replace_text(file.path, text)
