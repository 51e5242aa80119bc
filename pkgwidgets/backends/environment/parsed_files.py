"""Parsed files that are read again and again during one change, kept while they are the same."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from time import time_ns
from typing import Generic, TypeVar

from pkgwidgets.backends.store.file_times import SETTLED_LOCAL_NS

_Row = TypeVar("_Row")
_StatKey = tuple[int, int, int, int, int]


class ParsedFiles(Generic[_Row]):
    """The rows of files, each valid while device, inode, size and times are the same.

    A file that was changed just now is not kept. At most `max_rows` rows are, of the files that
    were used last.
    """

    def __init__(self, max_rows: int = 30_000, clock_ns: Callable[[], int] = time_ns) -> None:
        self._max_rows = max_rows
        self._clock_ns = clock_ns
        self._files = OrderedDict[tuple[str, Hashable], tuple[_StatKey, Sequence[_Row]]]()
        self._rows = 0
        self._lock = Lock()

    def get(
        self, path: str, parse: Callable[[], Sequence[_Row]], *, key: Hashable = None
    ) -> Sequence[_Row]:
        """Return the kept rows of a file, or what `parse` returns; they are not to be changed.

        `key` is what the rows depend on beside the file.
        """
        stat_key, name = _stat_key(path), (path, key)
        with self._lock:
            kept = self._files.get(name)
            if kept is not None and kept[0] == stat_key:
                self._files.move_to_end(name)
                return kept[1]
        rows = parse()
        is_settled = (
            stat_key is not None and self._clock_ns() - max(stat_key[3:]) >= SETTLED_LOCAL_NS
        )
        if stat_key is not None and is_settled and _stat_key(path) == stat_key:
            self._keep(name, stat_key, rows)
        return rows

    def _keep(self, name: tuple[str, Hashable], stat_key: _StatKey, rows: Sequence[_Row]) -> None:
        with self._lock:
            self._drop(name)
            self._files[name] = (stat_key, rows)
            self._rows += len(rows)
            while self._rows > self._max_rows:
                self._drop(next(iter(self._files)))

    def _drop(self, name: tuple[str, Hashable]) -> None:
        kept = self._files.pop(name, None)
        self._rows -= len(kept[1]) if kept is not None else 0


def _stat_key(path: str) -> _StatKey | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - called for every distribution
    except (OSError, ValueError):
        return None
    times = status.st_mtime_ns, status.st_ctime_ns
    return (status.st_dev, status.st_ino, status.st_size, *times)
