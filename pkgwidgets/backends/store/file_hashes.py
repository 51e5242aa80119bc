"""Hashes of files that are read before they are needed.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from time import time_ns

from . import filesystem

_StatKey = tuple[int, int, int, int, int]
_SETTLED_NS = 50_000_000
"""Nanoseconds after which another change of a file would give it another time."""


class FileHashes:
    """The SHA-256 of files, each for as long as everything says that the file is the same."""

    def __init__(self, clock_ns: Callable[[], int] = time_ns) -> None:
        self._clock_ns = clock_ns
        self._known: dict[_StatKey, str] = {}
        self._thread: threading.Thread | None = None

    def prehash(self, paths: Iterable[str]) -> None:
        """Begin to read these, beside whatever is done meanwhile; what cannot be read is not."""
        self._thread = threading.Thread(target=self._read, args=(list(paths),), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until all that was foreseen has been read."""
        if self._thread is not None:
            self._thread.join()

    def known(self, found: os.stat_result | None, held: os.stat_result) -> str | None:
        """Return the hash of what was `found`, if that is what is `held` by another name now."""
        if found is None or (found.st_ino, found.st_size, found.st_mtime_ns) != (
            held.st_ino,
            held.st_size,
            held.st_mtime_ns,
        ):
            return None
        return self._known.get(_identity(found))

    def _read(self, paths: list[str]) -> None:
        for path in paths:
            try:
                before = os.lstat(path)
                if self._clock_ns() - before.st_ctime_ns < _SETTLED_NS:
                    continue
                sha256 = filesystem.sha256(path)
            except OSError:
                continue
            self._known[_identity(before)] = sha256


def _identity(found: os.stat_result) -> _StatKey:
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
