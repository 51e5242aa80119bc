"""Copy the folder of a notebook, for a run that may write into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.text import format_size

_EXCLUDED = frozenset({".git", ".hg", ".ipynb_checkpoints", "__pycache__", "node_modules"})


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyLimits:
    """The size limits of a folder that is copied; a larger one is refused."""

    max_bytes: int = 2 * 10**9
    max_files: int = 100_000


Tick = Callable[[], None]
"""Called repeatedly during the copy; an exception of it stops the copy."""


def copy_notebook_folder(
    notebook: Path,
    target: Path,
    tick: Tick = lambda: None,
    limits: CopyLimits = CopyLimits(),
) -> Path:
    """Copy the notebook's folder to `target`, and return the copy of the notebook.

    Environments, bytecode, checkpoints and version control folders are left out; links are
    copied as links. Raises `InvalidRequest` if the folder is too large or the disk too full,
    before the copy, and if the folder cannot be read.
    """

    def copy_file(source: str, destination: str) -> str:
        tick()
        return shutil.copy2(source, destination, follow_symlinks=False)

    try:
        reason = _find_refusal(notebook.parent, target, tick, limits)
        if not reason:
            shutil.copytree(
                notebook.parent,
                target,
                symlinks=True,
                ignore=_excluded_names,
                copy_function=copy_file,
            )
    except OSError as error:
        reason = f"its folder cannot be copied ({str(error)[:200]})"
        raise InvalidRequest("notebook to rehearse", str(notebook), reason) from error
    if reason:
        raise InvalidRequest("notebook to rehearse", str(notebook), reason)
    return target / notebook.name


def _find_refusal(source: Path, target: Path, tick: Tick, limits: CopyLimits) -> str:
    """Return why a folder cannot be copied, with a next step; "" if it can."""
    total_bytes = file_count = largest_bytes = 0
    largest_file = ""
    for path, file_bytes in _walk_files(source, tick):
        total_bytes, file_count = total_bytes + file_bytes, file_count + 1
        if file_bytes > largest_bytes:
            largest_bytes, largest_file = file_bytes, str(path.relative_to(source))
        if total_bytes > limits.max_bytes:
            amount = (
                f"{format_size(limits.max_bytes)} ({largest_file}: {format_size(largest_bytes)})"
            )
            return f"its folder holds more than {amount}; move the notebook to its own folder"
        if file_count > limits.max_files:
            return (
                f"its folder holds more than {limits.max_files} files; "
                "move the notebook to its own folder"
            )
    existing_parent = next(folder for folder in target.parents if folder.exists())
    free_bytes = shutil.disk_usage(existing_parent).free
    if total_bytes > free_bytes:
        free_space = f"but only {format_size(free_bytes)} are free in {existing_parent}"
        total = format_size(total_bytes)
        return f"its folder holds {total}, {free_space}; set TMPDIR to another folder"
    return ""


def _walk_files(source: Path, tick: Tick) -> Iterator[tuple[Path, int]]:
    """Yield the files to copy, with their sizes in bytes."""
    for folder, folders, names in os.walk(source):
        tick()
        excluded = _excluded_names(folder, [*folders, *names])
        folders[:] = [name for name in folders if name not in excluded]
        for path in (Path(folder, name) for name in names if name not in excluded):
            yield path, path.lstat().st_size


def _excluded_names(folder: str, names: Iterable[str]) -> set[str]:
    paths = {name: Path(folder, name) for name in names}
    return {
        name
        for name, path in paths.items()
        if name in _EXCLUDED or (path / "pyvenv.cfg").is_file() or _is_special(path)
    }


def _is_special(path: Path) -> bool:
    """Tell whether a path is neither file, folder nor link, such as a socket."""
    return os.path.lexists(path) and not (path.is_symlink() or path.is_file() or path.is_dir())
