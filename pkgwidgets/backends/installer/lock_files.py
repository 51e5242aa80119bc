"""Read locks from files of every kind, and from other environments; nothing else is opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pkgwidgets.backends.environment import interpreter as interpreter_module
from pkgwidgets.backends.environment.dist_info import DistInfoReader
from pkgwidgets.core.environment import Distribution, Interpreter
from pkgwidgets.core.errors import LockUnreadable
from pkgwidgets.core.lock import Lock, LockedPackage
from pkgwidgets.core.lock_reader import MAX_LOCK_BYTES
from pkgwidgets.core.notebook_lock import read_notebook_lock
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.pylock_reader import read_pylock
from pkgwidgets.core.requirements_reader import read_requirements
from pkgwidgets.core.text import format_size

_MAX_NOTEBOOK_BYTES = 500 * 10**6
_PYTHONS = ("bin/python", "Scripts/python.exe")


def read_lock_file(path: Path, target: Interpreter) -> Lock:
    """Return the lock of a file for an environment, or what another environment has installed.

    The ending tells the kind: `.toml`, `.txt` or `.ipynb`. A folder is that of an environment, and
    a file without one of these endings its interpreter. Raises `LockUnreadable`, and
    `EnvironmentRefused` for an interpreter that does not start.
    """
    source = str(path)
    markers = target.markers
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return _lock_of_environment(_python_in(path))
        if not stat.S_ISREG(status.st_mode):
            raise LockUnreadable(source, "it is not a file")
        match path.suffix.lower():
            case ".toml":
                return read_pylock(_text(path, status.st_size), source, markers)
            case ".txt" | ".in":
                return read_requirements(_text(path, status.st_size), source, markers)
            case ".ipynb":
                text = _text(path, status.st_size, _MAX_NOTEBOOK_BYTES)
                return read_notebook_lock(text, source, markers)
            case _ if os.access(path, os.X_OK):
                return _lock_of_environment(path)
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise LockUnreadable(source, reason) from error
    except ValueError as error:  # a path with a null character, or a text in another encoding
        raise LockUnreadable(source, f"{error}"[:200]) from error
    reason = "it is no pylock.toml, requirements.txt, notebook or environment"
    raise LockUnreadable(source, reason)


def _text(path: Path, size: int, limit: int = MAX_LOCK_BYTES) -> str:
    if size > limit:
        reason = f"it holds {format_size(size)}; at most {format_size(limit)} are read"
        raise LockUnreadable(str(path), reason)
    return path.read_text("utf-8-sig")


def notebook_text(path: Path) -> str:
    """Return the text of a notebook; raises `LockUnreadable` if it cannot be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise LockUnreadable(str(path), "it is not a file")
        return path.read_bytes().decode()
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise LockUnreadable(str(path), reason) from error
    except ValueError as error:
        raise LockUnreadable(str(path), f"{error}"[:200]) from error


def _python_in(folder: Path) -> Path:
    for relative in _PYTHONS:
        if (folder / relative).exists():
            return folder / relative
    raise LockUnreadable(str(folder), "the folder has no environment")


def _lock_of_environment(python: Path) -> Lock:
    """Return what another environment has installed, without hashes."""
    interpreter = interpreter_module.describe(python)
    installed = DistInfoReader(interpreter).read().values()
    readable = [entry for entry in installed if isinstance(entry, Distribution)]
    of_index = [entry for entry in readable if entry.origin in (Origin.INDEX, Origin.CONDA)]
    return Lock(
        packages=tuple(
            LockedPackage(name=entry.id, version=entry.version, requested=entry.requested)
            for entry in of_index
        ),
        python=interpreter.version,
        left_out=tuple(
            f"{entry.name} is not of an index"
            for entry in readable
            if entry.origin in (Origin.EDITABLE, Origin.URL, Origin.VCS)
        ),
    )
