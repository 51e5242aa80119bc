"""A progress bar for a call in a cell: none when it ends within half a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm.auto import tqdm

from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.model import Event, Stage
from pkgwidgets.core.words import says

_DELAY = 0.5
_STEPS = (Stage.FETCHING, Stage.CHECKING, Stage.SAVING, Stage.INSTALLING, Stage.VERIFYING)


@contextmanager
def reporting(report: Report | None) -> Iterator[Report]:
    """Give the caller's own report, or a bar that follows the events until the work has ended."""
    if report is not None:
        yield report
        return
    with tqdm(total=1.0, delay=_DELAY, leave=False, bar_format="{desc} {bar}") as bar:
        yield lambda event: _follow(bar, event)


def _follow(bar: tqdm[Any], event: Event) -> None:
    bar.set_description_str(says(event), refresh=False)
    fraction = _fraction(event)
    bar.update(0 if fraction is None else max(0.0, fraction - bar.n))


def _fraction(event: Event) -> float | None:
    if event.stage is Stage.ASKING and event.total:
        return (event.done or 0) / event.total
    return _STEPS.index(event.stage) / len(_STEPS) if event.stage in _STEPS else None
