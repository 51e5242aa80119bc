"""Temporary folders that are removed after the work, or before the next after a crash."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pkgwidgets.backends.store import forks

_LOCK_FILE = ".held"
"""The file in a temporary folder that its process keeps locked."""


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Create a temporary folder for a block, and remove abandoned ones with this prefix.

    A killed process leaves its folder behind, but its lock is released.
    """
    parent = Path(tempfile.gettempdir())
    _remove_abandoned(parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
    # Lock the file before its rename: a folder without a lock file is never removed.
    descriptor = forks.open_own(folder / f"{_LOCK_FILE}.new", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        (folder / f"{_LOCK_FILE}.new").rename(folder / _LOCK_FILE)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        forks.close(descriptor)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    for folder in parent.glob(f"{prefix}*"):
        with suppress(OSError):  # it is another user's, or another process removes it
            descriptor = forks.open_own(folder / _LOCK_FILE, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if os.fstat(descriptor).st_uid == os.getuid():
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                forks.close(descriptor)
