"""Fetch many pages at once with threads, within a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, Queue, SimpleQueue
from time import monotonic

from packaging.utils import NormalizedName

from pkgwidgets.backends.http.response import RequestFailed, Response
from pkgwidgets.backends.http.room import Room

_TICK_SECONDS = 0.1
"""Seconds between two yields of None while no page arrives, so that the caller can cancel."""

_MAX_DECOMPRESSED = 6
"""Decompressed pages at once: those that wait, and the one that is read."""

Fetched = tuple[NormalizedName, Response | RequestFailed]
Fetch = Callable[[NormalizedName], Response | RequestFailed]
"""Fetches one page; returns what went wrong instead of raising it."""
_Answer = tuple[NormalizedName, Response | RequestFailed, bool]
"""Of one project, and whether it takes a place in the room of decompressed pages."""


def fetch_all(
    names: Sequence[NormalizedName],
    fetch: Fetch,
    *,
    connections: int,
    until: float,
    late: RequestFailed,
) -> Iterator[Fetched | None]:
    """Yield pages as they arrive, and None about ten times a second while none does.

    The threads only wait and decompress; the caller reads the pages, one by one. They are daemons,
    so that the process does not wait for them at its end. After `until` (monotonic seconds) the
    answer for every missing project is `late`.
    """
    answers, stopped = Queue[_Answer](connections), threading.Event()
    room = Room(_MAX_DECOMPRESSED)
    _start_threads(min(connections, len(names)), names, fetch, answers, stopped, room)
    yield None  # the caller can do other work until the first page arrives
    missing = set(names)
    try:
        while missing and monotonic() < until:
            try:
                name, fetched, is_place_taken = answers.get(timeout=_TICK_SECONDS)
            except Empty:
                yield None
                continue
            missing.discard(name)
            yield name, fetched
            del fetched  # before the next page is decompressed
            if is_place_taken:
                room.give_back()
        for name in missing:
            yield name, late
    finally:
        stopped.set()
        room.close()
        while not answers.empty():  # room for the threads that wait to put their last page
            answers.get_nowait()


def _start_threads(
    count: int,
    names: Sequence[NormalizedName],
    fetch: Fetch,
    answers: Queue[_Answer],
    stopped: threading.Event,
    room: Room,
) -> None:
    pending = SimpleQueue[NormalizedName]()
    for name in names:
        pending.put(name)

    def work() -> None:
        with room.used_here():
            while not stopped.is_set():
                try:
                    name = pending.get_nowait()
                except Empty:
                    return
                answers.put((name, fetch(name), room.is_taken()))

    for _ in range(count):
        threading.Thread(target=work, name="pkgwidgets-index", daemon=True).start()
