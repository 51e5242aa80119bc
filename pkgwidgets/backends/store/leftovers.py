"""Files of distributions that are in no RECORD: bytecode and half-written files.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from . import filesystem

_TEMPORARY_NAME = re.compile(r"\.tmp[0-9A-Za-z]{6}")
"""The names of files that uv writes before renaming them, by Rust's `tempfile` crate."""
_BYTECODE_NAME = re.compile(r"(.+?)\.[^.]+(?:\.opt-[^.]*)?\.pyc")
"""`module.cpython-311.opt-1.pyc` (PEP 3147, PEP 488)."""


def temporary_names(folder: str) -> set[str]:
    """Return the names of files that an installer had not finished, or left there earlier."""
    return {name for name in _folder_entries(folder) if _TEMPORARY_NAME.fullmatch(name)}


def drop_bytecode(sources: Iterable[str]) -> None:
    """Delete the bytecode of these sources, and the folders that become empty."""
    stems: dict[str, set[str]] = {}
    for path in sources:
        if path.endswith(".py"):
            folder, _, name = path.rpartition(os.sep)
            stems.setdefault(f"{folder}/__pycache__", set()).add(name.removesuffix(".py"))
    for folder in stems:
        for name in _folder_entries(folder):
            match = _BYTECODE_NAME.fullmatch(name)
            if match is not None and match[1] in stems[folder]:
                with contextlib.suppress(OSError):
                    filesystem.remove(f"{folder}/{name}")
        with contextlib.suppress(OSError):  # other bytecode in it keeps it
            if os.path.isdir(folder):  # noqa: PTH112
                filesystem.remove_folder(folder)


def drop_caches(folder: str) -> None:
    """Delete the `__pycache__` folders in a folder, and the folders that are or become empty.

    A `__pycache__` folder is deleted with all its content: libraries such as numba keep compiled
    code there, too.
    """
    if os.path.basename(folder) == "__pycache__":  # noqa: PTH119 - the paths are texts here
        with contextlib.suppress(OSError):
            filesystem.remove_tree(Path(folder))
        return
    for parent, folders, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            for name in folders:
                if name == "__pycache__":
                    filesystem.remove_tree(Path(parent, name))
            if parent != folder and not os.listdir(parent):  # noqa: PTH208
                filesystem.remove_folder(parent)


def _folder_entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - only names are needed
    except OSError:
        return []
