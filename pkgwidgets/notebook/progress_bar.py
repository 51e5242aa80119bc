"""A progress bar for a call in a cell, shown after half a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from pkgwidgets.core.events import Event, Stage, describe
from pkgwidgets.core.interfaces import Report

if TYPE_CHECKING:
    from tqdm import tqdm

_DELAY_SECONDS = 0.5
_APPLY_STAGES = (Stage.FETCHING, Stage.CHECKING, Stage.SAVING, Stage.INSTALLING, Stage.VERIFYING)


def _tqdm(**options: Any) -> tqdm[Any]:
    from tqdm.auto import tqdm  # late: in a notebook it loads the widgets, and most calls are quick

    return tqdm(**options)


@contextmanager
def reporting(
    report: Report | None,
    *,
    make_bar: Callable[..., tqdm[Any]] = _tqdm,
    clock: Callable[[], float] = monotonic,
) -> Iterator[Report]:
    """Yield the caller's report, or one that shows the events in a bar until the block ends."""
    if report is not None:
        yield report
        return
    bar = _Bar(make_bar, clock)
    try:
        yield bar.follow
    finally:
        bar.close()


class _Bar:
    """A bar that is created only when it is shown: in a notebook it is eleven widgets."""

    def __init__(self, make_bar: Callable[..., tqdm[Any]], clock: Callable[[], float]) -> None:
        self._make_bar = make_bar
        self._clock = clock
        self._started = clock()
        self._bar: tqdm[Any] | None = None

    def follow(self, event: Event) -> None:
        seconds = self._clock() - self._started
        if self._bar is None:
            if seconds < _DELAY_SECONDS:
                return
            self._bar = self._make_bar(total=1.0, leave=False, bar_format="{desc} {bar}")
        self._bar.set_description_str(describe(event, seconds), refresh=False)
        fraction = _fraction(event)
        self._bar.update(0 if fraction is None else max(0.0, fraction - self._bar.n))

    def close(self) -> None:
        if self._bar is not None:
            self._bar.n = self._bar.total or 0  # an incomplete bar would stay, in red
            self._bar.close()


def _fraction(event: Event) -> float | None:
    if event.stage is Stage.ASKING and event.total:
        return (event.done or 0) / event.total
    return (
        _APPLY_STAGES.index(event.stage) / len(_APPLY_STAGES)
        if event.stage in _APPLY_STAGES
        else None
    )
