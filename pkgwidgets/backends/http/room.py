"""Limits the memory of answers that many threads decompress for one reader.

A page takes several times its compressed size, and most threads have theirs before it is read.
The C library keeps freed memory for each thread: large pages are decompressed by two threads only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from .decompression import decompress

_WAIT_SECONDS = 0.1
_DECOMPRESSING_THREADS = 2
_SMALL_BYTES = 1 << 15
"""A smaller answer is decompressed by the thread that received it."""
_thread = threading.local()


class Room:
    """Places for decompressed answers; a thread takes one, and the reader gives it back."""

    def __init__(self, places: int) -> None:
        self._places = threading.Semaphore(places)
        self._is_closed = threading.Event()
        self._pool = ThreadPoolExecutor(_DECOMPRESSING_THREADS, "pkgwidgets-decompress")

    @contextmanager
    def used_here(self) -> Iterator[None]:
        """Let this thread decompress here in a block."""
        _thread.room, _thread.has_place = self, False
        try:
            yield
        finally:
            _thread.room = None

    def decompress(self, data: bytes, max_bytes: int) -> bytes:
        """Wait for a place, and decompress gzip there; as the function does."""
        # A thread that is asked to try again has its place still.
        while not _thread.has_place and not self._is_closed.is_set():
            _thread.has_place = self._places.acquire(timeout=_WAIT_SECONDS)
        if len(data) < _SMALL_BYTES:
            return decompress(data, max_bytes)
        try:
            future = self._pool.submit(decompress, data, max_bytes)
        except RuntimeError:  # it was closed meanwhile, or Python exits
            return decompress(data, max_bytes)
        return future.result()

    def is_taken(self) -> bool:
        """Tell whether this thread took a place since it was last asked."""
        taken: bool = _thread.has_place
        _thread.has_place = False
        return taken

    def give_back(self) -> None:
        """Free a place."""
        self._places.release()

    def close(self) -> None:
        """Let no thread wait any more: the reader has stopped."""
        self._is_closed.set()
        self._pool.shutdown(wait=False)


def decompress_in_room(data: bytes, max_bytes: int) -> bytes:
    """Decompress gzip in the room of this thread, if it has one."""
    room: Room | None = getattr(_thread, "room", None)
    return decompress(data, max_bytes) if room is None else room.decompress(data, max_bytes)
