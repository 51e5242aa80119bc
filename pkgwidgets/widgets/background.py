"""Run work in a thread of its own, so that other cells keep running.

A thread and not a task of the kernel's loop, because a running cell blocks the loop. Widgets may
send from the thread. Two pieces of work must not run at once where one could undo the other.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import Protocol

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.redaction import redact
from pkgwidgets.presentation.hints import Face, render

from .shiny_session import with_session

Work = Callable[[], None]
OnFailure = Callable[[str], None]
OnStart = Callable[[], None]

_log = logging.getLogger(__name__)


class BackgroundJob:
    """Runs one piece of work at a time. Its methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._cancelled = threading.Event()
        self._waiting = deque[tuple[Work, OnFailure]]()
        self._is_closed = False

    @property
    def is_busy(self) -> bool:
        """Whether work is running."""
        return not self._idle.is_set()

    def start(self, work: Work, on_failure: OnFailure, on_start: OnStart = lambda: None) -> bool:
        """Start `work` and return True, or return False if other work is running.

        If the running work is cancelled, return True; `work` starts as soon as that work has ended.
        `on_failure` gets the sentence of an exception; unexpected exceptions are logged too.
        `on_start` is called before `work` can begin, so that quick work cannot end before it.
        """
        with self._lock:
            if self._is_closed or (self.is_busy and not self._cancelled.is_set()):
                return False
            on_start()
            self._waiting.clear()
            self._begin(work, on_failure)
        return True

    def start_in_turn(
        self, work: Work, on_failure: OnFailure, on_start: OnStart = lambda: None
    ) -> None:
        """Start `work`, after the running work if there is any: for a click, which must count.

        `on_start` is called when its turn comes; after cancelled work, at once.
        """
        with self._lock:
            if self._is_closed:
                return
            if self.is_busy and not self._cancelled.is_set():
                self._waiting.append((partial(_run_both, on_start, work), on_failure))
                return
            on_start()
            self._begin(work, on_failure)

    def cancel(self) -> None:
        """Ask the running work to end at its next event, and drop the work that waits for it."""
        with self._lock:
            self._waiting.clear()
            self._cancelled.set()

    def close(self) -> None:
        """Cancel, and start nothing from now on."""
        with self._lock:
            self._is_closed = True
        self.cancel()

    def is_cancelled(self) -> bool:
        """Return whether the running work was asked to end."""
        return self._cancelled.is_set()

    def raise_if_cancelled(self, event: Event) -> None:
        """Raise `Cancelled` if the running work was asked to end; for use in a `Report`."""
        if self._cancelled.is_set():
            raise Cancelled(event.transaction or "")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no work is running; return False if `timeout` seconds passed."""
        return self._idle.wait(timeout)

    def _begin(self, work: Work, on_failure: OnFailure) -> None:
        """Run work in a thread, or let it wait for the cancelled work that is ending."""
        if self.is_busy:
            self._waiting.append((work, on_failure))
            return
        self._idle.clear()
        self._cancelled.clear()
        run = with_session(partial(self._run, work, on_failure))
        threading.Thread(target=run, name="pkgwidgets-panel", daemon=True).start()

    def _run(self, work: Work, on_failure: OnFailure) -> None:
        job: tuple[Work, OnFailure] | None = (work, on_failure)
        while job is not None:
            run_safely(*job)
            with self._lock:
                job = self._waiting.popleft() if self._waiting else None
                self._cancelled.clear()
                if job is None:
                    self._idle.set()


class Waitable(Protocol):
    """Work that can be waited for, such as a `BackgroundJob` or an event."""

    def wait(self, timeout: float | None = None) -> bool:
        """Return False if `timeout` seconds passed before the work ended."""
        ...


def wait_for_all(work: Iterable[Waitable], timeout: float | None) -> bool:
    """Wait for all; return False if `timeout` seconds passed before all had ended."""
    if timeout is None:
        return all(one.wait() for one in work)
    deadline = monotonic() + timeout
    return all(one.wait(max(0.0, deadline - monotonic())) for one in work)


def _run_both(first: Callable[[], None], second: Callable[[], None]) -> None:
    first()
    second()


def run_safely(work: Work, on_failure: OnFailure) -> None:
    """Run `work`; pass the sentence of any exception to `on_failure`."""
    try:
        work()
    except PkgwidgetsError as error:
        on_failure(render(error, Face.PANEL))
    except Exception as error:  # nothing above this thread would report it
        _log.error("the panel's work failed\n%s", redact(traceback.format_exc()))
        on_failure(f"Unexpected error: {redact(repr(error))}. The kernel's log has more.")
