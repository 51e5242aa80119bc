"""Several sources of advisories are asked at once; the answer is that of one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Barrier, Event, Lock, current_thread

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import events
from pkgwidgets.core.advisories import Advisory
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisoryResult
from pkgwidgets.core.errors import AdvisoriesUnavailable
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.operations.known_advisories import KnownAdvisories, ask_sources

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PEA = NormalizedName("pea")
PROJECTS: Mapping[NormalizedName, Version | None] = {PEA: Version("1.0")}
PATIENCE = 30.0
"""Seconds after which a test that waits for another thread fails."""


@dataclass
class Source:
    """Answers with one advisory, its address, after `act`; or with what `act` returns."""

    address: str
    act: Callable[[Report], AdvisoryResult | None] = lambda report: None
    knows_projects = True

    def state(self) -> str:
        return ""

    def advisories_of(
        self, projects: Mapping[NormalizedName, Version | None], report: Report = no_report
    ) -> Mapping[NormalizedName, AdvisoryResult]:
        result = self.act(report)
        advisory = Advisory(id=self.address, links=(f"https://{self.address}",))
        answer = AdvisoryAnswer(advisories=(advisory,), as_of=NOW)
        return dict.fromkeys(projects, answer if result is None else result)


def asked(*sources: Source, report: Report = no_report) -> KnownAdvisories:
    return ask_sources(sources, PROJECTS, NOW, report)[PEA]


def test_sources_are_asked_at_once() -> None:
    meeting = Barrier(3, timeout=PATIENCE)

    def meet(report: Report) -> None:
        meeting.wait()

    assert asked(*(Source(name, meet) for name in "abc")).sources == ("a", "b", "c")


def test_order_is_that_of_the_sources_whichever_ends_first() -> None:
    last_ended = Event()

    def wait(report: Report) -> None:
        assert last_ended.wait(PATIENCE)

    def end(report: Report) -> None:
        last_ended.set()

    known = asked(Source("b", wait), Source("a", end))
    assert known == asked(Source("b"), Source("a"))
    assert known.sources == ("b", "a")


def test_failed_source_is_named_and_the_others_answer() -> None:
    dead = AdvisoriesUnavailable("b", "it does not answer")
    known = asked(Source("a"), Source("b", lambda report: dead), Source("c"))
    assert known.sources == ("a", "c")
    assert known.failures == (dead.clause(),)


def test_what_a_source_raises_is_raised_that_of_the_first_one() -> None:
    second_raised = Event()

    def raise_late(report: Report) -> None:
        assert second_raised.wait(PATIENCE)
        raise ValueError("first")

    def raise_soon(report: Report) -> None:
        second_raised.set()
        raise KeyError("second")

    with pytest.raises(ValueError, match="first"):
        asked(Source("a", raise_late), Source("b", raise_soon))


def test_no_more_than_eight_sources_are_asked_at_once() -> None:
    lock, full = Lock(), Barrier(8, timeout=PATIENCE)
    running, most = 0, 0

    def act(report: Report) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        full.wait()  # eight are here, and no ninth one comes
        with lock:
            running -= 1

    asked(*(Source(f"s{number}", act) for number in range(16)))
    assert most == 8


def test_reports_come_in_the_callers_thread_with_sums() -> None:
    seen: list[tuple[str, int | None, int | None]] = []
    first_done = Event()

    def count_first(report: Report) -> None:
        report(events.Event(stage=events.Stage.ASKING, done=2, total=3))
        first_done.set()

    def count_second(report: Report) -> None:
        assert first_done.wait(PATIENCE)
        report(events.Event(stage=events.Stage.ASKING, text="asking b"))
        report(events.Event(stage=events.Stage.ASKING, done=1, total=7))

    def note(event: events.Event) -> None:
        seen.append((current_thread().name, event.done, event.total))

    asked(Source("a", count_first), Source("b", count_second), report=note)
    here = current_thread().name
    # While nothing arrives, the last event is repeated.
    assert list(dict.fromkeys(seen)) == [(here, 2, 3), (here, None, None), (here, 3, 10)]


class Left(Exception):
    """The caller cancels."""


def test_cancelling_waits_for_no_source_and_ends_those_that_report() -> None:
    goes_on, ended = Event(), Event()

    def hang(report: Report) -> None:
        assert goes_on.wait(PATIENCE)
        try:
            report(events.Event(stage=events.Stage.ASKING))
        finally:
            ended.set()

    def begin(report: Report) -> None:
        report(events.Event(stage=events.Stage.ASKING, text="asking"))

    reports = []

    def cancel_second(event: events.Event) -> None:
        reports.append(event)
        if len(reports) == 2:  # the repeated event of a source that has ended
            raise Left

    with pytest.raises(Left):
        asked(Source("a", hang), Source("b", begin), report=cancel_second)
    assert not ended.is_set()
    goes_on.set()
    assert ended.wait(PATIENCE)
    assert len(reports) == 2


def test_caller_can_cancel_before_a_source_reports() -> None:
    goes_on = Event()

    def hang(report: Report) -> None:
        assert goes_on.wait(PATIENCE)

    def cancel(event: events.Event) -> None:
        raise Left

    with pytest.raises(Left):
        asked(Source("a", hang), Source("b", hang), report=cancel)
    goes_on.set()
