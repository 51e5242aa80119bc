"""How a probe reports to the process that started it: JSON lines behind a mark.

A part of other scripts, put before them as text. Its arguments are the file of the task and the
mark. What the probed modules print goes to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys

TYPE_CHECKING = False  # `typing` takes longer to import than many a module that is tried
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

with open(sys.argv[1], encoding="utf-8") as file:
    task: dict[str, Any] = json.load(file)
out = os.dup(1)
os.dup2(2, 1)
watched = open(os.dup(2), "w")  # noqa: SIM115 - open to the end


# The defaults keep what is used later: a module may do to `sys` and `os` whatever it likes.
def say(
    *what: object,
    mark: str = sys.argv[2],
    write: Callable[[int, bytes], int] = os.write,
    dumps: Callable[[object], str] = json.dumps,
) -> None:
    """Report one step as a marked line."""
    write(out, (mark + dumps(what) + "\n").encode())


def words(error: BaseException) -> str:
    """Return an error as a short text."""
    return type(error).__name__ + ": " + str(error)[:500]


def watch(
    dump: Callable[..., None] = faulthandler.dump_traceback_later,
    seconds: float = task["patience"],
) -> None:
    """End the process in some seconds, unless this is called again before."""
    dump(seconds, exit=True, file=watched)
