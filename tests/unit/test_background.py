"""A cancelled background job makes room for the next one."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from pkgwidgets.widgets.background import BackgroundJob, wait_for_all


def test_cancelled_job_is_followed_by_the_next(caplog: pytest.LogCaptureFixture) -> None:
    tasks, gate, done = BackgroundJob(), threading.Event(), []
    failed: list[str] = []

    def first() -> None:
        assert gate.wait(30)
        done.append("first")

    assert tasks.start(first, failed.append)
    assert not tasks.start(lambda: done.append("refused"), failed.append)
    tasks.cancel()
    assert tasks.start(lambda: done.append("dropped"), failed.append)
    assert tasks.start(lambda: done.append("second"), failed.append)
    gate.set()
    assert tasks.wait(30)
    assert (done, failed, tasks.is_cancelled()) == (["first", "second"], [], False)

    def broken() -> None:
        raise ValueError("a surprise")

    assert tasks.start(broken, failed.append)
    assert tasks.wait(30)
    assert "a surprise" in failed[0]
    assert "the panel's work failed" in caplog.text


def test_on_start_is_called_before_the_work_begins() -> None:
    job, order = BackgroundJob(), list[str]()
    for _ in range(50):
        assert job.start(lambda: order.append("work"), order.append, lambda: order.append("start"))
        assert job.wait(30)
    assert order == ["start", "work"] * 50


def test_on_start_is_not_called_for_refused_work() -> None:
    job, gate, order = BackgroundJob(), threading.Event(), list[str]()
    assert job.start(lambda: order.append(str(gate.wait(30))), order.append)
    assert not job.start(lambda: order.append("work"), order.append, lambda: order.append("start"))
    gate.set()
    assert job.wait(30)
    assert order == ["True"]


def test_work_in_turn_waits_for_the_running_work() -> None:
    job, gate, order = BackgroundJob(), threading.Event(), list[str]()
    assert job.start(lambda: order.append(str(gate.wait(30))), order.append)
    for number in "12":
        job.start_in_turn(
            partial(order.append, f"work {number}"),
            order.append,
            partial(order.append, f"start {number}"),
        )
    assert order == []
    gate.set()
    assert job.wait(30)
    assert order == ["True", "start 1", "work 1", "start 2", "work 2"]


def test_cancelling_drops_what_waits_and_work_in_turn_after_it_starts_at_once() -> None:
    job, gate, order = BackgroundJob(), threading.Event(), list[str]()
    assert job.start(lambda: order.append(str(gate.wait(30))), order.append)
    job.start_in_turn(lambda: order.append("dropped"), order.append)
    job.cancel()
    job.start_in_turn(lambda: order.append("work"), order.append, lambda: order.append("start"))
    assert order == ["start"]
    gate.set()
    assert job.wait(30)
    assert order == ["start", "True", "work"]


def test_all_work_together_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waited = [100.0], list[float | None]()
    monkeypatch.setattr("pkgwidgets.widgets.background.monotonic", lambda: now[0])

    class Slow:
        def wait(self, timeout: float | None = None) -> bool:
            waited.append(timeout)
            now[0] += 4
            return True

    assert wait_for_all([Slow(), Slow(), Slow()], 10)
    assert waited == [10, 6, 2]
    assert wait_for_all([Slow()], None)
    assert waited[-1] is None


def test_closed_job_starts_nothing() -> None:
    job, gate, done = BackgroundJob(), threading.Event(), list[str]()
    assert job.start(lambda: assert_set(gate), done.append)
    job.start_in_turn(lambda: done.append("waited"), done.append)
    job.close()
    assert not job.start(lambda: done.append("begun"), done.append)
    job.start_in_turn(lambda: done.append("in turn"), done.append)
    gate.set()
    assert job.wait(30)
    assert done == []


def assert_set(gate: threading.Event) -> None:
    assert gate.wait(30)
