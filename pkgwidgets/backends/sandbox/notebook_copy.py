"""A copy of the folder that a notebook lies in, for a run that may write there."""

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
    """What a folder may hold that is copied; a larger one is refused."""

    max_bytes: int = 2 * 10**9
    max_files: int = 100_000


Tick = Callable[[], None]
"""Called again and again meanwhile; what it raises ends the work."""


def copy_notebook_folder(
    notebook: Path,
    target: Path,
    tick: Tick = lambda: None,
    limits: CopyLimits = CopyLimits(),
) -> Path:
    """Copy the notebook's folder to `target`, and return the copy of the notebook.

    Environments, bytecode, checkpoints and what version control keeps are left out; links are
    copied as links. Raises `InvalidRequest`, before anything is copied, if the folder is too large
    or there is no room for it, and if it cannot be read.
    """

    def copied(source: str, to: str) -> str:
        tick()
        return shutil.copy2(source, to, follow_symlinks=False)

    try:
        reason = _refusal(notebook.parent, target, tick, limits)
        if not reason:
            shutil.copytree(
                notebook.parent, target, symlinks=True, ignore=_left_out, copy_function=copied
            )
    except OSError as error:
        reason = f"its folder cannot be copied ({str(error)[:200]})"
        raise InvalidRequest("notebook to rehearse", str(notebook), reason) from error
    if reason:
        raise InvalidRequest("notebook to rehearse", str(notebook), reason)
    return target / notebook.name


def _refusal(source: Path, target: Path, tick: Tick, limits: CopyLimits) -> str:
    """Say why a folder is not copied, with what to do; "" if it can be."""
    bytes = files = largest = 0
    which = ""
    for path, count in _files(source, tick):
        bytes, files = bytes + count, files + 1
        if count > largest:
            largest, which = count, str(path.relative_to(source))
        if bytes > limits.max_bytes:
            much = f"{limits.max_bytes // 10**9} GB, {which} alone {format_size(largest)}"
            return f"its folder holds more than {much}; move it to one of its own"
        if files > limits.max_files:
            return f"its folder holds more than {limits.max_files} files; move it to one of its own"
    place = next(each for each in target.parents if each.exists())
    free = shutil.disk_usage(place).free
    if bytes > free:
        left = f"and only {format_size(free)} are free in {place} for a copy"
        return f"its folder holds {format_size(bytes)}, {left}; TMPDIR names another place"
    return ""


def _files(source: Path, tick: Tick) -> Iterator[tuple[Path, int]]:
    """Yield the files that would be copied, and their sizes in bytes."""
    for folder, folders, names in os.walk(source):
        tick()
        out = _left_out(folder, [*folders, *names])
        folders[:] = [name for name in folders if name not in out]
        for path in (Path(folder, name) for name in names if name not in out):
            yield path, path.lstat().st_size


def _left_out(folder: str, names: Iterable[str]) -> set[str]:
    paths = {name: Path(folder, name) for name in names}
    return {
        name
        for name, path in paths.items()
        if name in _EXCLUDED or (path / "pyvenv.cfg").is_file() or _is_special(path)
    }


def _is_special(path: Path) -> bool:
    """Tell whether it is neither file, folder nor link: a socket, say."""
    return os.path.lexists(path) and not (path.is_symlink() or path.is_file() or path.is_dir())
