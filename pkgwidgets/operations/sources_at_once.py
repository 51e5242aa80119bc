"""Ask several sources of advisories at once, so that slow ones do not add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue
from threading import Event as Signal
from threading import Thread

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.advisory_sources import AdvisoryResult, AdvisorySource
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Report

_MAX_AT_ONCE = 8
"""Sources that are asked at once; each has connections of its own."""
_TICK_SECONDS = 0.1
"""Seconds between two reports while no source reports, so that the caller can cancel."""

Answers = Mapping[NormalizedName, AdvisoryResult]
_Projects = Mapping[NormalizedName, Version | None]


def ask_at_once(
    sources: Sequence[AdvisorySource], projects: _Projects, report: Report
) -> list[Answers]:
    """Return the answers of each source, in the order of the sources.

    What a source raises is raised; of several, that of the first source. `report` is called in this
    thread only. If it raises, the sources are given up. Counts in events are sums over all sources.
    """
    if len(sources) < 2:
        return [source.advisories_of(projects, report) for source in sources]
    asked = _Asked(sources, projects)
    try:
        asked.start()
        return [asked.answers_of(index, report) for index in range(len(sources))]
    finally:
        asked.given_up.set()


class _GivenUp(Exception):
    """The caller no longer waits; it ends the thread of a source."""


class _Asked:
    """Sources that daemon threads ask, so that no process waits for them at its end."""

    def __init__(self, sources: Sequence[AdvisorySource], projects: _Projects) -> None:
        self._sources, self._projects = sources, projects
        self._pending = SimpleQueue[int]()
        self._news = SimpleQueue[tuple[int, Event | Answers | BaseException]]()
        self._ended: dict[int, Answers | BaseException] = {}
        self._counts: dict[int, tuple[int, int]] = {}
        self._last_event = Event(stage=Stage.ASKING)
        self.given_up = Signal()
        for index in range(len(sources)):
            self._pending.put(index)

    def start(self) -> None:
        """Start the threads; each asks one source after another."""
        for _ in range(min(_MAX_AT_ONCE, len(self._sources))):
            Thread(target=self._work, name="pkgwidgets-advisories", daemon=True).start()

    def _work(self) -> None:
        while not self.given_up.is_set():
            try:
                index = self._pending.get_nowait()
            except Empty:
                return
            try:
                news = self._sources[index].advisories_of(self._projects, self._report_of(index))
            except BaseException as error:  # the caller's thread raises it
                self._news.put((index, error))
            else:
                self._news.put((index, news))

    def _report_of(self, index: int) -> Report:
        def report(event: Event) -> None:
            if self.given_up.is_set():
                raise _GivenUp
            self._news.put((index, event))

        return report

    def answers_of(self, index: int, report: Report) -> Answers:
        """Wait for one source, and report what all of them report meanwhile."""
        while index not in self._ended:
            try:
                reporter, news = self._news.get(timeout=_TICK_SECONDS)
            except Empty:
                report(self._last_event)
                continue
            if isinstance(news, Event):
                self._last_event = self._with_sums(reporter, news)
                report(self._last_event)
            else:
                self._ended[reporter] = news
        answers = self._ended[index]
        if isinstance(answers, BaseException):
            raise answers
        return answers

    def _with_sums(self, index: int, event: Event) -> Event:
        if event.total is None:
            return event
        self._counts[index] = event.done or 0, event.total
        done, total = map(sum, zip(*self._counts.values(), strict=True))
        return replace(event, done=done, total=total)
