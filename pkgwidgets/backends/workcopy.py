"""A copy of the folder that a notebook lies in, for a run that may write there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pkgwidgets.core.errors import InvalidRequest

_MOST = 2 * 10**9
"""Bytes of a folder that are copied; a larger one is refused."""
_LEFT_OUT = frozenset({".git", ".hg", ".ipynb_checkpoints", "__pycache__", "node_modules"})


def copy(notebook: Path, target: Path) -> Path:
    """Copy the notebook's folder to `target`, and return the copy of the notebook.

    Environments, bytecode, checkpoints and what version control keeps are left out; links are
    copied as links. Raises `InvalidRequest` if the folder is too large or cannot be read.
    """
    source = notebook.parent
    size = 0

    def left_out(folder: str, names: list[str]) -> set[str]:
        nonlocal size
        kept = set()
        for name in names:
            path = Path(folder, name)
            if name in _LEFT_OUT or (path / "pyvenv.cfg").is_file() or _is_special(path):
                kept.add(name)
            elif not path.is_symlink() and path.is_file():
                size += path.stat().st_size
        if size > _MOST:
            reason = f"its folder holds more than {_MOST // 10**9} GB; move it to one of its own"
            raise InvalidRequest("notebook to rehearse", str(notebook), reason)
        return kept

    try:
        shutil.copytree(source, target, symlinks=True, ignore=left_out)
    except OSError as error:
        reason = f"its folder cannot be copied ({str(error)[:200]})"
        raise InvalidRequest("notebook to rehearse", str(notebook), reason) from error
    return target / notebook.name


def _is_special(path: Path) -> bool:
    """Tell whether it is neither file, folder nor link: a socket, say."""
    return os.path.lexists(path) and not (path.is_symlink() or path.is_file() or path.is_dir())
