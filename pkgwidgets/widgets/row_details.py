"""What an open row tells beyond the list: asked for when it is opened, a row after the other."""

from __future__ import annotations

import threading
from dataclasses import asdict
from functools import partial

from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.packages import PackageDependencies, PackageInfo
from pkgwidgets.core.text import escape_hidden, format_size
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.row_actions import version_options

from .background import run_safely
from .package_table import Message, PackageTable, is_changeable


class RowDetailsLoader:
    """Tells an open row whom it needs, who needs it, its size; and which versions there are."""

    def __init__(self, service: PackageService, table: PackageTable) -> None:
        self._service = service
        self._table = table
        self._lock = threading.Lock()
        self._wanted: list[PackageInfo] = []
        self._idle = threading.Event()
        self._idle.set()

    def ask(self, info: PackageInfo) -> None:
        """Find out about a row that was opened; the one that was opened last comes first."""
        with self._lock:
            self._wanted = [*(other for other in self._wanted if other.id != info.id), info]
            if not self._idle.is_set():
                return
            self._idle.clear()
        threading.Thread(target=self._run, name="pkgwidgets-opening", daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is asked for; False if the time was up first."""
        return self._idle.wait(timeout)

    def stop(self) -> None:
        """Ask for nothing more than what is being asked for."""
        with self._lock:
            self._wanted.clear()

    def _run(self) -> None:
        while (info := self._next()) is not None:
            run_safely(partial(self._tell, info), partial(self._fail, info))

    def _next(self) -> PackageInfo | None:
        with self._lock:
            if self._wanted:
                return self._wanted.pop()
            self._idle.set()
            return None

    def _tell(self, info: PackageInfo) -> None:
        self._table.add_detail(info.id, **_relations(self._service.get_dependencies(info.name)))
        if is_changeable(info):
            releases = self._service.list_releases(info.name, report=no_report)
            versions = [asdict(choice) for choice in version_options(releases, info)]
            self._table.add_detail(info.id, versions=versions, failed="")

    def _fail(self, info: PackageInfo, error: str) -> None:
        self._table.add_detail(info.id, failed=escape_hidden(error))


def _relations(dependencies: PackageDependencies) -> Message:
    return {
        "requires": [escape_hidden(name) for name in dependencies.requires],
        "required_by": [escape_hidden(name) for name in dependencies.required_by],
        "size": format_size(dependencies.size),
    }
