"""Load the details of open rows in the background, one row after the other."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import partial

from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.row_actions import version_options
from pkgwidgets.presentation.table_rows import dependency_fields, is_changeable, publisher_fields

from .background import run_safely
from .package_table import PackageTable
from .shiny_session import with_session


class RowDetailsLoader:
    """Sends open rows their dependencies, dependents, size and available versions."""

    def __init__(self, service: PackageService, table: PackageTable) -> None:
        self._service = service
        self._table = table
        self._lock = threading.Lock()
        self._queue: list[PackageInfo] = []
        self._idle = threading.Event()
        self._idle.set()

    def load(self, info: PackageInfo) -> None:
        """Queue an opened row; the row that was opened last is loaded first."""
        with self._lock:
            self._queue = [*(queued for queued in self._queue if queued.id != info.id), info]
            if not self._idle.is_set():
                return
            self._idle.clear()
        run = with_session(self._run)
        threading.Thread(target=run, name="pkgwidgets-opening", daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the queue is empty; return False if `timeout` seconds passed."""
        return self._idle.wait(timeout)

    def stop(self) -> None:
        """Clear the queue; the row that is being loaded is finished."""
        with self._lock:
            self._queue.clear()

    def _run(self) -> None:
        while (info := self._next()) is not None:
            run_safely(partial(self._load, info), partial(self._fail, info))

    def _next(self) -> PackageInfo | None:
        with self._lock:
            if self._queue:
                return self._queue.pop()
            self._idle.set()
            return None

    def _load(self, info: PackageInfo) -> None:
        self._table.add_detail(
            info.id, **dependency_fields(self._service.get_dependencies(info.name))
        )
        if is_changeable(info):
            releases = self._service.list_releases(info.name, report=no_report)
            versions = [asdict(option) for option in version_options(releases, info)]
            self._table.add_detail(info.id, versions=versions, failed="")
            comparison = self._service.values.compare_publishers(info.name, report=no_report)
            self._table.add_detail(info.id, **publisher_fields(comparison))

    def _fail(self, info: PackageInfo, error: str) -> None:
        self._table.add_detail(info.id, failed=escape_hidden(error))
