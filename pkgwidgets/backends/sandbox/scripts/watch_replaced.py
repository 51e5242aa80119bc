"""Watch whether modules read files at installed paths that the plan replaces, adds or removes.

A part of other scripts, put before them as text. Modules of a stage read the staged files. But one
that finds a file by its own path reads the installed file. It may do something else once the plan
is applied. An audit hook (PEP 578) sees what Python opens; the system lists the mapped files.
"""

from __future__ import annotations

import os
import sys

from .report import task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

watched, read_watched = set(task["watched"]), list[str]()


def watch_replaced() -> None:
    """Note each watched path that Python opens."""
    decode, absolute, known, read = os.fsdecode, os.path.abspath, watched, read_watched

    def note(event: str, arguments: Any) -> None:
        if event != "open" or isinstance(arguments[0], int):
            return
        try:
            path = decode(arguments[0])
            path = path if path.startswith("/") and "/." not in path else absolute(path)
        except (OSError, TypeError, ValueError):
            return  # the call itself fails for what is no path
        if path in known:
            read.append(path)

    sys.addaudithook(note)


def find_mapped() -> list[str]:
    """Return the watched libraries that are mapped; any, if the system does not tell."""
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
            mapped = {line.rstrip("\n").split(maxsplit=5)[-1] for line in file}
    except OSError:
        return [path for path in watched if path.endswith((".so", ".dylib")) or ".so." in path]
    return [path for path in watched if path in mapped]


if watched:
    watch_replaced()
