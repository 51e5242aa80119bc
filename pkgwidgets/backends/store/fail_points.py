"""Where fault tests kill this process, and how they trace and break its file operations.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

fail_point = os.environ.get("PKGWIDGETS_FAIL")
"""Where to die: `COMMIT:written` at its first time, `operation#17` at the seventeenth."""
watch: Callable[[str, str | Path], None] | None = None
"""Called before each operation with its name and path; what it raises, the operation raises."""
reached: dict[str, int] = {}
"""How often each point was reached."""


def reach(point: str) -> None:
    """Kill this process, as `kill -9` does, if `point` is the fail point; for fault tests only."""
    if fail_point is None:
        return
    reached[point] = count = reached.get(point, 0) + 1
    if fail_point in (f"{point}#{count}", point if count == 1 else None):
        os.kill(os.getpid(), signal.SIGKILL)


def begin(name: str, path: str | Path) -> None:
    """Announce an operation that changes files; it can be killed and can fail here."""
    reach("operation")
    observe(name, path)


def observe(name: str, path: str | Path) -> None:
    """Announce an operation that only reads: it can fail here."""
    if watch is not None:
        watch(name, path)
