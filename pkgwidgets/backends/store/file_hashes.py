"""Hashes of files that are computed before they are needed.

Standard library only: recovery runs on it when nothing else runs.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from time import time_ns

from . import filesystem
from .file_times import SETTLED_LOCAL_NS

_StatKey = tuple[int, int, int, int, int]


class FileHashes:
    """The SHA-256 of files, each valid while device, inode, size and times are the same."""

    def __init__(self, clock_ns: Callable[[], int] = time_ns) -> None:
        self._clock_ns = clock_ns
        self._hashes: dict[_StatKey, str] = {}
        self._thread: threading.Thread | None = None

    def prehash(self, paths: Iterable[str]) -> None:
        """Start to hash these files in a thread; unreadable files are left out."""
        self._thread = threading.Thread(target=self._hash_files, args=(list(paths),), daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until `prehash` has read all files."""
        if self._thread is not None:
            self._thread.join()

    def find_hash(self, original: os.stat_result | None, kept: os.stat_result) -> str | None:
        """Return the hash of `original` if it is known and `kept` is still the same file."""
        if original is None or (original.st_ino, original.st_size, original.st_mtime_ns) != (
            kept.st_ino,
            kept.st_size,
            kept.st_mtime_ns,
        ):
            return None
        return self._hashes.get(_identity(original))

    def _hash_files(self, paths: list[str]) -> None:
        for path in paths:
            try:
                status = os.lstat(path)
                if self._clock_ns() - status.st_ctime_ns < SETTLED_LOCAL_NS:
                    continue
                sha256 = filesystem.sha256(path)
            except OSError:
                continue
            self._hashes[_identity(status)] = sha256


def _identity(status: os.stat_result) -> _StatKey:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
