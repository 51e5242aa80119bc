"""Work in a loop of its own: reports in the caller's thread, interrupts, errors."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pkgwidgets.cluster import runner
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report, no_report

EVENT = Event(stage=Stage.CHECKING)


def test_events_are_reported_in_the_thread_of_the_caller() -> None:
    threads: list[threading.Thread] = []

    async def main(report: Report) -> str:
        report(EVENT)
        await asyncio.sleep(0.2)
        for _ in range(3):
            report(EVENT)
        return "done"

    assert runner.run(main, lambda event: threads.append(threading.current_thread())) == "done"
    assert threads == [threading.current_thread()] * 4


def test_error_is_raised() -> None:
    async def main(report: Report) -> None:
        raise Cancelled("of the work")

    with pytest.raises(Cancelled):
        runner.run(main, no_report, stop=lambda: None)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("")])
def test_interrupt_stops_work_and_waits_for_its_end(error: BaseException) -> None:
    stopped = asyncio.Event()
    ended: list[bool] = []

    async def main(report: Report) -> str:
        report(EVENT)
        await asyncio.wait_for(stopped.wait(), 30)
        await asyncio.sleep(0.1)
        ended.append(True)
        return "undone"

    def interrupt(event: Event) -> None:
        raise error

    assert runner.run(main, interrupt, stop=stopped.set) == "undone"
    assert ended == [True]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Cancelled("")])
def test_interrupt_cancels_work_without_a_stop(error: BaseException) -> None:
    was_cancelled: list[bool] = []

    async def main(report: Report) -> None:
        report(EVENT)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            was_cancelled.append(True)
            raise

    def interrupt(event: Event) -> None:
        raise error

    with pytest.raises(type(error)):
        runner.run(main, interrupt)
    assert was_cancelled == [True]
