"""The path of this kernel's notebook: from what started it or VS Code, and from the page."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import Any

from pkgwidgets.connect import started_notebook

_VS_CODE_VARIABLE = "__vsc_ipynb_file__"
"""The variable in the user's namespace in which VS Code keeps the path."""
_SUFFIX = ".ipynb"


def find_notebook(page_path: str = "") -> Path | None:
    """Return the path of this kernel's notebook, None if unknown.

    `page_path` is the path below the server's folder, from the page. It may be newer than the path
    that the kernel was started with. It is ignored if there is no such file. The notebook of a
    kernel that started this one is not this kernel's.
    """
    started = started_notebook(os.environ)
    session = started.session
    if page_path and session:
        # A drive of the server is not a folder: `RTC:report.ipynb`.
        relative = PurePosixPath(page_path.rpartition(":")[2])
        folder = Path(session).absolute().parent
        parents = tuple(part for part in relative.parent.parts if part != "/")
        is_same = folder.parts[len(folder.parts) - len(parents) :] == parents
        return folder / relative.name if is_same and _is_notebook(folder / relative.name) else None
    for path in (session, _vs_code_path(), started.executed):
        if path and _is_notebook(Path(path)):
            return Path(path).absolute()
    return None


def _is_notebook(path: Path) -> bool:
    return path.suffix == _SUFFIX and path.is_file()


def _vs_code_path() -> str:
    from IPython import get_ipython

    shell: Any = get_ipython()
    path = shell.user_ns.get(_VS_CODE_VARIABLE) if shell is not None else None
    return path if isinstance(path, str) else ""
