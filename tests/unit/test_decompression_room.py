"""Few pages are decompressed at once, and a reader that stops leaves no thread waiting."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic

import pytest
from packaging.utils import NormalizedName

from pkgwidgets.backends.http.decompression import BrokenArchive, TooLarge
from pkgwidgets.backends.http.response import RequestFailed, Response, decode_body
from pkgwidgets.backends.http.room import Room, decompress_in_room
from pkgwidgets.backends.index.fetch import fetch_all

SMALL, LARGE = (gzip.compress(bytes(range(256)) * size, 0, mtime=0) for size in (1, 1000))
MAX_BYTES = 1 << 20


def fetch(name: NormalizedName) -> Response:
    return Response(200, {}, decode_body("gzip", LARGE, MAX_BYTES))


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("pkgwidgets-")}


def wait_for_no_threads() -> None:
    until = monotonic() + 30
    while threads() and monotonic() < until:
        for thread in threads():
            thread.join(0.1)


def test_all_pages_arrive_although_few_are_decompressed_at_once() -> None:
    names = [NormalizedName(f"pea-{number}") for number in range(60)]
    decompressed: list[NormalizedName] = []

    def counted(name: NormalizedName) -> Response:
        response = fetch(name)
        decompressed.append(name)
        return response

    late = RequestFailed("late")
    seen = 0
    for answer in fetch_all(names, counted, connections=20, until=monotonic() + 60, late=late):
        if answer is not None:
            seen += 1
            assert not isinstance(answer[1], RequestFailed)
            assert len(answer[1].body) == 256_000
            assert len(decompressed) <= seen + 6
    assert seen == 60
    wait_for_no_threads()
    assert not threads()


def test_reader_that_stops_leaves_no_thread_waiting() -> None:
    names = [NormalizedName(f"pea-{number}") for number in range(60)]
    answers = fetch_all(
        names, fetch, connections=20, until=monotonic() + 60, late=RequestFailed("late")
    )
    while next(iter(answers)) is None:
        pass
    answers.close()  # type: ignore[attr-defined]
    wait_for_no_threads()
    assert not threads()


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_place_is_kept_after_an_error_until_it_is_given_back(data: bytes) -> None:
    room = Room(1)

    def work() -> tuple[bytes, bool, bool]:
        with room.used_here():
            with pytest.raises(BrokenArchive):
                decompress_in_room(data[:-9], MAX_BYTES)
            body = decompress_in_room(data, MAX_BYTES)
            with pytest.raises(TooLarge):
                decompress_in_room(data, 100)
            return body, room.is_taken(), room.is_taken()

    with ThreadPoolExecutor(2) as pool:
        body, *taken = pool.submit(work).result(30)
        assert body == gzip.decompress(data)
        assert taken == [True, False]
        second: Future[tuple[bytes, bool, bool]] = pool.submit(work)
        with pytest.raises(TimeoutError):
            second.result(0.3)
        room.give_back()
        assert second.result(30)[0] == body
    room.close()


def test_thread_without_a_room_decompresses_itself() -> None:
    assert decompress_in_room(LARGE, MAX_BYTES) == gzip.decompress(LARGE)
