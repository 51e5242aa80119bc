"""Folders that pass: gone when the work is done, or, where that is cut off, before the next."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HELD = ".held"
"""The file in such a folder that is locked by whoever works there."""


@contextmanager
def temporary_folder(prefix: str) -> Iterator[Path]:
    """Make a temporary folder for a block, and clear away those of `prefix` that nobody holds.

    A process that is killed leaves its folder; its lock is gone with it.
    """
    place = Path(tempfile.gettempdir())
    _remove_abandoned(place, prefix)
    made = Path(tempfile.mkdtemp(prefix=prefix, dir=place)).resolve()
    # Held before it has its name: a folder without one is left alone.
    held = os.open(made / f"{_HELD}.new", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        (made / f"{_HELD}.new").rename(made / _HELD)
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        os.close(held)


def _remove_abandoned(place: Path, prefix: str) -> None:
    for left in place.glob(f"{prefix}*"):
        with suppress(OSError):  # another user's, or cleared by another
            held = os.open(left / _HELD, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if os.fstat(held).st_uid == os.getuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(held)
