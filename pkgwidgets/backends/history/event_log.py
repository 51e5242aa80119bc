"""What a transaction tells while it runs, in its folder: for whoever follows it, and to cancel it.

Events are lines of JSON in `events`, what tools print is kept in `log`, and the wish to cancel is
a file, too: so any process can follow a transaction, and end it. Nothing here has to survive a
power cut: what happened is in the journal.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from time import monotonic

from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.events import Event

_REPEAT_SECONDS = 0.1
"""Seconds between two lines that tell the same but for a number."""
_MAX_BYTES = 1 << 20
"""Bytes of events, and of a log, that are kept of one transaction."""
_MAX_LOG = 4000
"""Characters of what a tool printed that an event carries; the log has all."""


class EventLog:
    """The events, the log and the wish to cancel of one transaction."""

    def __init__(self, folder: Path) -> None:
        self._events = folder / "events"
        self._log = folder / "log"
        self._cancel = folder / "cancel"
        self._last: Event | None = None
        self._written = float("-inf")

    def write(self, event: Event) -> None:
        """Tell an event, unless it tells nothing new or comes right after one much like it."""
        if event.log:
            _append(self._log, event.log.rstrip("\n") + "\n")
        last, self._last = self._last, event
        soon = monotonic() - self._written < _REPEAT_SECONDS
        if last == event or (soon and not event.log and _alike(last, event)):
            return
        self._written = monotonic()
        brief = replace(event, log=event.log[-_MAX_LOG:])
        _append(self._events, json.dumps(EVENT.to_json(brief)) + "\n")

    def read(self, seen: int = 0) -> tuple[tuple[Event, ...], int]:
        """Return the events after the first `seen` bytes, and where the next ones begin."""
        try:
            with self._events.open("rb") as file:
                file.seek(seen)
                new = file.read(_MAX_BYTES)
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


def _append(file: Path, text: str) -> None:
    """Append text as long as there is room for it: who follows can do without the rest."""
    with file.open("ab", buffering=0) as opened:
        if opened.tell() < _MAX_BYTES:
            opened.write(text.encode("utf-8", "backslashreplace")[:_MAX_BYTES])


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
