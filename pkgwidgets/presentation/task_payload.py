"""What the panel shows of a change while it is applied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

from pkgwidgets.core.events import Event, Stage, describe, time_so_far

_STAGES = {
    Stage.RESOLVING: "preparing",
    Stage.FETCHING: "fetching",
    Stage.CHECKING: "checking",
    Stage.SAVING: "saving",
    Stage.INSTALLING: "installing",
    Stage.VERIFYING: "verifying",
}
_MAX_LOG_LINES = 400
"""Lines of the log that are shown, at most; the history has all."""

_Payload = dict[str, Any]


class TaskProgress:
    """Collects the events of one change; `payload` is what the progress view shows.

    `seconds_so_far` is how long the change runs already.

    >>> progress = TaskProgress("Upgrading pandas")
    >>> progress.follow(Event(stage=Stage.INSTALLING, text="installing pandas 3.0.0"))
    True
    >>> progress.payload["stage"], progress.payload["text"], progress.payload["log"]
    ('installing', 'installing pandas 3.0.0…', ['installing pandas 3.0.0'])
    """

    def __init__(
        self,
        title: str,
        seconds_so_far: float = 0.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._clock = clock
        self._started = clock() - seconds_so_far
        stage: str = next(iter(_STAGES.values()))
        self.payload = _running_payload(title, stage, f"{stage}…", ())
        self._last_event: tuple[Stage | None, str, str] = (None, "", "")

    def follow(self, event: Event) -> bool:
        """Add an event; return whether it began a stage or added to the log."""
        payload = self.payload
        stage: str = _STAGES.get(event.stage) or payload["stage"]
        log = self._add_log(event)
        seconds = time_so_far(self._clock() - self._started)
        text = f"{_stage_text(event) or stage}…{seconds}"
        self.payload = _running_payload(payload["title"], stage, text, log)
        return stage != payload["stage"] or len(log) != len(payload["log"])

    def end(self, outcome: _Payload) -> _Payload:
        """Return what the view shows after the end; `outcome_payload.py` has outcomes."""
        return {**self.payload, "running": False, "cancellable": False, "outcome": outcome}

    def _add_log(self, event: Event) -> list[str]:
        """Return the log with the lines of an event, unless it repeats the last event."""
        lines_so_far: list[str] = self.payload["log"]
        previous, self._last_event = self._last_event, (event.stage, event.text, event.log)
        if previous == self._last_event:
            return lines_so_far
        lines = [f"    {line}" for line in event.log.splitlines()]
        if previous[:2] != self._last_event[:2] and [describe(event)] != lines_so_far[-1:]:
            lines.insert(0, describe(event))
        return [*lines_so_far, *lines][-_MAX_LOG_LINES:]


def _running_payload(title: str, stage: str, text: str, log: Sequence[str]) -> _Payload:
    stages = list(_STAGES.values())
    return {
        "title": title,
        "text": text,
        "fraction": stages.index(stage) / len(stages),
        "stages": stages,
        "stage": stage,
        "running": True,
        "cancellable": True,
        "log": list(log),
        "outcome": None,
    }


def _stage_text(event: Event) -> str:
    """Return the progress of an event as a text.

    The text of the first stage is the whole plan, which only the log has room for.
    """
    return _STAGES[event.stage] if event.stage is Stage.RESOLVING else describe(event)
