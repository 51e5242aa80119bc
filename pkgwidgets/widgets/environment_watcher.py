"""Watch, while a view is displayed, for changes that others make to the environment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from time import monotonic

from .shiny_session import with_session


class EnvironmentWatcher:
    """Compares a token of the environment every `poll_seconds`, in a thread of its own.

    The thread ends with the last view. It calls `on_change`, which returns whether it could handle
    the change; if not, it is called again. A view that is silent for `max_silent_seconds` counts as
    lost with its browser.
    """

    def __init__(
        self,
        read_token: Callable[[], str],
        on_change: Callable[[], bool],
        *,
        poll_seconds: float = 0.5,
        max_silent_seconds: float = 3600.0,
    ) -> None:
        self._poll_seconds = poll_seconds
        self._max_silent_seconds = max_silent_seconds
        self._read_token = read_token
        self._on_change = on_change
        self._lock = threading.Lock()
        self._views: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_token = read_token()

    @property
    def is_running(self) -> bool:
        """Whether the thread is running."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def add_view(self, view: str) -> None:
        """Add or refresh a displayed view, and start the thread if it is not running."""
        with self._lock:
            self._views[view] = monotonic()
            if not self.is_running or self._stopped.is_set():
                self._stopped = threading.Event()
                run = with_session(partial(self._run, self._stopped), flushes=False)
                self._thread = threading.Thread(target=run, name="pkgwidgets-watch", daemon=True)
                self._thread.start()

    def remove_view(self, view: str) -> None:
        """Remove a view that is no longer displayed; the thread ends with the last one."""
        with self._lock:
            self._views.pop(view, None)
            if not self._views:
                self._stopped.set()

    def stop(self) -> None:
        """Stop the thread and wait up to 10 seconds for its end."""
        with self._lock:
            self._views.clear()
            self._stopped.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(10)

    def _run(self, stopped: threading.Event) -> None:
        while True:
            token = self._read_token()
            if token != self._last_token and self._on_change():
                self._last_token = token
            if stopped.wait(self._poll_seconds) or self._has_no_views(stopped):
                return

    def _has_no_views(self, stopped: threading.Event) -> bool:
        with self._lock:
            oldest = monotonic() - self._max_silent_seconds
            if not any(last_seen > oldest for last_seen in self._views.values()):
                stopped.set()
            return stopped.is_set()
