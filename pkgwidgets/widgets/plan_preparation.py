"""Fetch and check a shown plan in the background, so that applying it takes less time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from threading import Event as Signal

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.events import Event, describe
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import UNKNOWN_SIZE, format_size
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
        return f"files ({UNKNOWN_SIZE})"
    return f"up to {format_size(download_size)}" if download_size > _MAX_UNASKED_BYTES else ""


@dataclass
class _Attempt:
    """The preparation of one plan; that of an earlier plan may still be ending."""

    ended: Signal = field(default_factory=Signal)
    is_started: bool = False
    last: Event | None = None


class PlanPreparation:
    """Prepares the shown plan, and tells the view how far that is.

    A plan that is closed or applied within `delay_seconds` is not prepared.
    """

    def __init__(self, service: PackageService, view: PlanView) -> None:
        self.delay_seconds = 0.5
        self._service = service
        self._state = TraitWriter(partial(setattr, view, "preparation"))
        self._job = BackgroundJob()
        self._attempt = _Attempt()

    def begin(self, plan: Plan) -> None:
        """Prepare a plan that is now shown, unless it fetches much."""
        self.end()
        self._attempt = attempt = _Attempt()
        if not plan or plan.from_save_point or large_download(plan):
            return

        def work() -> None:
            if not attempt.ended.wait(self.delay_seconds):
                self._prepare(plan, attempt)

        self._job.start(work, lambda error: None)

    def end(self) -> None:
        """Stop, because the plan is closed or another one is shown."""
        self._attempt.ended.set()
        self._job.cancel()
        self._state.claim({})

    def finish(self, report: Report) -> None:
        """Wait for a preparation that has started, and repeat its events.

        If `report` raises, the preparation ends. If it failed, the transaction tries again, so that
        the history has the failure.
        """
        attempt = self._attempt
        if not attempt.is_started:
            attempt.ended.set()
        try:
            while not self._job.wait(_POLL_SECONDS):
                if attempt.last is not None:
                    report(attempt.last)
        except BaseException:
            self.end()
            raise

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is prepared; return False if `timeout` seconds passed."""
        return self._job.wait(timeout)

    def _prepare(self, plan: Plan, attempt: _Attempt) -> None:
        attempt.is_started = True
        write = self._state.claim({"state": "working", "text": "Fetching and checking…"})

        def report(event: Event) -> None:
            if attempt.ended.is_set():
                raise Cancelled("")
            attempt.last, text = event, describe(event)
            write({"state": "working", "text": f"{text[:1].upper()}{text[1:]}…"})

        with suppress(Cancelled):
            try:
                self._service.prepare(plan, report=report)
            except PkgwidgetsError as error:
                if isinstance(error, Cancelled):
                    raise
                write({"state": "failed", "text": render(error, Face.PANEL)})
            else:
                write({"state": "ready", "text": "Fetched and checked · can be undone"})
