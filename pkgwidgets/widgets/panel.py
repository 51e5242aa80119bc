"""The panel: the list, and under it what was asked for."""

from __future__ import annotations

from typing import Any

import ipywidgets

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation import package_table_html
from pkgwidgets.presentation.hints import Face, render

from . import panel_request
from .connection import PanelConnection
from .dock import commands, dock
from .environment_watcher import EnvironmentWatcher
from .history_view import HistoryView
from .install_form import InstallForm
from .list_controller import ListController
from .package_table import Message
from .plan_controller import PlanController
from .plan_view import PlanView
from .progress_view import ProgressView
from .row_details import RowDetailsLoader


class PackagePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """Shows one environment's packages; every button asks the service, in a thread of its own.

    Without a `service`, this kernel's environment. The index is asked when the panel is first
    displayed, and again by its button; with `check_updates=False` only by the button.
    """

    def __init__(
        self, service: PackageService | None = None, *, check_updates: bool = True
    ) -> None:
        given = service is not None
        self.service = service if service is not None else PackageService()
        self._to_check = check_updates
        self._watch = EnvironmentWatcher(self.service.change_token, self._on_changed)
        shared = {"layout": ipywidgets.Layout()}  # else each view sends one of its own
        self._looking = ListController(self.service, self._on_table, self._show_past, **shared)
        self.table = self._looking.table
        self.form = InstallForm(self._on_form, **shared)
        self.plan_view = PlanView(self._on_plan, **shared)
        self.task_view = ProgressView(self._on_task, **shared)
        self.past = HistoryView(self._on_history, **shared)
        self.life = PanelConnection(self._on_life, **shared)
        self._opening = RowDetailsLoader(self.service, self.table)
        self._changing = PlanController(
            self.service, self.plan_view, self.task_view, self._looking.refresh, given=given
        )
        views = [self.table, self.form, self.plan_view, self.task_view, self.past, self.life]
        super().__init__(views, _dom_classes=("pkgw-panel",), **shared)
        self.plan_view.home = self.task_view.home = str(self.model_id)
        self.task_view.kernel = self.life.kernel
        self._changing.follow_running()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; False if the time was up first."""
        changing = self._changing
        parts = (changing.tasks, self._looking.tasks, self._opening, changing.checks)
        return all(part.wait(timeout) for part in parts)

    def dock(self) -> None:
        """Open the panel beside the notebook, in JupyterLab with ipylab; else say how."""
        print(dock(self))

    def close(self) -> None:
        """Remove the panel from the page, and end what it does in the background."""
        self._watch.stop()
        self._changing.checks.end()
        self._opening.stop()
        for child in self.children:
            child.close()
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return f"PackagePanel({self._looking})"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        """Add static HTML, for front ends and pages that show no widgets."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**options) or {}
        return {
            **bundle,
            "text/html": package_table_html.package_table_html(
                self._looking.where, self._looking.infos
            ),
        }

    def _on_table(self, message: Message) -> None:
        match message:
            case {"type": "check"}:
                self._looking.check_again()
            case {"type": "retry", "names": [str(name)]}:
                self._looking.retry(name)
            case {"type": "open", "id": str(id)}:
                self._open(id)
            case {"type": "plan", "names": [str(name)], "version": str(version)}:
                self._plan(panel_request.upgrade(self.service, [name], version))
            case {"type": "plan", "names": list() | None as names}:
                self._plan(panel_request.upgrade(self.service, names))
            case {"type": "uninstall", "names": [str(name)]}:
                self._plan(panel_request.uninstall(self.service, [name]))
            case {"type": "install"}:
                self.form.begin()
            case {"type": "history"}:
                self.past.show(self.service.values.history())

    def _on_form(self, message: Message) -> None:
        match message:
            case {"type": "close"}:
                self.form.close_view()
            case {"type": "releases", "name": str(name)}:
                self._look_up(name)
            case {"type": "uninstall", "name": str(name)}:
                self.form.close_view()
                self._plan(panel_request.uninstall(self.service, [name]))
            case {"type": "plan", "name": str(name), "version": str(version)}:
                self._plan_form(name, version)

    def _on_plan(self, message: Message) -> None:
        match message:
            case {"type": "cancel"}:
                self._changing.call_off()
            case {"type": "unlock"}:
                self._changing.widen()
            case {"type": "apply", "id": str(id)}:
                self._changing.apply(id)
            case {"type": "try" | "survive" as what, "path": str(path)}:
                options = {name: bool(message.get(name)) for name in ("typed", "unsaved")}
                self._changing.checks.rehearse(path, survive=what == "survive", **options)
            case {"type": "look"}:
                self._changing.checks.look()
            case {"type": "stop"}:
                self._changing.checks.stop()

    def _on_task(self, message: Message) -> None:
        match message:
            case {"type": "cancel"}:
                self._changing.tasks.cancel()
            case {"type": "close"}:
                self.task_view.close_view()
            case {"type": "undo", "id": str(id)}:
                self._changing.undo_at_once(id)
            case {"type": "variables"}:
                self.task_view.ask(self.service.list_variables(), commands())

    def _on_history(self, message: Message) -> None:
        match message:
            case {"type": "close"}:
                self.past.close_view()
            case {"type": "log", "id": str(id)}:
                self.past.show_log(id, self.service.list_events(id))
            case {"type": "undo", "id": str(id)}:
                known = {done.id: done for done in self.service.values.history()}
                if id in known:
                    self._plan(panel_request.undo(self.service, known[id]))

    def _on_life(self, message: Message) -> None:
        match message:
            case {"type": "here", "view": str(view)}:
                if self._to_check:
                    self._to_check = False
                    self._looking.check_first()
                # After that: what it notices at once must not take the place of the check.
                self._watch.see(view)
            case {"type": "gone", "view": str(view)}:
                self._watch.lose(view)
            case {"type": "cancel"}:  # while a cell runs
                self._changing.call_off()
            case {"type": "stop"}:
                self._changing.checks.stop()

    def _plan(self, request: panel_request.PanelRequest) -> None:
        self._changing.plan(request, self._plan_failed if self.form.is_open else None)

    def _plan_form(self, name: str, version: str) -> None:
        try:
            request = self._asked_in_form(name.strip(), version)
        except PkgwidgetsError as error:
            self.form.fail(render(error, Face.PANEL))
            return
        self.form.fail("")
        self._changing.plan(request, self._plan_failed, self.form.close_view)

    def _asked_in_form(self, name: str, version: str) -> panel_request.PanelRequest:
        installed = self._looking.find(panel_request.pasted(name))
        if version and installed is not None:
            return panel_request.upgrade(self.service, [installed.name], version)
        return panel_request.install(
            self.service, f"{panel_request.pasted(name)}=={version}" if version else name
        )

    def _plan_failed(self, error: str) -> None:
        self.form.fail(error)
        self.plan_view.close_view()

    def _look_up(self, name: str) -> None:
        project, tasks = panel_request.named(name), self._looking.tasks
        self.form.look(name)

        def work() -> None:
            releases = self.service.list_releases(project, report=tasks.raise_if_cancelled)
            self.form.show(name, releases, self._looking.find(project))

        tasks.cancel()
        tasks.start(work, self.form.fail)

    def _open(self, name: str) -> None:
        info = self._looking.find(name)
        if info is not None:
            self._opening.ask(info)

    def _on_changed(self) -> bool:
        """Take up what somebody else did to the environment."""
        if self._changing.tasks.busy:
            return False
        if not self._changing.follow_running():
            self._looking.refresh()
        return True

    def _show_past(self) -> None:
        if self.past.is_open:
            self.past.show(self.service.values.history())
