"""The process that carries one plan out: `backends/applier.py` starts it, and gives the order.

All that is needed is imported before anything changes: the plan may replace it, pkgwidgets too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pkgwidgets.backends import asker, process
from pkgwidgets.backends.applier import Order
from pkgwidgets.backends.eventlog import EventLog
from pkgwidgets.connect import connect_as_ordered
from pkgwidgets.core.errors import ApplierFailed, Cancelled, PkgwidgetsError
from pkgwidgets.core.facts import to_facts
from pkgwidgets.core.transactions import Event
from pkgwidgets.core.words import redacted
from pkgwidgets.operations import steps


class Telling:
    """The report of a transaction: says that it has begun, writes events, notices a wish to end."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._log: EventLog | None = None
        self._stopped = False

    @property
    def has_begun(self) -> bool:
        """Whether the starter knows the transaction."""
        return self._log is not None

    def __call__(self, event: Event) -> None:
        """Tell an event; raises `Cancelled` if somebody wishes that it ends."""
        id = event.transaction or ""
        if self._log is None:
            self._log = EventLog(self._folder(id))
            _answer(begun=id)
        with suppress(OSError):  # on a full disk it goes on untold, and ends as it should
            self._log.write(event)
        if self._stopped or self._log.is_cancelled():
            raise Cancelled(id)

    def stop(self) -> None:
        """Wish that it ends: what a signal does."""
        self._stopped = True


def main() -> None:
    """Read the order from the standard input and carry it out."""
    process.go_alone()
    try:
        order = Order.from_text(sys.stdin.read())
    except (ValueError, KeyError, TypeError) as error:
        return _answer(failed=to_facts(ApplierFailed("", str(error))))
    backend = connect_as_ordered(order)
    told = Telling(backend.journal.folder)
    signal.signal(signal.SIGTERM, lambda *_: told.stop())
    try:
        steps.carry_out(backend, order.plan, told, by=f"{asker.user()} in a {order.asked_by}")
    except BaseException as error:
        # Once it has begun, the journal says what happened.
        if not told.has_begun:
            _answer(failed=to_facts(_typed(error)))


def _typed(error: BaseException) -> PkgwidgetsError:
    return (
        error
        if isinstance(error, PkgwidgetsError)
        else ApplierFailed("", redacted(repr(error))[:500])
    )


def _answer(**said: Any) -> None:
    """Say one thing to the starter, if it still listens, and nothing more."""
    with suppress(OSError):
        os.write(1, json.dumps(said).encode() + b"\n")
    process.hush()
