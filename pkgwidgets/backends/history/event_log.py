"""What a transaction tells while it runs, in its folder: for whoever follows it, and to cancel it.

Events are lines of JSON in `events`, what tools print is kept in `log`, and the wish to cancel is
a file, too: so any process can follow a transaction, and end it. Nothing here has to survive a
power cut: what happened is in the journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLogLimits:
    """What is kept of one transaction.

    Two lines that differ by a number alone are `repeat_seconds` apart. The events, and the log,
    take `max_bytes` each. An event carries `max_log_characters` of what a tool printed; the log
    has all.
    """

    repeat_seconds: float = 0.1
    max_bytes: int = 1 << 20
    max_log_characters: int = 4000


class EventLog:
    """The events, the log and the wish to cancel of one transaction."""

    def __init__(
        self,
        folder: Path,
        limits: EventLogLimits = EventLogLimits(),
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._events = folder / "events"
        self._log = folder / "log"
        self._cancel = folder / "cancel"
        self._last: Event | None = None
        self._written = float("-inf")

    def write(self, event: Event) -> None:
        """Tell an event, unless it tells nothing new or comes right after one much like it."""
        if event.log:
            self._append(self._log, event.log.rstrip("\n") + "\n")
        last, self._last = self._last, event
        soon = self._clock() - self._written < self._limits.repeat_seconds
        if last == event or (soon and not event.log and _alike(last, event)):
            return
        self._written = self._clock()
        brief = replace(event, log=event.log[-self._limits.max_log_characters :])
        self._append(self._events, json.dumps(EVENT.to_json(brief)) + "\n")

    def read(self, seen: int = 0) -> tuple[tuple[Event, ...], int]:
        """Return the events after the first `seen` bytes, and where the next ones begin."""
        try:
            with self._events.open("rb") as file:
                file.seek(seen)
                new = file.read(self._limits.max_bytes)
        except OSError:
            return (), seen
        whole = new[: new.rfind(b"\n") + 1]
        read = (_from_line(line, self._events.parent.name) for line in whole.splitlines())
        return tuple(event for event in read if event is not None), seen + len(whole)

    def cancel(self) -> None:
        """Wish that it ends."""
        self._cancel.touch()

    def is_cancelled(self) -> bool:
        """Tell whether somebody wishes that it ends."""
        return self._cancel.exists()

    def _append(self, file: Path, text: str) -> None:
        """Append text as long as there is room for it: who follows can do without the rest."""
        most = self._limits.max_bytes
        with file.open("ab", buffering=0) as opened:
            if opened.tell() < most:
                opened.write(text.encode("utf-8", "backslashreplace")[:most])


def _alike(last: Event | None, event: Event) -> bool:
    if last is None:
        return False
    return (last.stage, last.text, last.id) == (event.stage, event.text, event.id)


def _from_line(line: bytes, transaction: str) -> Event | None:
    """Read an event; what is none was damaged, and is left out."""
    try:
        return EVENT.from_json(json.loads(line), transaction=transaction)
    except (ValueError, RecursionError):
        return None
