"""Room on the disks: what a restore must copy is reserved on the disk where it is copied to.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pkgwidgets.core.text import format_size

from . import filesystem

_LIST = "reserves.json"
"""The paths of the reserves on other disks, relative to the prefix."""


def needed_on_disks(sizes: Mapping[str, int], prefix: str) -> dict[str, int]:
    """Return the bytes that files of these sizes need on each disk, by a folder on that disk.

    The folder is the highest one below the prefix in which a file can be made. `sizes` maps the
    paths of the files, below the prefix, to bytes.
    """
    needed: dict[str, int] = {}
    folders: dict[int, str] = {}
    for path, size in sizes.items():
        folder = path.rpartition(os.sep)[0]
        device = _device(folder)
        top = folders.setdefault(device, _highest_folder(folder, device, prefix))
        needed[top] = needed.get(top, 0) + size
    return needed


def by_disk(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Add up the bytes of folders on one disk; of two such folders, name that of `second`."""
    total = dict(second)
    folders = {_device(folder): folder for folder in second}
    for folder, size in first.items():
        name = folders.get(_device(folder), folder)
        total[name] = total.get(name, 0) + size
    return total


def split(needed: Mapping[str, int], folder: Path) -> tuple[int, dict[str, int]]:
    """Return the bytes needed on the disk of `folder`, and those on the other disks."""
    own_device = _device(folder)
    own = sum(size for top, size in needed.items() if _device(top) == own_device)
    return own, {top: size for top, size in needed.items() if _device(top) != own_device}


def missing_room(folder: str, size: int, files: int = 0) -> str | None:
    """Return why copies of so many bytes in so many files have no room in a folder; else None."""
    status = os.statvfs(folder)
    free = status.f_bavail * status.f_frsize
    if size > free:
        amounts = f"{format_size(size)} are needed, {format_size(free)} are free"
        return f"no space left for copies of the old files: {amounts}"
    if status.f_files and files > status.f_favail:  # some file systems do not count files
        amounts = f"{files} files are needed, {status.f_favail} can be made"
        return f"no space left for copies of the old files: {amounts}"
    return None


def reserve(folder: Path, prefix: Path, needed: Mapping[str, int]) -> None:
    """Reserve room on other disks for the transaction in `folder`, by a folder on each disk."""
    names = [os.path.relpath(f"{top}/{_reserve_name(folder)}", prefix) for top in needed]
    if names:
        # First the list, so that an interruption leaves no reserve without an entry.
        filesystem.write_whole(folder / _LIST, json.dumps(names).encode())
    for name, size in zip(names, needed.values(), strict=True):
        filesystem.reserve(prefix / name, size)


def release(folder: Path, prefix: Path) -> None:
    """Free all room that a transaction reserved, on every disk."""
    filesystem.release(folder / "reserve")
    for name in _listed(folder):
        filesystem.release(prefix / name)


def clean_up(folder: Path, prefix: Path) -> None:
    """Remove all reserves of a transaction and the list of them; raise OSError if that fails."""
    for name in _listed(folder):
        filesystem.remove(prefix / name)
    if (folder / _LIST).exists():
        filesystem.remove(folder / _LIST)
    filesystem.remove(folder / "reserve")


def _listed(folder: Path) -> Iterator[str]:
    """Yield the reserves on other disks; only names that `reserve` gives are removed."""
    try:
        names = json.loads((folder / _LIST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return
    for name in names if isinstance(names, list) else ():
        is_ours = isinstance(name, str) and name.rpartition(os.sep)[2] == _reserve_name(folder)
        if is_ours and ".." not in Path(name).parts and not Path(name).is_absolute():
            yield name


def _reserve_name(folder: Path) -> str:
    return f".{filesystem.short_name(folder.name)}.pkgwidgets-reserve"


def _device(folder: filesystem.StrPath) -> int:
    return os.stat(folder).st_dev  # noqa: PTH116


def _highest_folder(folder: str, device: int, prefix: str) -> str:
    """Return the highest folder below the prefix, on the same disk, in which files can be made."""
    highest = folder
    for candidate in _parents(folder, prefix):
        if _device(candidate) != device:
            break
        if os.access(candidate, os.W_OK | os.X_OK):
            highest = candidate
    return highest


def _parents(folder: str, prefix: str) -> Collection[str]:
    parents = []
    while folder.startswith(prefix):
        parents.append(folder)
        folder = folder.rpartition(os.sep)[0]
    return parents
