"""Which notebook this kernel runs: told by what started it, and by the page that shows it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

_SESSION = "JPY_SESSION_NAME"
"""The variable in which a notebook server tells a kernel its notebook's path, as it was then."""
_VS_CODE = "__vsc_ipynb_file__"
"""The variable in which VS Code tells it, among the user's."""
_SUFFIX = ".ipynb"


def find_notebook(told: str = "") -> Path | None:
    """Return the path of this kernel's notebook, None where that is not known.

    `told` is what a page says of it: its path below the server's folder, which may be newer than
    what the kernel was started with. It is not believed where no such file is.
    """
    session = os.environ.get(_SESSION, "")
    if told and session:
        # A drive of the server's is no folder: `RTC:report.ipynb`.
        relative = PurePosixPath(told.rpartition(":")[2])
        folder = Path(session).absolute().parent
        above = tuple(part for part in relative.parent.parts if part != "/")
        is_same = folder.parts[len(folder.parts) - len(above) :] == above
        return folder / relative.name if is_same and _is_notebook(folder / relative.name) else None
    for place in (session, _said_by_vs_code()):
        if place and _is_notebook(Path(place)):
            return Path(place).absolute()
    return None


def _is_notebook(path: Path) -> bool:
    return path.suffix == _SUFFIX and path.is_file()


def _said_by_vs_code() -> str:
    from IPython import get_ipython

    shell: Any = get_ipython()
    path = shell.user_ns.get(_VS_CODE) if shell is not None else None
    return path if isinstance(path, str) else ""
