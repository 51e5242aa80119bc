"""Work in a thread of its own, so that other cells keep answering.

A thread and not a task of the kernel's loop: the loop stands still while a cell runs. Widgets may
send from here; what must not happen is two pieces of work at once on one panel.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.model import Event
from pkgwidgets.core.words import redacted

Work = Callable[[], None]
Failed = Callable[[str], None]

_log = logging.getLogger(__name__)


class Tasks:
    """Runs one piece of work at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = threading.Event()
        self._idle.set()
        self._cancelled = threading.Event()

    @property
    def busy(self) -> bool:
        """Whether something is under way."""
        return not self._idle.is_set()

    def start(self, work: Work, failed: Failed) -> bool:
        """Start `work` and return True, or return False if something is under way.

        `failed` gets the sentence of what was raised; what is no error of ours is logged too.
        """
        with self._lock:
            if self.busy:
                return False
            self._idle.clear()
            self._cancelled.clear()
        threading.Thread(
            target=self._run, args=(work, failed), name="pkgwidgets-panel", daemon=True
        ).start()
        return True

    def cancel(self) -> None:
        """Ask the work under way to end; it notices at its next event."""
        self._cancelled.set()

    def raise_if_cancelled(self, event: Event) -> None:
        """Be the part of a report that ends cancelled work."""
        if self._cancelled.is_set():
            raise Cancelled(event.transaction or "")

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; False if the time was up first."""
        return self._idle.wait(timeout)

    def _run(self, work: Work, failed: Failed) -> None:
        try:
            work()
        except PkgwidgetsError as error:
            failed(str(error))
        except Exception as error:  # the last place where anybody would hear of it
            _log.error("the panel's work failed\n%s", redacted(traceback.format_exc()))
            failed(f"Unexpected: {redacted(repr(error))}. The kernel's log has more.")
        finally:
            self._idle.set()
