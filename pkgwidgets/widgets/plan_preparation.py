"""Fetch and check a shown plan in the background, so that applying it takes less time."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from threading import Event as Signal

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import format_size
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.hints import Face, render

from .background import BackgroundJob
from .plan_view import PlanView
from .trait_writer import TraitWriter

_MAX_UNASKED_BYTES = 200_000_000
"""Bytes to fetch above which nothing is fetched before the user asks for it."""
_POLL_SECONDS = 0.1


def large_download(plan: Plan) -> str:
    """Return the size of a download that only the user may start; "" if it is small."""
    sizes = [change.size for change in plan.changes if change.after is not None]
    download_size = sum(size or 0 for size in sizes)
    if None in sizes:
        return "files of unknown size"
    return f"up to {format_size(download_size)}" if download_size > _MAX_UNASKED_BYTES else ""


class PlanPreparation:
    """Prepares the shown plan, and tells the view how far that is.

    A plan that is closed or applied within `delay_seconds` is not prepared.
    """

    def __init__(self, service: PackageService, view: PlanView) -> None:
        self.delay_seconds = 0.5
        self._service = service
        self._state = TraitWriter(partial(setattr, view, "preparation"))
        self._job = BackgroundJob()
        self._ended = Signal()
        self._is_started = False
        self._last: Event | None = None
        self._failure: PkgwidgetsError | None = None

    def begin(self, plan: Plan) -> None:
        """Prepare a plan that is now shown, unless it fetches much."""
        self.end()
        self._last, self._failure, self._is_started = None, None, False
        if not plan or plan.from_save_point or large_download(plan):
            return
        # Each plan has its own signal: the work of an earlier one may not have ended yet.
        self._ended = ended = Signal()

        def work() -> None:
            if not ended.wait(self.delay_seconds):
                self._prepare(plan)

        self._job.start(work, lambda error: None)

    def end(self) -> None:
        """Stop, because the plan is closed or another one is shown."""
        self._ended.set()
        self._job.cancel()
        self._state.claim({})

    def finish(self, report: Report) -> None:
        """Wait for a preparation that has started, and repeat its events.

        Raises its error. If `report` raises, the preparation ends. One that failed before is
        forgotten: the transaction tries again.
        """
        if not self._is_started:
            self._ended.set()
        try:
            was_busy = self._job.is_busy
            while not self._job.wait(_POLL_SECONDS):
                if self._last is not None:
                    report(self._last)
        except BaseException:
            self.end()
            raise
        if was_busy and self._failure is not None:
            raise self._failure

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is prepared; return False if `timeout` seconds passed."""
        return self._job.wait(timeout)

    def _prepare(self, plan: Plan) -> None:
        self._is_started = True
        write = self._state.claim({"state": "working", "text": "Fetching and checking…"})

        def report(event: Event) -> None:
            self._job.raise_if_cancelled(event)
            self._last, text = event, describe(event)
            write({"state": "working", "text": f"{text[:1].upper()}{text[1:]}…"})

        with suppress(Cancelled):
            try:
                self._service.prepare(plan, report=report)
            except PkgwidgetsError as error:
                self._failure = error
                write({"state": "failed", "text": render(error, Face.PANEL)})
            else:
                write({"state": "ready", "text": "Fetched and checked · can be undone"})
