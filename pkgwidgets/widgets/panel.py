"""The panel: the list, the plan, and what is being done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import ipywidgets

from pkgwidgets.core.model import Allow, Event, PackageInfo, Plan, Transaction
from pkgwidgets.core.words import says
from pkgwidgets.notebook.service import PackageService

from .plan import PlanView
from .table import Message, PackageTable
from .task import TaskView
from .tasks import Tasks


class PackagePanel(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets is untyped
    """Shows one environment's packages; every button asks the service, in a thread of its own.

    Without a `service`, this kernel's environment.
    """

    def __init__(self, service: PackageService | None = None) -> None:
        self.service = service if service is not None else PackageService()
        self.table = PackageTable(self._on_table)
        self.plan_view = PlanView(self._on_plan)
        self.task_view = TaskView(self._on_task)
        self._tasks = Tasks()
        self._plan: Plan | None = None
        self._asked: tuple[list[str] | None, Allow] = (None, "dependencies")
        self._infos: tuple[PackageInfo, ...] = self.service.list_packages()
        self.table.show(self._infos)
        self._show_header()
        super().__init__([self.table, self.plan_view, self.task_view])
        self.add_class("pkgw-panel")
        self._follow_running()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; False if the time was up first."""
        return self._tasks.wait(timeout)

    def __repr__(self) -> str:
        known = [info.update_available for info in self._infos if info.latest_version is not None]
        updates = f", {sum(map(bool, known))} updates" if known else ", not checked"
        return f"PackagePanel({len(self._infos)} packages{updates})"

    def _on_table(self, message: Message) -> None:
        match message:
            case {"type": "check"}:
                self._tasks.start(self._check, self._check_failed)
            case {"type": "retry", "names": [str(name)]}:
                self._tasks.start(partial(self._retry, name), self._check_failed)
            case {"type": "plan", "names": list() | None as names}:
                self._start_plan(names, "dependencies")
            case {"type": "history"}:
                self.task_view.show_history(self.service.list_history())

    def _on_plan(self, message: Message) -> None:
        match message:
            case {"type": "cancel"}:
                self._tasks.cancel()
                self.plan_view.close_view()
            case {"type": "unlock"}:
                self._start_plan(self._asked[0], "all")
            case {"type": "apply"} if self._plan is not None:
                title, plan = _title(self._asked[0], "Upgrading"), self._plan
                self._start_change(title, lambda report: self.service.apply(plan, report=report))

    def _on_task(self, message: Message) -> None:
        match message:
            case {"type": "cancel"}:
                self._tasks.cancel()
            case {"type": "close"}:
                self.task_view.close_view()
            case {"type": "undo", "id": str(id)}:
                self._start_change("Undoing", lambda report: self.service.undo(id, report=report))

    def _check(self) -> None:
        self._take(self.service.list_updates(refresh=True, report=self._say_busy))
        self.table.say(checked=datetime.now(UTC).isoformat())
        self._show_header()

    def _retry(self, name: str) -> None:
        self.table.patch(self.service.list_updates(name, refresh=True, report=self._say_busy))
        self._show_header()

    def _check_failed(self, error: str) -> None:
        self._show_header(notice=error)

    def _say_busy(self, event: Event) -> None:
        self.table.fill(event.package, f"{says(event)}…")

    def _start_plan(self, names: list[str] | None, allow: Allow) -> None:
        title = _title(names, "Upgrade")

        def work() -> None:
            plan = self.service.plan_upgrade(
                names, allow=allow, report=self._tasks.raise_if_cancelled
            )
            self._plan, self._asked = plan, (names, allow)
            self.plan_view.show(title, plan, _cell(names, allow))

        self._plan = None
        if self._tasks.start(work, self.plan_view.fail):
            self.task_view.close_view()
            self.plan_view.begin(title)

    def _start_change(
        self, title: str, change: Callable[[Callable[[Event], None]], Transaction]
    ) -> None:
        def report(event: Event) -> None:
            self._tasks.raise_if_cancelled(event)
            self.task_view.follow(event)

        def work() -> None:
            try:
                done = change(report)
            finally:
                self._refresh()
            self.task_view.finish(done, _restart(done))

        if self._tasks.start(work, self.task_view.fail):
            self._plan = None
            self.plan_view.close_view()
            self.task_view.begin(title)

    def _follow_running(self) -> None:
        """Show what is under way already: a kernel that was restarted has forgotten it."""
        running = self.service.running()
        if running is not None:
            names = [change.name for change in running.changes]
            self._start_change(
                _title(names, "Changing"),
                lambda report: self.service.follow(running, report=report),
            )

    def _refresh(self) -> None:
        """List again, and check again if that was done before: what is newer has changed."""
        checked = bool(self.table.header.get("checked"))
        self._take(self.service.list_packages(check_updates=checked, report=self._say_busy))
        self._show_header()

    def _take(self, infos: tuple[PackageInfo, ...]) -> None:
        same = [info.id for info in infos] == [info.id for info in self._infos]
        (self.table.patch if same else self.table.show)(infos)
        self._infos = infos

    def _show_header(self, notice: str = "") -> None:
        service = self.service
        self.table.say(
            title="Packages",
            where=f"Python {service.python_version} · {service.prefix.name}"
            f" · {len(self._infos)} installed",
            busy="",
            refusal=service.refusal() or "",
            notice=notice,
        )


def _title(names: list[str] | None, verb: str) -> str:
    if names is None:
        return f"{verb} all"
    return f"{verb} {', '.join(names[:3])}" + (f" and {len(names) - 3} more" if names[3:] else "")


def _cell(names: list[str] | None, allow: Allow) -> str:
    """Return the source that would plan and apply the same."""
    if names is None:
        return "service.upgrade_all_packages()"
    if allow == "dependencies" and len(names) == 1:
        return f"service.upgrade_package({names[0]!r})"
    return f"service.apply(service.plan_upgrade({names!r}, allow={allow!r}))"


def _restart(done: Transaction) -> str:
    verdict = done.plan.restart
    if verdict is None or not verdict.needed:
        return ""
    return f"Restart the kernel to use {', '.join(verdict.loaded)}."
