"""Fill the form that installs: names while typing, versions, and what would be installed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.interfaces import no_report
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.typed_requirement import project_name, strip_command
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.install_preview import install_preview

from .background import BackgroundJob, run_safely, wait_for_all
from .install_form import InstallForm
from .shiny_session import with_session

_MAX_SEEN = 500
"""Names that the form has before anything is typed."""
_MAX_SUGGESTIONS = 50


class InstallController:
    """Answers the form. Versions are looked up one project at a time: the last name counts.

    `find` returns the installed release of a project, or None.
    """

    def __init__(
        self,
        service: PackageService,
        form: InstallForm,
        find: Callable[[str], PackageInfo | None],
    ) -> None:
        self._service = service
        self._form = form
        self._find = find
        self._versions_job = BackgroundJob()  # its own: it must neither end nor delay a check
        self._lock = threading.Lock()
        self._typed: str | None = None
        self._idle = threading.Event()
        self._idle.set()

    def open(self) -> None:
        """Open the form with the names seen before; the index is not asked."""
        self._form.begin(self._service.suggest_projects(limit=_MAX_SEEN))

    def suggest(self, text: str) -> None:
        """Offer the names that begin with a typed text, found in the background.

        The first time in a day the index sends its list, which takes seconds. What is typed
        meanwhile is answered afterwards, the last text only.
        """
        with self._lock:
            self._typed = text
            if not self._idle.is_set():
                return
            self._idle.clear()
        run = with_session(self._answer_typed)
        threading.Thread(target=run, name="pkgwidgets-suggesting", daemon=True).start()

    def list_releases(self, name: str) -> None:
        """Show the versions of a project; of one that is not installed, what it is and brings."""
        job, form = self._versions_job, self._form

        def work() -> None:
            with suppress(Cancelled):  # another name was typed
                self._show_releases(name)

        job.cancel()
        job.start(work, form.fail, lambda: form.show_busy(name))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is looked up; return False if `timeout` seconds passed."""
        return wait_for_all((self._idle, self._versions_job), timeout)

    def close(self) -> None:
        """End what is looked up, and look nothing up from now on."""
        self._versions_job.close()

    def _show_releases(self, name: str) -> None:
        project, form, report = (
            project_name(name),
            self._form,
            self._versions_job.raise_if_cancelled,
        )
        releases = self._service.list_releases(project, report=report)
        installed = self._find(project)
        form.show(name, releases, installed)
        if installed is not None:
            return
        with suppress(PkgwidgetsError):  # the plan tells the reason
            form.show_summary(name, self._service.get_summary(project, report=no_report))
            plan = self._service.plan_install(strip_command(name), report=report)
            form.show_preview(name, install_preview(plan))

    def _answer_typed(self) -> None:
        while (text := self._next()) is not None:
            run_safely(partial(self._offer, text), lambda error: None)

    def _next(self) -> str | None:
        with self._lock:
            text, self._typed = self._typed, None
            if text is None:
                self._idle.set()
            return text

    def _offer(self, typed: str) -> None:
        limit = _MAX_SUGGESTIONS if typed.strip() else _MAX_SEEN
        self._form.offer(self._service.suggest_projects(typed, limit=limit))
