"""Plan a request, apply its plan and show the outcome, one request at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError, ReleasesAtFault, StillNeeded
from pkgwidgets.core.events import Event
from pkgwidgets.core.history import find_transaction, in_force, is_undo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import shorten_names
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.hints import Face, render
from pkgwidgets.presentation.request_titles import running_title
from pkgwidgets.presentation.wider_request import unlock_label

from . import panel_request
from .background import BackgroundJob, OnFailure
from .panel_request import PanelRequest
from .plan_checks import PlanChecks
from .plan_preparation import PlanPreparation
from .plan_view import PlanView
from .progress_view import ProgressView

_SERVICE_PREAMBLE = "from pkgwidgets import PackageService\n\nservice = PackageService()\n"
"""The start of a cell's source, if the notebook has no service of its own."""
_STARTED = datetime.now(UTC)
"""When this process first needed a panel."""
_RECENT = timedelta(minutes=10)

ApplyChange = Callable[[Callable[[Event], None]], Transaction]


class PlanController:
    """Plans in the plan view, applies in the task view, one request at a time.

    `on_started` gets the title of a change that begins; `on_finished` is called after each.
    `has_own_service` is True if the notebook made a service, which its cells can call.
    """

    def __init__(
        self,
        service: PackageService,
        plan_view: PlanView,
        task_view: ProgressView,
        on_finished: Callable[[], None],
        *,
        on_started: Callable[[str], None] = lambda title: None,
        has_own_service: bool,
    ) -> None:
        self.tasks = BackgroundJob()
        self.checks = PlanChecks(service, plan_view, self._show_surviving_plan)
        self.preparation = PlanPreparation(service, plan_view)
        self._service = service
        self._plan_view = plan_view
        self._task_view = task_view
        self._on_started = on_started
        self._on_finished = on_finished
        self._preface = "" if has_own_service else _SERVICE_PREAMBLE
        self._plan: Plan | None = None
        self._request: PanelRequest | None = None
        self._ended: datetime | None = None
        """When the change ended whose outcome is shown."""

    def plan(
        self,
        request: PanelRequest,
        on_failure: OnFailure | None = None,
        on_planned: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the plan view and make the plan; cancel a plan that is being made.

        While packages are changed, this waits for the end of the change.
        `on_planned` is called before the plan is shown. `on_failure` gets the sentence of an error
        in place of the plan view.
        """

        def work() -> None:
            try:
                plan = request.plan(self.tasks.raise_if_cancelled)
            except Cancelled:
                return
            except PkgwidgetsError as error:
                if not self.tasks.is_cancelled():
                    self._fail(request, error, on_failure)
                return
            if not self.tasks.is_cancelled():
                on_planned()
                self._show(request, plan)

        def open_view() -> None:
            self._plan, self._request = None, request
            self.end_checks()
            self._task_view.close_view()
            minor_only = None if request.limit_step is None else request.step == "minor"
            self._plan_view.begin(
                request.title, minor_only=minor_only, project=self._project_switch(request)
            )

        if self._plan_view.state == "loading":
            self.tasks.cancel()
        self.tasks.start_in_turn(work, on_failure or self._plan_view.fail, open_view)

    def widen(self) -> None:
        """Plan the same request with more packages allowed to change."""
        if self._request is not None and self._request.widen is not None:
            self.plan(self._request.widen())

    def limit_step(self, *, only_minor: bool) -> None:
        """Plan the same request with or without major upgrades."""
        if self._request is not None and self._request.limit_step is not None:
            self.plan(self._request.limit_step(only_minor))

    def change_project(self, *, change: bool) -> None:
        """Plan the same request with or without the project of the environment."""
        if self._request is not None and self._request.change_project is not None:
            self.plan(self._request.change_project(change))

    def cancel_plan(self) -> None:
        """Cancel the running work, discard the plan and close the plan view."""
        self.tasks.cancel()
        self._plan = None
        self.end_checks()
        self._plan_view.close_view()

    def end_checks(self) -> None:
        """Cancel what runs in the background for the shown plan."""
        self.checks.end()
        self.preparation.end()

    def apply(self, plan_id: str) -> None:
        """Apply the shown plan; do nothing if `plan_id` is not its id."""
        plan, request = self._plan, self._request
        if plan is not None and request is not None and plan.id == plan_id:

            def change(report: Callable[[Event], None]) -> Transaction:
                self.preparation.finish(report)
                return self._service.apply(plan, report=report)

            self._run_change(request.progress_title, change, request)

    def undo_at_once(self, transaction_id: str) -> None:
        """Undo the transaction whose outcome is shown, without showing a plan."""
        history = self._service.values.history()
        transaction = find_transaction(history, transaction_id)
        is_redo = transaction is not None and is_undo(transaction, history)
        self._run_change(
            "Redoing" if is_redo else "Undoing",
            lambda report: self._service.undo(transaction_id, report=report),
        )

    def follow_running(self) -> bool:
        """Show a transaction that another session began; return False if there is none."""
        running = self._service.current_transaction()
        if running is None:
            return False
        self._run_change(
            running_title(running),
            lambda report: self._service.follow(running, report=report),
            start=self.tasks.start,
        )
        return True

    def show_last(self) -> None:
        """Show what was changed just before this process began: a restart must not hide *Undo*."""
        last = next(iter(in_force(self._service.values.history())[-1:]), None)
        if last is None or last.finished is None:
            return
        if last.finished < _STARTED < last.finished + _RECENT:
            self._ended = last.finished
            self._show_ended(replace(last, plan=replace(last.plan, restart=None)))

    def show_newer(self) -> None:
        """Replace the shown outcome by that of a change that others made and ended since."""
        if self._ended is None or not self._task_view.task:
            return
        history = self._service.values.history()
        newer = [entry for entry in history if entry.started > self._ended and entry.changes]
        if newer and newer[-1].finished is not None:
            self._ended = datetime.now(UTC)
            self._show_ended(newer[-1])

    def _show_ended(self, transaction: Transaction) -> None:
        self._task_view.close_view()
        if transaction.outcome is Outcome.COMMITTED:
            self._task_view.begin("")
            self._task_view.finish(transaction, is_undo=self._is_undo(transaction))

    def _project_switch(self, request: PanelRequest) -> bool | None:
        """Return whether the project changes, too; None where there is nothing to choose."""
        project = self._service.project() if request.change_project is not None else None
        return request.project if project is not None and project.can_change else None

    def _show(self, request: PanelRequest, plan: Plan) -> None:
        self._plan, self._request = plan, request
        cell = self._preface + request.cell
        self._plan_view.show(request.title_of(plan), plan, cell, whole=request.is_for_all)
        self.checks.begin(plan)
        self.preparation.begin(plan)

    def _show_surviving_plan(self, notebook: Path, plan: Plan) -> None:
        """Replace the shown plan by the one that leaves the notebook's results unchanged."""
        if not self.tasks.is_busy:
            self._show(panel_request.upgrade_surviving(self._service, notebook), plan)

    def _fail(
        self, request: PanelRequest, error: PkgwidgetsError, on_failure: OnFailure | None
    ) -> None:
        unlock = unlock_label(error)
        if isinstance(error, StillNeeded):
            names = [*error.names, *error.needed_by]
            self._request = PanelRequest(
                title=request.title,
                progress_title=request.progress_title,
                plan=request.plan,
                cell=request.cell,
                widen=lambda: panel_request.uninstall(self._service, names),
            )
        elif request.widen is None:
            unlock = ""
        if on_failure is not None and not unlock:
            on_failure(render(error, Face.PANEL))
        else:
            self._plan_view.fail(render(error, Face.PANEL), unlock)

    def _is_undo(self, transaction: Transaction) -> bool:
        return bool(transaction.plan.undoes) and is_undo(
            transaction, self._service.values.history()
        )

    def _plan_without_failing(
        self, request: PanelRequest, error: PkgwidgetsError, kept: Sequence[str]
    ) -> None:
        """Show why a plan for everything was refused or undone, and the plan without that."""
        self._task_view.fail(render(error, Face.PANEL))
        title = f"{request.title}, without {shorten_names(kept)}"
        self._plan_view.begin(title)
        with suppress(Cancelled):
            try:
                plan = request.plan(self.tasks.raise_if_cancelled)
            except PkgwidgetsError as failure:
                if isinstance(failure, Cancelled):
                    raise
                self._plan_view.fail(render(failure, Face.PANEL))  # the first reason stays below
            else:
                self._show(replace(request, title=title), plan)

    def _run_change(
        self,
        title: str,
        change: ApplyChange,
        request: PanelRequest | None = None,
        start: Callable[..., object] | None = None,
    ) -> None:
        def report(event: Event) -> None:
            self.tasks.raise_if_cancelled(event)
            self._task_view.follow(event)

        def work() -> None:
            try:
                transaction = change(report)
                self._task_view.finish(transaction, is_undo=self._is_undo(transaction))
            except Cancelled as error:
                self._task_view.show_cancelled(render(error, Face.PANEL))
            except PkgwidgetsError as error:
                if request is None or not isinstance(error, ReleasesAtFault) or not error.can_skip:
                    raise
                self._plan_without_failing(request, error, error.kept)
            finally:
                self._ended = datetime.now(UTC)
                self._on_finished()

        def open_view() -> None:
            self._plan = None
            self.checks.end()
            self._plan_view.close_view()
            self._task_view.begin(title)
            self._on_started(title)

        # A plan or an outcome can be pressed just before the work that showed it has ended.
        (start or self.tasks.start_in_turn)(work, self._task_view.fail, open_view)
