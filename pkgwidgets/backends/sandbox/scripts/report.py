"""Report from a probe to the process that started it, in JSON lines with a mark.

A part of other scripts, put before them as text. Its arguments are the task file and the mark.
The output of the probed modules goes to standard error.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys

TYPE_CHECKING = False  # `typing` imports more slowly than many of the checked modules
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

with open(sys.argv[1], encoding="utf-8") as file:
    task: dict[str, Any] = json.load(file)
report_descriptor = os.dup(1)
os.dup2(2, 1)
watchdog_file = open(os.dup(2), "w")  # noqa: SIM115 - open until the end


# The defaults keep these functions: an imported module may change `sys` and `os`.
def report_step(
    *step: object,
    mark: str = sys.argv[2],
    write: Callable[[int, bytes], int] = os.write,
    dumps: Callable[[object], str] = json.dumps,
) -> None:
    """Report one step as a marked line."""
    write(report_descriptor, (mark + dumps(step) + "\n").encode())


def format_error(error: BaseException) -> str:
    """Return an error as a short text."""
    return type(error).__name__ + ": " + str(error)[:500]


def arm_watchdog(
    dump: Callable[..., None] = faulthandler.dump_traceback_later,
    seconds: float = task["timeout_seconds"],
) -> None:
    """End the process after `seconds`, unless this is called again before."""
    dump(seconds, exit=True, file=watchdog_file)
