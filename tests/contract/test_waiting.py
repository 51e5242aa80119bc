"""A process waits for one more request, and another hands it over."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pkgwidgets.backends.processes import hand_over
from pkgwidgets.backends.processes.waiting import WaitingPlace

_SECONDS = 60.0


@contextmanager
def waiting(
    place: WaitingPlace,
    seconds: float = _SECONDS,
    is_wanted: Callable[[], bool] = lambda: True,
    answer: Callable[[str], str] = lambda text: f"{text}, indeed",
) -> Iterator[list[bool]]:
    """Wait in a thread during a block, and afterwards for its end; yield whether one came."""
    results: list[bool] = []
    thread = threading.Thread(
        target=lambda: results.append(place.answer_one(answer, seconds, is_wanted))
    )
    thread.start()
    try:
        yield results
    finally:
        thread.join(_SECONDS)
        assert not thread.is_alive()


def hand(command: list[str], text: str = "please") -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, input=text, capture_output=True, text=True, cwd="/")


def test_request_is_handed_over_and_the_answer_is_printed(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path / "w", "change")
    with waiting(place) as results:
        done = hand(place.command)
    assert (done.returncode, done.stdout, results) == (0, "please, indeed", [True])
    assert not [*(tmp_path / "w").iterdir()]


def test_long_request_and_answer_arrive_whole(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path, "change")
    with waiting(place, answer=lambda text: text * 2):
        done = hand(place.command, "é" * 1_000_000)
    assert done.stdout == "é" * 2_000_000


def test_folder_may_have_a_longer_path_than_a_socket_takes(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    place = WaitingPlace(folder, "change")
    with waiting(place):
        assert hand(place.command).stdout == "please, indeed"


def test_second_request_finds_nobody(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path, "change")
    with waiting(place):
        hand(place.command)
    done = hand(place.command)
    assert (done.returncode, done.stdout) == (hand_over.NOT_TAKEN, "")


def test_request_with_another_key_is_not_taken(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path, "change")
    with waiting(place) as results:
        done = hand([*place.command[:-1], "chang"])
        assert (done.returncode, done.stdout, results) == (hand_over.NOT_TAKEN, "", [])
        assert hand(place.command).returncode == 0


def test_wait_ends_by_itself_and_leaves_nothing(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path / "w", "change")
    with waiting(place, seconds=0.1) as results:
        pass
    assert results == [False]
    assert not [*(tmp_path / "w").iterdir()]
    assert hand(place.command).returncode == hand_over.NOT_TAKEN


def test_wait_ends_when_the_request_is_no_longer_wanted(tmp_path: Path) -> None:
    with waiting(WaitingPlace(tmp_path, "change"), is_wanted=lambda: False) as results:
        pass
    assert results == [False]


def test_sender_that_goes_before_it_sends_is_not_answered(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path, "change")
    with waiting(place) as results:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(tmp_path / hand_over.NAME))
            connection.sendall(b"change\n")
            assert connection.recv(1) == hand_over.TAKEN
        done = hand(place.command)
    assert (done.stdout, results) == ("please, indeed", [True])


def test_sender_that_goes_before_the_answer_changes_nothing(tmp_path: Path) -> None:
    place, heard = WaitingPlace(tmp_path, "change"), list[str]()

    def answer(text: str) -> str:
        heard.append(text)
        return "x" * 10_000_000

    with waiting(place, answer=answer) as results, socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(tmp_path / hand_over.NAME))
        connection.sendall(b"change\nplease")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == hand_over.TAKEN
    assert (heard, results) == (["please"], [True])


def test_process_that_ends_without_an_answer_is_a_failure(tmp_path: Path) -> None:
    """A killed process closes its connection like one that answers nothing."""
    place = WaitingPlace(tmp_path, "change")
    with waiting(place, answer=lambda text: ""):
        done = hand(place.command)
    assert (done.returncode, done.stdout) == (1, "")


def test_killed_process_leaves_a_place_that_the_next_takes_over(tmp_path: Path) -> None:
    killed = WaitingPlace(tmp_path, "change")
    place = WaitingPlace(tmp_path, "change")
    with waiting(place):
        assert hand(place.command).returncode == 0
    killed.close()


def test_end_of_an_earlier_wait_leaves_the_place_of_a_later_one(tmp_path: Path) -> None:
    earlier = WaitingPlace(tmp_path, "earlier")
    place = WaitingPlace(tmp_path, "change")
    earlier.close()
    with waiting(place):
        assert hand(place.command).returncode == 0


def test_only_its_user_may_connect(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path, "change")
    assert (tmp_path / hand_over.NAME).stat().st_mode & 0o077 == 0
    place.close()


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="directory"):
        WaitingPlace(tmp_path / "file" / "w", "change")


def test_user_at_the_other_end_is_known() -> None:
    """A request may hold credentials: it goes to no process of another user."""
    one, other = socket.socketpair()
    with one, other:
        assert hand_over._user_of(one) == os.geteuid()


def test_second_close_leaves_the_place_of_a_later_one(tmp_path: Path) -> None:
    earlier = WaitingPlace(tmp_path, "earlier")
    earlier.close()
    place = WaitingPlace(tmp_path, "change")
    earlier.close()
    with waiting(place):
        assert hand(place.command).returncode == 0


def test_sender_that_says_nothing_holds_no_other_up(tmp_path: Path) -> None:
    place = WaitingPlace(tmp_path / "w", "change")
    with waiting(place), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(tmp_path / "w" / hand_over.NAME))
        assert hand(place.command).returncode == 0
