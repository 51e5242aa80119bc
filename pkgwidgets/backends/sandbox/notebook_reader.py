"""Read a notebook file: its code cells, or why it cannot be read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pkgwidgets.analysis.notebook_file import CodeCell, code_cells
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.text import format_size

MAX_BYTES = 500 * 10**6
"""The largest notebook that is read: parsing needs several times its size in memory."""


def read_notebook(notebook: Path) -> tuple[CodeCell, ...]:
    """Return the code cells of a notebook; raise `InvalidRequest` if it is not one in Python."""
    try:
        # Not opened before it is known to be a file: a pipe without a writer would block.
        status = notebook.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a file")
        if status.st_size > MAX_BYTES:
            raise ValueError(f"it holds more than {format_size(MAX_BYTES)}; clear its outputs")
        return code_cells(notebook.read_bytes())
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise InvalidRequest("notebook", str(notebook), reason) from error
    except ValueError as error:  # also for a path with a null character
        raise InvalidRequest("notebook", str(notebook), str(error)) from error
