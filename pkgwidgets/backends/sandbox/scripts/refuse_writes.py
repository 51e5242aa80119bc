"""Refuse writes to the originals of the files that were copied for a rehearsal.

A part of other scripts, put before them as text. An audit hook (PEP 578), which cannot be removed,
sees what Python opens and changes; not what libraries in C and other programs do.
"""

from __future__ import annotations

import errno
import os
import sys

from .report import task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
FOLLOWING = {
    "os.chmod": (0,),
    "os.chown": (0,),
    "os.link": (0, 1),
    "os.mkdir": (0,),
    "os.setxattr": (0,),
    "os.removexattr": (0,),
    "os.truncate": (0,),
    "os.utime": (0,),
}
"""Events whose arguments with these positions are paths; a link counts as its target."""
NOT_FOLLOWING = {
    "os.remove": (0,),
    "os.rename": (0, 1),
    "os.rmdir": (0,),
    "os.symlink": (1,),
    "shutil.rmtree": (0,),
}
"""Events that change a link itself."""


def changed_paths(event: str, arguments: Any) -> list[Any]:
    """Return the paths that an event would change."""
    if event == "open":
        return [arguments[0]] if arguments[2] & WRITE_FLAGS else []
    if event == "sqlite3.connect":
        name = os.fsdecode(arguments[0])
        is_read_only = "mode=ro" in name or "immutable=1" in name
        return [] if is_read_only or name in ("", ":memory:") else [name]
    return [arguments[at] for at in FOLLOWING.get(event) or NOT_FOLLOWING[event]]


def real_path(path: Any, follows: bool) -> str:
    """Return a path without links; `follows` says whether the last name may be one."""
    text = os.fsdecode(path)
    if text.startswith("file:"):  # a URI of SQLite
        text = text[len("file:") :].partition("?")[0]
    if follows:
        return os.path.realpath(text)
    folder, name = os.path.split(text.rstrip("/"))
    return os.path.join(os.path.realpath(folder), name)


def refuse_writes() -> None:
    """Refuse what Python would change below the protected paths, but not below the exempt ones."""
    protected, exempt = set(task["protected"]), set(task["exempt"])
    watched = {"open", "sqlite3.connect", *FOLLOWING, *NOT_FOLLOWING}

    def is_protected(path: str) -> bool:
        while path not in exempt:
            if path in protected:
                return True
            parent = os.path.dirname(path)
            if parent == path:
                break
            path = parent
        return False

    def refuse(event: str, arguments: Any) -> None:
        if event not in watched:
            return
        try:
            paths = [p for p in changed_paths(event, arguments) if not isinstance(p, int)]
            refused = [p for p in paths if is_protected(real_path(p, event not in NOT_FOLLOWING))]
        except (OSError, TypeError, ValueError):
            return  # the call itself fails for what is no path
        if refused:
            text = "a rehearsal does not change the original"
            raise PermissionError(errno.EACCES, text, os.fsdecode(refused[0]))

    sys.addaudithook(refuse)


refuse_writes()
