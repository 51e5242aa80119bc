"""What lies beside the files of distributions and is in no RECORD: bytecode, half-written files.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable

from . import filesystem

_TEMPORARY = re.compile(r"\.tmp[0-9A-Za-z]{6}")
"""How uv names what it writes before it renames it: by the `tempfile` crate of Rust."""
_COMPILED = re.compile(r"(.+?)\.[^.]+(?:\.opt-[^.]*)?\.pyc")
"""`module.cpython-311.opt-1.pyc` (PEP 3147, PEP 488)."""


def temporaries(folder: str) -> set[str]:
    """Return the names of what an installer was just writing, or had left there before."""
    return {name for name in _names(folder) if _TEMPORARY.fullmatch(name)}


def drop_bytecode(sources: Iterable[str]) -> None:
    """Delete what was compiled from these files, and the folders that become empty."""
    stems: dict[str, set[str]] = {}
    for path in sources:
        if path.endswith(".py"):
            folder, _, name = path.rpartition(os.sep)
            stems.setdefault(f"{folder}/__pycache__", set()).add(name.removesuffix(".py"))
    for folder in stems:
        for name in _names(folder):
            compiled = _COMPILED.fullmatch(name)
            if compiled is not None and compiled[1] in stems[folder]:
                with contextlib.suppress(OSError):
                    filesystem.remove(f"{folder}/{name}")
        with contextlib.suppress(OSError):  # others' bytecode keeps it
            if os.path.isdir(folder):  # noqa: PTH112
                filesystem.remove_folder(folder)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        return []
