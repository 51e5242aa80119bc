"""The watcher reports changes from outside while the panel is displayed, and else rests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from pkgwidgets.notebook.change_token import ChangeToken
from pkgwidgets.widgets.environment_watcher import EnvironmentWatcher


class Place:
    """A change token that a test changes, and a record of the watcher's calls."""

    def __init__(self) -> None:
        self.token, self.look_count, self.changes, self.taken = "one", 0, 0, True
        self.noticed = threading.Event()

    def look(self) -> str:
        self.look_count += 1
        return self.token

    def changed(self) -> bool:
        self.changes += 1
        self.noticed.set()
        return self.taken


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture
def watching(place: Place) -> Iterator[EnvironmentWatcher]:
    made = EnvironmentWatcher(place.look, place.changed, poll_seconds=0.02)
    yield made
    made.stop()
    assert not made.is_running


def eventually(met: threading.Event) -> None:
    assert met.wait(10)


def ended(watching: EnvironmentWatcher) -> None:
    until = monotonic() + 10
    while watching.is_running and monotonic() < until:
        sleep(0.01)
    assert not watching.is_running


def test_watcher_does_nothing_before_the_first_view(
    watching: EnvironmentWatcher, place: Place
) -> None:
    place.token = "two"
    sleep(0.1)
    assert (place.look_count, place.changes, watching.is_running) == (1, 0, False)


def test_change_is_reported_once(watching: EnvironmentWatcher, place: Place) -> None:
    watching.add_view("a")
    place.token = "two"
    eventually(place.noticed)
    sleep(0.2)
    assert place.changes == 1


def test_change_before_the_first_view_is_reported(
    watching: EnvironmentWatcher, place: Place
) -> None:
    place.token = "two"
    watching.add_view("a")
    eventually(place.noticed)


def test_change_that_was_not_handled_is_reported_again(
    watching: EnvironmentWatcher, place: Place
) -> None:
    place.taken = False
    watching.add_view("a")
    place.token = "two"
    until = monotonic() + 10
    while place.changes < 3 and monotonic() < until:
        sleep(0.01)
    assert place.changes >= 3


def test_watcher_stops_with_the_last_view_and_restarts(
    watching: EnvironmentWatcher, place: Place
) -> None:
    watching.add_view("a")
    watching.add_view("b")
    watching.remove_view("a")
    sleep(0.1)
    assert watching.is_running
    watching.remove_view("b")
    ended(watching)
    look_count = place.look_count
    sleep(0.1)
    assert place.look_count == look_count
    watching.add_view("c")
    place.token = "two"
    eventually(place.noticed)


def test_watcher_stops_after_a_time_limit(place: Place) -> None:
    made = EnvironmentWatcher(place.look, place.changed, poll_seconds=0.02, max_silent_seconds=0.1)
    made.add_view("a")
    ended(made)


# --- change tokens


def test_change_token_covers_a_missing_folder(tmp_path: Path) -> None:
    folder, other = tmp_path / "site-packages", tmp_path / "lock"
    change_token = ChangeToken([folder], [other])
    before = change_token.now()
    (folder / "pea-1.0.dist-info").mkdir(parents=True)
    between = change_token.now()
    other.touch()
    assert len({before, between, change_token.now()}) == 3
