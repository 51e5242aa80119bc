"""What the system tells of this process: when it began, and which libraries it has mapped."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

_LIBRARY = re.compile(r"\.(pyd|so(\.[0-9.]+)?)$")
_GONE = " (deleted)"
"""How the kernel of Linux marks a mapped file that was removed or replaced (proc(5))."""


@cache
def process_start() -> datetime:
    """Return when this process began (proc(5)), or the first of all days if nothing tells."""
    with suppress(OSError, ValueError, IndexError, StopIteration):
        # The second field is the name of the command, and may hold anything.
        ticks = Path("/proc/self/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
        lines = Path("/proc/stat").read_text("ascii").splitlines()
        booted = next(line.split()[1] for line in lines if line.startswith("btime "))
        seconds = int(booted) + int(ticks) / os.sysconf("SC_CLK_TCK")
        return datetime.fromtimestamp(seconds, UTC)
    return datetime.min.replace(tzinfo=UTC)


def mapped_libraries() -> frozenset[str]:
    """Return the libraries that this process has mapped, removed ones too."""
    try:
        lines = Path("/proc/self/maps").read_bytes().splitlines()
    except OSError:
        return frozenset()
    paths = {os.fsdecode(line.split(None, 5)[5]) for line in lines if b".so" in line}
    return frozenset(path for path in paths if is_library(original_path(path)))


def original_path(mapped: str) -> str:
    """Return where a mapped file is, or was before it was removed."""
    return mapped.removesuffix(_GONE)


def is_library(path: str) -> bool:
    """Tell an extension module, or a library that one brings, by its name."""
    return _LIBRARY.search(path) is not None
