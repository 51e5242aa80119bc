"""Work in a thread of its own, so that other cells keep answering.

A thread and not a task of the kernel's loop: the loop stands still while a cell runs. Widgets may
send from here; what must not happen is two pieces of work at once where one undoes the other.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.redaction import redact
from pkgwidgets.presentation.hints import Face, render

Work = Callable[[], None]
Failed = Callable[[str], None]

_log = logging.getLogger(__name__)


class BackgroundJob:
    """Runs one piece of work at a time. Handlers may call it from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._cancelled = threading.Event()
        self._next: tuple[Work, Failed] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return not self._idle.is_set()

    def start(self, work: Work, failed: Failed) -> bool:
        """Start `work` and return True, or return False if something is under way.

        What is under way and cancelled counts no more: `work` starts as soon as that has ended.
        `failed` gets the sentence of what was raised; what is no error of ours is logged too.
        """
        with self._lock:
            if self.busy:
                if self._cancelled.is_set():
                    self._next = (work, failed)
                return self._cancelled.is_set()
            self._idle.clear()
            self._cancelled.clear()
        threading.Thread(
            target=self._run, args=(work, failed), name="pkgwidgets-panel", daemon=True
        ).start()
        return True

    def cancel(self) -> None:
        """Ask the work under way to end, and drop what waits; it notices at its next event."""
        with self._lock:
            self._next = None
            self._cancelled.set()

    def is_cancelled(self) -> bool:
        """Tell whether the work under way was asked to end."""
        return self._cancelled.is_set()

    def raise_if_cancelled(self, event: Event) -> None:
        """Be the part of a report that ends cancelled work."""
        if self._cancelled.is_set():
            raise Cancelled(event.transaction or "")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; False if the time was up first."""
        return self._idle.wait(timeout)

    def _run(self, work: Work, failed: Failed) -> None:
        following: tuple[Work, Failed] | None = (work, failed)
        while following is not None:
            run_safely(*following)
            with self._lock:
                following, self._next = self._next, None
                self._cancelled.clear()
                if following is None:
                    self._idle.set()


def run_safely(work: Work, failed: Failed) -> None:
    """Work; whatever is raised becomes a sentence for `failed`."""
    try:
        work()
    except PkgwidgetsError as error:
        failed(render(error, Face.PANEL))
    except Exception as error:  # the last place where anybody would hear of it
        _log.error("the panel's work failed\n%s", redact(traceback.format_exc()))
        failed(f"Unexpected: {redact(repr(error))}. The kernel's log has more.")
