"""Save what is installed into a notebook."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.notebook_lock import lock_fields, write_notebook_lock

from .export import make_lock, missing_notes, unhashed_notes

_OPEN = "it is open in Jupyter, which would overwrite the lock: close it and its kernel first"


def notebook_lock(
    backend: Backend, *, report: Report = no_report
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the lock for the metadata of an open notebook, and what it lacks."""
    lock = make_lock(backend, report=report)
    return lock_fields(lock), missing_notes(lock)


def embed(
    backend: Backend,
    notebook: object,
    *,
    script: bool = False,
    open_notebooks: Collection[str] = (),
    report: Report = no_report,
) -> tuple[str, ...]:
    """Save the lock of what is installed into the metadata of a notebook; return what it lacks.

    With `script`, also as inline metadata (PEP 723). The file is replaced in one step. Raises
    `InvalidRequest` for what is no path, and if a kernel runs for a notebook of this name,
    `open_notebooks`. Raises `LockUnreadable` if it is not a notebook, `DiskFailed` if it cannot be
    written.
    """
    if not isinstance(notebook, str | Path) or not str(notebook):
        raise InvalidRequest("notebook", notebook, "give the path of a notebook")
    path = Path(notebook)
    if path.name in open_notebooks:
        raise InvalidRequest("notebook", str(notebook), _OPEN)
    text = backend.lock_sources.notebook_text(path)
    lock = make_lock(backend, report=report)
    written = write_notebook_lock(text, lock, str(path), script=script)
    if backend.lock_sources.notebook_text(path) != text:
        raise InvalidRequest("notebook", str(notebook), "it was saved by another program just now")
    backend.lock_sources.replace_notebook(path, written)
    return (*missing_notes(lock), *unhashed_notes(lock, "so its file cannot be checked"))
