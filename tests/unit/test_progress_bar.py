"""The progress bar of a call in a cell: none for quick work, and closed at the end."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest

from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report
from pkgwidgets.notebook import progress_bar

ASKED = Event(stage=Stage.ASKING, done=1, total=4)


class Bar:
    """Records what the bar shows."""

    made: list[Bar] = []  # noqa: RUF012 - emptied for each test

    def __init__(self, *, total: float, **options: Any) -> None:
        self.total, self.n, self.descriptions = total, 0.0, list[str]()
        self.closed_at: float | None = None
        self.made.append(self)

    def set_description_str(self, text: str, refresh: bool) -> None:
        self.descriptions.append(text)

    def update(self, more: float) -> None:
        self.n += more

    def close(self) -> None:
        self.closed_at = self.n


@pytest.fixture
def now() -> list[float]:
    """The current time, in a list of one element."""
    Bar.made.clear()
    return [100.0]


def reporting(report: Report | None, now: list[float]) -> AbstractContextManager[Report]:
    make: Any = Bar
    return progress_bar.reporting(report, make_bar=make, clock=lambda: now[0])


def test_work_under_half_a_second_shows_no_bar(now: list[float]) -> None:
    with reporting(None, now) as report:
        now[0] += 0.4
        report(ASKED)
    assert Bar.made == []


def test_bar_follows_the_events_and_is_full_at_the_end(now: list[float]) -> None:
    with reporting(None, now) as report:
        now[0] += 0.6
        report(ASKED)
        (bar,) = Bar.made
        assert bar.n == 0.25
        report(Event(stage=Stage.ASKING, done=2, total=4))
        assert bar.n == 0.5
        assert len(bar.descriptions) == 2
    assert bar.closed_at == bar.total


def test_bar_is_closed_after_an_exception(now: list[float]) -> None:
    def fail() -> None:
        with reporting(None, now) as report:
            now[0] += 0.6
            report(ASKED)
            raise ValueError("over")

    with pytest.raises(ValueError, match="over"):
        fail()
    assert Bar.made[0].closed_at == 1.0


def test_no_bar_is_shown_if_a_reporter_is_given(now: list[float]) -> None:
    events: list[Event] = []
    with reporting(events.append, now) as report:
        now[0] += 9
        report(ASKED)
    assert (events, Bar.made) == ([ASKED], [])
