"""Read the text of a lock, of whichever kind it is."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .errors import LockUnreadable
from .lock import Lock
from .notebook_lock import read_notebook_lock
from .pylock_reader import read_pylock
from .requirements_reader import read_requirements
from .text import format_size

MAX_LOCK_BYTES = 20 * 10**6
_PYLOCK = re.compile(r"^lock-version[ \t]*=", re.MULTILINE)


def read_lock_text(text: str, source: str, markers: Mapping[str, str] | None = None) -> Lock:
    """Return the lock in a text: of PEP 751, a notebook, or a requirements file.

    Raises `LockUnreadable`, as the reader of each kind does.
    """
    if len(text) > MAX_LOCK_BYTES:
        raise LockUnreadable(source, f"it holds more than {format_size(MAX_LOCK_BYTES)}")
    if _PYLOCK.search(text):
        return read_pylock(text, source, markers)
    if text.lstrip()[:1] == "{":
        return read_notebook_lock(text, source, markers)
    return read_requirements(text, source, markers)
