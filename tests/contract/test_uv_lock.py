"""uv's own lock of an environment: waiting for it is reported, and comes before any change."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from pkgwidgets.backends.installer.uv_lock import hold_uv_lock
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import Cancelled, StalePlan
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.demo import Demo
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_upgrade

WAITING = "waiting for uv, which changes this environment"


@contextmanager
def other_uv(prefix: Path, seconds: float = 30.0) -> Iterator[None]:
    """Hold uv's lock, as another process of uv does, for so many seconds."""
    with (prefix / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        timer = Timer(seconds, fcntl.flock, (file, fcntl.LOCK_UN))
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    (tmp_path / "pyvenv.cfg").touch()
    return tmp_path


def test_wait_for_uv_is_reported_and_ends(prefix: Path) -> None:
    events = list[Event]()
    with other_uv(prefix, 0.2), hold_uv_lock(prefix, Stage.SAVING, events.append):
        assert len(events) > 1
    assert {(event.stage, event.text) for event in events} == {(Stage.SAVING, WAITING)}


def test_free_lock_is_taken_without_a_report(prefix: Path) -> None:
    events = list[Event]()
    with (
        hold_uv_lock(prefix, Stage.SAVING, events.append),
        (prefix / ".lock").open() as file,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (prefix / ".lock").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert events == []


def test_wait_for_uv_can_be_cancelled(prefix: Path) -> None:
    def cancel(event: Event) -> None:
        raise Cancelled("")

    with other_uv(prefix), pytest.raises(Cancelled), hold_uv_lock(prefix, Stage.SAVING, cancel):
        pass


def test_environment_that_is_not_virtual_has_no_lock(tmp_path: Path) -> None:
    with hold_uv_lock(tmp_path, Stage.SAVING, lambda event: None):
        assert not (tmp_path / ".lock").exists()


def test_lock_that_cannot_be_opened_stops_nothing(prefix: Path) -> None:
    (prefix / ".lock").mkdir()
    with hold_uv_lock(prefix, Stage.SAVING, lambda event: None):
        pass


@pytest.mark.slow
def test_change_waits_for_uv_before_anything_is_saved(garden: Demo) -> None:
    backend = connect(garden.python, garden.index_url)
    plan = plan_upgrade(backend, "seedshelf")
    steps = list[tuple[str, tuple[str, ...]]]()

    def report(event: Event) -> None:
        steps.append((event.text, backend.journal.steps(event.transaction or "")))

    with other_uv(garden.folder / "env", 3.0):
        apply.apply_plan(backend, plan, report)
    waited = [reached for text, reached in steps if text == WAITING]
    assert len(waited) > 3
    assert {reached[-1] for reached in waited} == {"STAGED"}


@pytest.mark.slow
def test_change_that_uv_made_meanwhile_makes_the_plan_stale(garden: Demo) -> None:
    backend = connect(garden.python, garden.index_url)
    plan = plan_upgrade(backend, "seedshelf")

    def change_on_wait(event: Event) -> None:
        if event.text == WAITING:
            (garden.site_packages / "seedshelf-1.4.1.dist-info/RECORD").write_text("")

    with other_uv(garden.folder / "env", 2.0), pytest.raises(StalePlan):
        apply.apply_plan(backend, plan, change_on_wait)


@pytest.mark.slow
def test_plan_waits_for_uv_and_reports_it(garden: Demo) -> None:
    backend = connect(garden.python, garden.index_url)
    events = list[Event]()
    with other_uv(garden.folder / "env", 1.0):
        plan_upgrade(backend, "seedshelf", report=events.append)
    assert (Stage.RESOLVING, WAITING) in {(event.stage, event.text) for event in events}
