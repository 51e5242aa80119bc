"""Show the panel: the list of packages, with plans, progress and history below."""

from __future__ import annotations

from functools import partial
from typing import Any

import ipywidgets

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.history import find_transaction
from pkgwidgets.core.lock import Export
from pkgwidgets.core.typed_requirement import strip_command
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation import package_table_html
from pkgwidgets.presentation.hints import Face, render

from . import panel_request
from .background import wait_for_all
from .connection import PanelConnection
from .copy_controller import CopyController
from .dock import command_registry_id, dock
from .environment_watcher import EnvironmentWatcher
from .history_view import HistoryView
from .install_controller import InstallController
from .install_form import InstallForm
from .list_controller import ListController
from .marimo_display import stack_parts
from .offer_finder import OfferFinder
from .package_table import Message
from .plan_controller import PlanController
from .plan_view import PlanView
from .progress_view import ProgressView
from .row_details import RowDetailsLoader
from .static_copy import StaticCopy


class PackagePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """Shows the packages of one environment; buttons call the service in a thread of its own.

    Without a `service` it shows this kernel's environment. It asks the index for updates when it is
    first displayed, and when its button is pressed; with `check_updates=False` only then. As the
    last value of a cell it is displayed; pages without widgets show static HTML.

    >>> from pkgwidgets import PackagePanel
    >>> panel = PackagePanel(service)
    >>> panel.service is service
    True
    >>> panel.close()
    """

    def __init__(
        self, service: PackageService | None = None, *, check_updates: bool = True
    ) -> None:
        has_own_service = service is not None
        self.service = service if service is not None else PackageService()
        self._needs_first_check = check_updates
        self._watcher = EnvironmentWatcher(self.service.change_token, self._on_changed)
        options = {"layout": ipywidgets.Layout()}  # otherwise each view creates its own
        self.connection = PanelConnection(self._on_connection, self._notify, **options)
        once = self.connection.once
        self._list_controller = ListController(
            self.service, once(self._on_table), self._on_listed, **options
        )
        self.table = self._list_controller.table
        self.form = InstallForm(once(self._on_form), **options)
        self._install_controller = InstallController(
            self.service, self.form, self._list_controller.find
        )
        self.plan_view = PlanView(once(self._on_plan), **options)
        self.task_view = ProgressView(once(self._on_task), **options)
        self.history_view = HistoryView(once(self._on_history), **options)
        self._copies = CopyController(self.service, once, **options)
        self.copy_view = self._copies.view
        for name, part in self._parts().items():
            self.connection.add_part(name, partial(_receive, part))
        self._details_loader = RowDetailsLoader(self.service, self.table)
        self._offers = OfferFinder(self.service, self.table)
        self._static_copy = StaticCopy(self._static_html)
        self._plan_controller = PlanController(
            self.service,
            self.plan_view,
            self.task_view,
            self._on_finished,
            on_started=self._on_started,
            has_own_service=has_own_service,
        )
        # What has to be decided or has just ended is above the list.
        views = [self.task_view, self.plan_view, self.form, self.copy_view, self.history_view]
        views += [self.table, self.connection]
        super().__init__(views, _dom_classes=("pkgw-panel",), **options)
        self.plan_view.home = self.task_view.home = str(self.model_id)
        self.task_view.kernel = self.connection.kernel
        if not self._plan_controller.follow_running():
            self._plan_controller.show_last()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until no work is running; return False if `timeout` seconds passed.

        >>> panel = PackagePanel(service, check_updates=False)
        >>> panel.wait(timeout=60)
        True
        >>> panel.close()
        """
        plans = self._plan_controller
        jobs = (plans.tasks, self._list_controller.tasks, self._details_loader, plans.checks)
        others = (self._offers, self._install_controller, self._copies.tasks)
        return wait_for_all((*jobs, *others), timeout)

    def dock(self) -> None:
        """Open the panel beside the notebook, in JupyterLab with ipylab; else print how to."""
        print(dock(self))

    def plan_restore(self, lock: Export) -> None:
        """Show the plan that returns to the packages of a lock, as its button does.

        >>> panel = PackagePanel(service, check_updates=False)
        >>> panel.plan_restore(service.export("requirements.txt"))
        >>> panel.wait(timeout=60)
        True
        >>> panel.close()
        """
        self._plan(panel_request.restore(self.service, lock))

    def close(self) -> None:
        """Remove the panel from the page and end its background work."""
        self._watcher.stop()
        self._plan_controller.end_checks()
        self._list_controller.tasks.close()
        self._install_controller.close()
        self._details_loader.stop()
        self._offers.close()
        self._copies.tasks.cancel()
        for child in self.children:
            child.close()
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        return f"PackagePanel({self._list_controller})"

    def _ipython_display_(self, **options: Any) -> None:
        """Display the panel, and the list as static HTML for pages without a kernel."""
        self._static_copy.display_below(self._repr_mimebundle_(**options))

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        """Add static HTML, for front ends and pages without widgets."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**options) or {}
        return {**bundle, "text/html": self._static_html()}

    def _static_html(self) -> str:
        controller = self._list_controller
        # Before it is displayed, the panel has not asked the index.
        is_checked = bool(self.table.header.get("checked"))
        infos = controller.infos if is_checked else self.service.values.last_check()
        return package_table_html.package_table_html(controller.environment_text, infos)

    def _display_(self) -> Any:
        """Show the panel in marimo, which calls this; no other front end does."""
        return stack_parts(self.children)

    def _parts(self) -> dict[str, ipywidgets.Widget]:
        """Return the views that take clicks, by the names that they have in the page."""
        return {
            "table": self.table,
            "form": self.form,
            "copy": self.copy_view,
            "plan": self.plan_view,
            "task": self.task_view,
            "history": self.history_view,
        }

    def _on_table(self, message: Message) -> None:
        match message:
            case {"type": "check"}:
                self._list_controller.check_again()
            case {"type": "retry", "names": [str(name)]}:
                self._list_controller.retry(name)
            case {"type": "dismiss", "names": [str(name)]}:
                self._list_controller.dismiss(name)
            case {"type": "hold", "names": [str(name)], "versions": str(versions), **rest}:
                reason, until = str(rest.get("reason", "")), str(rest.get("until", ""))
                self._list_controller.hold(name, versions, reason, until)
            case {"type": "unhold", "names": [str(name)], "versions": str(versions)}:
                self._list_controller.unhold(name, versions)
            case {"type": "fix", "names": list() | None as names}:
                self._plan(panel_request.fix(self.service, names))
            case {"type": "open", "id": str(normalized_name)}:
                self._load_details(normalized_name)
            case {"type": "plan", "names": [str(name)], "version": str(version)}:
                self._plan(panel_request.upgrade(self.service, [name], version))
            case {"type": "plan", "names": list() | None as names}:
                self._plan(panel_request.upgrade(self.service, names))
            case {"type": "uninstall", "names": [str(name)]}:
                self._plan(panel_request.uninstall(self.service, [name]))
            case {"type": "install"}:
                self._install_controller.open()
            case {"type": "history"}:
                self._show_history()
            case {"type": "copy"}:
                self._copies.begin()
            case {"type": "keep"}:
                self._list_controller.keep_copy()

    def _on_form(self, message: Message) -> None:
        match message:
            case {"type": "close"}:
                self.form.close_view()
            case {"type": "releases", "name": str(name)}:
                self._install_controller.list_releases(name)
            case {"type": "suggest", "text": str(text)}:
                self._install_controller.suggest(text)
            case {"type": "uninstall", "name": str(name)}:
                self.form.close_view()
                self._plan(panel_request.uninstall(self.service, [name]))
            case {"type": "plan", "name": str(name), "version": str(version)}:
                self._plan_form(name, version)

    def _on_plan(self, message: Message) -> None:
        match message:
            case {"type": "cancel"}:
                self._plan_controller.cancel_plan()
            case {"type": "unlock"}:
                self._plan_controller.widen()
            case {"type": "step", "only_minor": bool(only_minor)}:
                self._plan_controller.limit_step(only_minor=only_minor)
            case {"type": "project", "change": bool(change)}:
                self._plan_controller.change_project(change=change)
            case {"type": "apply", "id": str(plan_id)}:
                self._plan_controller.apply(plan_id)
            case {"type": "try" | "survive" as action, "path": str(path)}:
                flags = {name: bool(message.get(name)) for name in ("typed", "unsaved")}
                self._plan_controller.checks.rehearse(path, survive=action == "survive", **flags)
            case {"type": "look"}:
                self._plan_controller.checks.check_impact()
            case {"type": "stop"}:
                self._plan_controller.checks.stop()

    def _on_task(self, message: Message) -> None:
        match message:
            case {"type": "cancel"}:
                self._plan_controller.tasks.cancel()
            case {"type": "close"}:
                self.task_view.close_view()
            case {"type": "undo", "id": str(transaction_id)}:
                self._plan_controller.undo_at_once(transaction_id)
            case {"type": "variables"}:
                self._ask_restart()

    def _ask_restart(self) -> None:
        variables = None
        try:
            variables = self.service.list_variables()
        finally:  # the question waits for an answer
            self.task_view.ask_restart(variables, command_registry_id())

    def _on_history(self, message: Message) -> None:
        match message:
            case {"type": "close"}:
                self.history_view.close_view()
            case {"type": "copy"}:
                self._copies.begin()
            case {"type": "log", "id": str(transaction_id)}:
                self.history_view.show_log(transaction_id, self.service.list_events(transaction_id))
            case {"type": "undo", "id": str(transaction_id)}:
                history = self.service.values.history()
                transaction = find_transaction(history, transaction_id)
                if transaction is not None:
                    self._plan(panel_request.undo(self.service, transaction, history))

    def _on_connection(self, message: Message) -> None:
        match message:
            case {"type": "here", "view": str(view)}:
                if self._needs_first_check:
                    self._needs_first_check = False
                    self._list_controller.check_first()
                # The watcher may notice a change at once, so the first check must start before.
                self._watcher.add_view(view)
            case {"type": "gone", "view": str(view)}:
                self._watcher.remove_view(view)

    def _plan(self, request: panel_request.PanelRequest) -> None:
        self._plan_controller.plan(request, self._show_plan_failure if self.form.is_open else None)

    def _plan_form(self, name: str, version: str) -> None:
        try:
            request = self._form_request(name.strip(), version)
        except PkgwidgetsError as error:
            self.form.fail(render(error, Face.PANEL))
            return
        self.form.fail("")
        self._plan_controller.plan(request, self._show_plan_failure, self.form.close_view)

    def _form_request(self, name: str, version: str) -> panel_request.PanelRequest:
        installed = self._list_controller.find(strip_command(name))
        if version and installed is not None:
            return panel_request.upgrade(self.service, [installed.name], version)
        return panel_request.install(
            self.service, f"{strip_command(name)}=={version}" if version else name
        )

    def _show_plan_failure(self, error: str) -> None:
        self.form.fail(error)
        self.plan_view.close_view()

    def _load_details(self, name: str) -> None:
        info = self._list_controller.find(name)
        if info is not None:
            self._details_loader.load(info)

    def _on_changed(self) -> bool:
        """Show a change that others made to the environment; return False if busy."""
        if self._plan_controller.tasks.is_busy:
            return False
        if not self._plan_controller.follow_running():
            self._plan_controller.show_newer()
            self._list_controller.refresh()
        return True

    def _notify(self, text: str) -> None:
        self._list_controller.notify(text)

    def _on_started(self, title: str) -> None:
        self._offers.end()
        self._show_changing(is_changing=True)
        self._list_controller.show_changing(title)

    def _on_finished(self) -> None:
        self._show_changing(is_changing=False)
        self._list_controller.show_changed()

    def _show_changing(self, *, is_changing: bool) -> None:
        self.form.changing = self.history_view.changing = is_changing

    def _on_listed(self) -> None:
        self._static_copy.update()
        self._offers.begin()
        self._refresh_history()

    def _refresh_history(self) -> None:
        if self.history_view.is_open:
            self._show_history()

    def _show_history(self) -> None:
        values = self.service.values
        self.history_view.show(values.history(), values.undo_refusals())


def _receive(part: ipywidgets.Widget, message: Message) -> None:
    """Handle a message as if it had come over the comm of a view."""
    part._handle_custom_msg(message, [])
