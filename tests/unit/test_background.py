"""A cancelled background job makes room for the next one."""

from __future__ import annotations

import threading

import pytest

from pkgwidgets.widgets.background import BackgroundJob


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
