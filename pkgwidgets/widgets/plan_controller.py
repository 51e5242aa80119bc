"""From a wish over its plan to what became of it: one at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError, StillNeeded
from pkgwidgets.core.events import Event
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.hints import Face, render

from . import panel_request
from .background import BackgroundJob, Failed
from .panel_request import PanelRequest
from .plan_checks import PlanChecks
from .plan_view import PlanView
from .progress_view import ProgressView

_OWN = "from pkgwidgets import PackageService\n\nservice = PackageService()\n"
"""What a cell begins with where the notebook made no service itself."""
_ELSE = "Show the plan that may move everything else, too"

Change = Callable[[Callable[[Event], None]], Transaction]


class PlanController:
    """Plans in the plan view, applies in the task view, and tells `ended` after each change.

    `given`: the notebook has a service of its own, which its cells can call.
    """

    def __init__(
        self,
        service: PackageService,
        plan_view: PlanView,
        task_view: ProgressView,
        ended: Callable[[], None],
        *,
        given: bool,
    ) -> None:
        self.tasks = BackgroundJob()
        self.checks = PlanChecks(service, plan_view, self._survived)
        self._service = service
        self._plan_view = plan_view
        self._task_view = task_view
        self._ended = ended
        self._preface = "" if given else _OWN
        self._plan: Plan | None = None
        self._request: PanelRequest | None = None

    def plan(
        self,
        request: PanelRequest,
        failed: Failed | None = None,
        planned: Callable[[], None] = lambda: None,
    ) -> None:
        """Open the plan view and make the plan; another one that is being made is given up.

        `failed` gets the sentence instead of the plan view.
        """

        def work() -> None:
            try:
                plan = request.plan(self.tasks.raise_if_cancelled)
            except Cancelled:
                return
            except PkgwidgetsError as error:
                if not self.tasks.is_cancelled():
                    self._fail(request, error, failed)
                return
            if not self.tasks.is_cancelled():
                planned()
                self._show(request, plan)

        if self._plan_view.state == "loading":
            self.tasks.cancel()
        if self.tasks.start(work, failed or self._plan_view.fail):
            self._plan, self._request = None, request
            self.checks.end()
            self._task_view.close_view()
            self._plan_view.begin(request.title)

    def widen(self) -> None:
        """Plan the same with more allowed to move."""
        if self._request is not None and self._request.wider is not None:
            self.plan(self._request.wider())

    def call_off(self) -> None:
        """Close the plan view; end what is under way in the old environment."""
        self.tasks.cancel()
        self._plan = None
        self.checks.end()
        self._plan_view.close_view()

    def apply(self, plan_id: str) -> None:
        """Carry out the plan that was shown: not another that took its place meanwhile."""
        plan, request = self._plan, self._request
        if plan is not None and request is not None and plan.id == plan_id:
            self._change(request.doing, lambda report: self._service.apply(plan, report=report))

    def undo_at_once(self, transaction: str) -> None:
        """Take back what has just been done and is still shown."""
        self._change("Undoing", lambda report: self._service.undo(transaction, report=report))

    def follow_running(self) -> bool:
        """Show what is under way already, begun by a session that is gone or elsewhere."""
        running = self._service.current_transaction()
        if running is None:
            return False
        names = [change.name for change in running.changes]
        self._change(
            f"Changing {panel_request.listed(names)}{_by(running)}",
            lambda report: self._service.follow(running, report=report),
        )
        return True

    def _show(self, request: PanelRequest, plan: Plan) -> None:
        self._plan, self._request = plan, request
        cell = self._preface + request.cell
        self._plan_view.show(request.title, plan, cell, whole=request.whole)
        self.checks.begin(plan)

    def _survived(self, notebook: Path, plan: Plan) -> None:
        """Show the plan that leaves a notebook whole, in the place of the one for everything."""
        if not self.tasks.busy:
            self._show(panel_request.survivors(self._service, notebook), plan)

    def _fail(self, request: PanelRequest, error: PkgwidgetsError, failed: Failed | None) -> None:
        unlock = ""
        if isinstance(error, StillNeeded):
            more = [*error.names, *error.needed_by]
            self._request = PanelRequest(
                title=request.title,
                doing=request.doing,
                plan=request.plan,
                cell=request.cell,
                wider=lambda: panel_request.uninstall(self._service, more),
            )
            unlock = f"Show the plan that also removes {panel_request.listed(error.needed_by)}"
        elif error.advice is Hint.ALLOW_ALL and request.wider is not None:
            unlock = _ELSE
        if failed is not None and not unlock:
            failed(render(error, Face.PANEL))
        else:
            self._plan_view.fail(render(error, Face.PANEL), unlock)

    def _change(self, title: str, change: Change) -> None:
        def report(event: Event) -> None:
            self.tasks.raise_if_cancelled(event)
            self._task_view.follow(event)

        def work() -> None:
            try:
                done = change(report)
                self._task_view.finish(done)
            except Cancelled as error:
                self._task_view.call_off(render(error, Face.PANEL))
            finally:
                self._ended()

        if self.tasks.start(work, self._task_view.fail):
            self._plan = None
            self.checks.end()
            self._plan_view.close_view()
            self._task_view.begin(title)


def _by(running: Transaction) -> str:
    user, process = running.user, running.process
    who = " in a ".join(filter(None, [user, process])) if user else f"a {process or 'session'}"
    return f", begun by {who}"
