"""The worker process: reads an apply request and applies the plan.

`backends/worker/launcher.py` starts it.

Everything needed is imported before anything changes: the plan may replace it, pkgwidgets too.
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
from pkgwidgets.core.errors import Cancelled, PkgwidgetsError, WorkerFailed
from pkgwidgets.core.events import Event
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.transactions import requester_text
from pkgwidgets.operations import apply

from .connect import connect_for_request


class EventReporter:
    """The report of a transaction: announces its begin, writes events, notices a cancellation."""

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._log: EventLog | None = None
        self._stopped = False

    @property
    def has_begun(self) -> bool:
        """Whether the starter got the id of the transaction."""
        return self._log is not None

    def __call__(self, event: Event) -> None:
        """Write an event to the log; raise `Cancelled` if the transaction is to end."""
        transaction_id = event.transaction or ""
        if self._log is None:
            self._log = EventLog(self._folder(transaction_id))
            _reply(begun=transaction_id)
        with suppress(OSError):  # on a full disk the transaction goes on without a log
            self._log.write(event)
        if self._stopped or self._log.is_cancelled():
            raise Cancelled(transaction_id)

    def stop(self) -> None:
        """Make the next event raise `Cancelled`; a signal calls this."""
        self._stopped = True


def main() -> None:
    """Read a request from the standard input and apply its plan."""
    process.daemonize()
    try:
        request = ApplyRequest.from_text(sys.stdin.read())
    except (ValueError, KeyError, TypeError) as error:
        return _reply(failed=error_to_json(WorkerFailed("", str(error))))
    backend = connect_for_request(request)
    report = EventReporter(backend.journal.folder)
    signal.signal(signal.SIGTERM, lambda *_: report.stop())
    requested_by = request.requested_by or initiator.requester()
    try:
        apply.apply_plan(
            backend, request.plan, report, by=requester_text(requested_by, request.asked_by)
        )
    except BaseException as error:
        # Once the transaction has begun, the journal records the error.
        if not report.has_begun:
            _reply(failed=error_to_json(_as_pkgwidgets_error(error)))


def _as_pkgwidgets_error(error: BaseException) -> PkgwidgetsError:
    return (
        error if isinstance(error, PkgwidgetsError) else WorkerFailed("", redact(repr(error))[:500])
    )


def _reply(**message: Any) -> None:
    """Send one message to the starter, if it still listens, and close the pipe."""
    with suppress(OSError):
        os.write(1, json.dumps(message).encode() + b"\n")
    process.close_stdio()
