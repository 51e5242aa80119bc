"""The events of a transaction and the request to cancel it, as files in its folder.

Events are lines of JSON in `events`, the output of tools is in `log`, and a request to cancel is
the file `cancel`. So any process can follow and cancel a transaction. Nothing here has to survive
a power cut: the journal is the durable record.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.events import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLogLimits:
    """Limits of the events and the log of one transaction.

    Two events that differ only in numbers are `repeat_seconds` apart. The events and the log take
    `max_bytes` each. An event has the last `max_log_characters` of a tool's output; the log has all
    of it.
    """

    repeat_seconds: float = 0.1
    max_bytes: int = 1 << 20
    max_log_characters: int = 4000


class EventLog:
    """The events, the log and the request to cancel of one transaction."""

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
        self._cancel_file = folder / "cancel"
        self._previous: Event | None = None
        self._written_at = float("-inf")

    def write(self, event: Event) -> None:
        """Append an event, unless it repeats the last one or soon follows it with other numbers."""
        if event.log:
            self._append(self._log, event.log.rstrip("\n") + "\n")
        previous, self._previous = self._previous, event
        is_soon = self._clock() - self._written_at < self._limits.repeat_seconds
        if previous == event or (is_soon and not event.log and _has_same_text(previous, event)):
            return
        self._written_at = self._clock()
        shortened = replace(event, log=event.log[-self._limits.max_log_characters :])
        self._append(self._events, json.dumps(EVENT.to_json(shortened)) + "\n")

    def read(self, seen: int = 0) -> tuple[tuple[Event, ...], int]:
        """Return the events after the first `seen` bytes, and the offset of the next ones."""
        try:
            with self._events.open("rb") as file:
                file.seek(seen)
                data = file.read(self._limits.max_bytes)
        except OSError:
            return (), seen
        complete = data[: data.rfind(b"\n") + 1]
        events = (_parse_line(line, self._events.parent.name) for line in complete.splitlines())
        return tuple(event for event in events if event is not None), seen + len(complete)

    def cancel(self) -> None:
        """Request to cancel the transaction."""
        with filesystem.opened(self._cancel_file):
            pass

    def is_cancelled(self) -> bool:
        """Return whether there is a request to cancel."""
        return self._cancel_file.exists()

    def _append(self, file: Path, text: str) -> None:
        """Append text until the file is full; readers can do without the rest."""
        max_bytes = self._limits.max_bytes
        with filesystem.opened(file) as opened:
            if os.fstat(opened.descriptor).st_size < max_bytes:
                data = text.encode("utf-8", "backslashreplace")[:max_bytes]
                filesystem.write(opened, data)


def _has_same_text(previous: Event | None, event: Event) -> bool:
    if previous is None:
        return False
    return (previous.stage, previous.text, previous.id) == (event.stage, event.text, event.id)


def _parse_line(line: bytes, transaction: str) -> Event | None:
    """Return the event of a line; None if the line is damaged."""
    try:
        return EVENT.from_json(json.loads(line), transaction=transaction)
    except (ValueError, RecursionError):
        return None
