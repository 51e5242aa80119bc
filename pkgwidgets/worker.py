"""The worker process: reads an apply request and applies the plan.

`backends/worker/launcher.py` starts it.

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

from pkgwidgets.backends.history.event_log import EventLog
from pkgwidgets.backends.processes import process
from pkgwidgets.backends.worker import initiator
from pkgwidgets.backends.worker.launcher import ApplyRequest
from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import ApplierFailed, Cancelled, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.redaction import redact
from pkgwidgets.operations import apply

from .connect import connect_for_request


class EventReporter:
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
            _reply(begun=id)
        with suppress(OSError):  # on a full disk it goes on untold, and ends as it should
            self._log.write(event)
        if self._stopped or self._log.is_cancelled():
            raise Cancelled(id)

    def stop(self) -> None:
        """Wish that it ends: what a signal does."""
        self._stopped = True


def main() -> None:
    """Read the order from the standard input and carry it out."""
    process.daemonize()
    try:
        order = ApplyRequest.from_text(sys.stdin.read())
    except (ValueError, KeyError, TypeError) as error:
        return _reply(failed=error_to_json(ApplierFailed("", str(error))))
    backend = connect_for_request(order)
    told = EventReporter(backend.journal.folder)
    signal.signal(signal.SIGTERM, lambda *_: told.stop())
    try:
        apply.apply_plan(backend, order.plan, told, by=f"{initiator.user()} in a {order.asked_by}")
    except BaseException as error:
        # Once it has begun, the journal says what happened.
        if not told.has_begun:
            _reply(failed=error_to_json(_as_pkgwidgets_error(error)))


def _as_pkgwidgets_error(error: BaseException) -> PkgwidgetsError:
    return (
        error
        if isinstance(error, PkgwidgetsError)
        else ApplierFailed("", redact(repr(error))[:500])
    )


def _reply(**said: Any) -> None:
    """Say one thing to the starter, if it still listens, and nothing more."""
    with suppress(OSError):
        os.write(1, json.dumps(said).encode() + b"\n")
    process.close_stdio()
