"""Notices, while somebody looks, that the environment was changed elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic


class EnvironmentWatcher:
    """Compares a stamp twice a second, in a thread that ends with the last view.

    `changed` is called in that thread and returns whether it could take the change up; else it is
    called again. A view that gives no sign for `max_silent_seconds` is taken for lost with its
    browser.
    """

    def __init__(
        self,
        stamp: Callable[[], str],
        changed: Callable[[], bool],
        *,
        poll_seconds: float = 0.5,
        max_silent_seconds: float = 3600.0,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._max_silent_seconds = max_silent_seconds
        self._stamp = stamp
        self._changed = changed
        self._lock = threading.Lock()
        self._views: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._last = stamp()

    @property
    def is_running(self) -> bool:
        """Whether anything is compared now."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def see(self, view: str) -> None:
        """Begin, or go on: a view is displayed."""
        with self._lock:
            self._views[view] = monotonic()
            if not self.is_running or self._stopped.is_set():
                self._stopped = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stopped,), name="pkgwidgets-watch", daemon=True
                )
                self._thread.start()

    def lose(self, view: str) -> None:
        """Forget a view that is displayed no more, and end with the last one."""
        with self._lock:
            self._views.pop(view, None)
            if not self._views:
                self._stopped.set()

    def stop(self) -> None:
        """End it, and wait until it has ended."""
        with self._lock:
            self._views.clear()
            self._stopped.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)

    def _run(self, stopped: threading.Event) -> None:
        while True:
            now = self._stamp()
            if now != self._last and self._changed():
                self._last = now
            if stopped.wait(self._poll_seconds) or self._all_lost(stopped):
                return

    def _all_lost(self, stopped: threading.Event) -> bool:
        with self._lock:
            since = monotonic() - self._max_silent_seconds
            if not any(seen > since for seen in self._views.values()):
                stopped.set()
            return stopped.is_set()
