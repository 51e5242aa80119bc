"""Note the files and folders that imported modules create in the environment.

A part of other scripts, put before them as text. An audit hook (PEP 578) sees what Python creates;
not what libraries in C and other programs do. Bytecode (`a.pyc`, `a.pyc.123`) is left out.

The notes are a JSON text per line in a file beside the task, so they outlive a process that is
killed.
"""

from __future__ import annotations

import json
import os
import sys

from .report import task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CREATING = {"open": 0, "os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1}
"""Events that may create a path, with the position of the path in their arguments."""


def note_new_files() -> None:
    """Note each path below the prefix that an event creates, before it exists."""
    notes = os.path.join(os.path.dirname(os.path.abspath(sys.argv[1])), "new-files")
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    write, dumps = os.write, json.dumps
    prefix = os.path.realpath(task["prefix"]) + os.sep
    apart = os.path.join(prefix, ".pkgwidgets") + os.sep
    exists, real_path, absolute = os.path.lexists, os.path.realpath, os.path.abspath

    def is_new(path: str) -> bool:
        if ".pyc" in os.path.basename(path) or path.endswith("__pycache__") or exists(path):
            return False
        return path.startswith(prefix) and not path.startswith(apart)

    def note(event: str, arguments: Any) -> None:
        if event not in CREATING or (event == "open" and not arguments[2] & os.O_CREAT):
            return
        try:
            path = arguments[CREATING[event]]
            if isinstance(path, int):
                return
            folder, name = os.path.split(absolute(os.fsdecode(path)))
            created = os.path.join(real_path(folder), name)
            if is_new(created):
                write(descriptor, (dumps(created) + "\n").encode())
        except (OSError, TypeError, ValueError):
            return  # the call itself fails for what is no path

    sys.addaudithook(note)


note_new_files()
