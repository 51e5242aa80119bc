"""Many pages fetched at once by threads, within a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Queue, SimpleQueue
from time import monotonic

from packaging.utils import NormalizedName

from pkgwidgets.backends.http.transport import RequestFailed, Response

_TICK = 0.1
"""Seconds between two signs of life while no answer comes: who waits may have lost patience."""

Fetched = tuple[NormalizedName, Response | RequestFailed]
Fetch = Callable[[NormalizedName], Response | RequestFailed]
"""Fetches one page; returns what went wrong instead of raising it."""


def fetch_all(
    names: Sequence[NormalizedName],
    fetch: Fetch,
    *,
    connections: int,
    until: float,
    late: RequestFailed,
) -> Iterator[Fetched | None]:
    """Yield pages as they come, and None now and then while none does.

    The threads only wait and unpack; pages are read by the caller, one by one. They are daemons,
    so that nothing waits for them in the end. After `until`, on the monotonic clock, the answer
    for every project that is still missing is `late`.
    """
    done, stopped = Queue[Fetched](connections), threading.Event()
    _start_threads(min(connections, len(names)), names, fetch, done, stopped)
    yield None  # the caller can do other work until the first page has come
    missing = set(names)
    try:
        while missing and monotonic() < until:
            try:
                name, fetched = done.get(timeout=_TICK)
            except Empty:
                yield None
                continue
            missing.discard(name)
            yield name, fetched
        for name in missing:
            yield name, late
    finally:
        stopped.set()
        while not done.empty():  # room for the threads that wait to put their last
            done.get_nowait()


def _start_threads(
    count: int,
    names: Sequence[NormalizedName],
    fetch: Fetch,
    done: Queue[Fetched],
    stopped: threading.Event,
) -> None:
    todo = SimpleQueue[NormalizedName]()
    for name in names:
        todo.put(name)

    def work() -> None:
        while not stopped.is_set():
            try:
                name = todo.get_nowait()
            except Empty:
                return
            done.put((name, fetch(name)))

    for _ in range(count):
        threading.Thread(target=work, name="pkgwidgets-index", daemon=True).start()
