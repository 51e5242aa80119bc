"""The panel: the list, and under it what was asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import ipywidgets
from packaging.utils import canonicalize_name

from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.interfaces import ignore
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.transactions import Event, Outcome
from pkgwidgets.core.words import counted, says
from pkgwidgets.notebook.service import PackageService

from . import ask, still
from .changing import Changing
from .dock import commands, dock
from .history import HistoryView
from .install import InstallForm
from .life import Life
from .opening import Opening
from .plan import PlanView
from .table import Message, PackageTable
from .task import TaskView
from .tasks import Tasks
from .watch import Watch


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
        self._to_check, self._is_checking = check_updates, False
        self._refusal = self.service.refusal() or ""
        self._watch = Watch(self.service.stamp, self._on_changed)
        self._infos: tuple[PackageInfo, ...] = self.service.list_packages(report=ignore)
        self._standing = self._put_back()  # said until the index is asked again
        shared = {"layout": ipywidgets.Layout()}  # else each view sends one of its own
        self.table = PackageTable(self._on_table, self._infos, header=self._header(), **shared)
        self.form = InstallForm(self._on_form, **shared)
        self.plan_view = PlanView(self._on_plan, **shared)
        self.task_view = TaskView(self._on_task, **shared)
        self.past = HistoryView(self._on_history, **shared)
        self.life = Life(self._on_life, **shared)
        self._opening = Opening(self.service, self.table)
        self._looking = Tasks()
        self._changing = Changing(
            self.service, self.plan_view, self.task_view, self._refresh, given=given
        )
        views = [self.table, self.form, self.plan_view, self.task_view, self.past, self.life]
        super().__init__(views, _dom_classes=("pkgw-panel",), **shared)
        self.plan_view.home = self.task_view.home = str(self.model_id)
        self.task_view.kernel = self.life.kernel
        self._changing.follow_running()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way; False if the time was up first."""
        changing = self._changing
        parts = (changing.tasks, self._looking, self._opening, changing.beside)
        return all(part.wait(timeout) for part in parts)

    def dock(self) -> None:
        """Open the panel beside the notebook, in JupyterLab with ipylab; else say how."""
        print(dock(self))

    def close(self) -> None:
        """Remove the panel from the page, and end what it does in the background."""
        self._watch.stop()
        self._changing.beside.end()
        self._opening.stop()
        for child in self.children:
            child.close()
        self.layout.close()
        super().close()

    def __repr__(self) -> str:
        known = [info.update_available for info in self._infos if info.latest_version is not None]
        updates = f", {counted(sum(map(bool, known)), 'update')}" if known else ", not checked"
        return f"PackagePanel({counted(len(self._infos), 'package')}{updates})"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        """Add static HTML, for front ends and pages that show no widgets."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**options) or {}
        return {**bundle, "text/html": still.html(self._where(), self._infos)}

    def _on_table(self, message: Message) -> None:
        match message:
            case {"type": "check"}:
                self._standing = ""
                self._look(partial(self._check, refresh=True))
            case {"type": "retry", "names": [str(name)]}:
                self._look(partial(self._retry, name))
            case {"type": "open", "id": str(id)}:
                self._open(id)
            case {"type": "plan", "names": [str(name)], "version": str(version)}:
                self._plan(ask.upgrade(self.service, [name], version))
            case {"type": "plan", "names": list() | None as names}:
                self._plan(ask.upgrade(self.service, names))
            case {"type": "uninstall", "names": [str(name)]}:
                self._plan(ask.uninstall(self.service, [name]))
            case {"type": "install"}:
                self.form.begin()
            case {"type": "history"}:
                self.past.show(self.service.list_history())

    def _on_form(self, message: Message) -> None:
        match message:
            case {"type": "close"}:
                self.form.close_view()
            case {"type": "releases", "name": str(name)}:
                self._look_up(name)
            case {"type": "uninstall", "name": str(name)}:
                self.form.close_view()
                self._plan(ask.uninstall(self.service, [name]))
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
                said = {name: bool(message.get(name)) for name in ("typed", "unsaved")}
                self._changing.beside.rehearse(path, survive=what == "survive", **said)
            case {"type": "look"}:
                self._changing.beside.look()
            case {"type": "stop"}:
                self._changing.beside.stop()

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
                known = {done.id: done for done in self.service.list_history()}
                if id in known:
                    self._plan(ask.undo(self.service, known[id]))

    def _on_life(self, message: Message) -> None:
        match message:
            case {"type": "here", "view": str(view)}:
                if self._to_check:
                    self._to_check, self._is_checking = False, True
                    self._look(partial(self._check, refresh=False))
                # After that: what it notices at once must not take the place of the check.
                self._watch.see(view)
            case {"type": "gone", "view": str(view)}:
                self._watch.lose(view)
            case {"type": "cancel"}:  # while a cell runs
                self._changing.call_off()
            case {"type": "stop"}:
                self._changing.beside.stop()

    def _plan(self, asked: ask.Ask) -> None:
        self._changing.plan(asked, self._plan_failed if self.form.is_open else None)

    def _plan_form(self, name: str, version: str) -> None:
        try:
            asked = self._asked_in_form(name.strip(), version)
        except PkgwidgetsError as error:
            self.form.fail(str(error))
            return
        self.form.fail("")
        self._changing.plan(asked, self._plan_failed, self.form.close_view)

    def _asked_in_form(self, name: str, version: str) -> ask.Ask:
        installed = self._installed(ask.pasted(name))
        if version and installed is not None:
            return ask.upgrade(self.service, [installed.name], version)
        return ask.install(self.service, f"{ask.pasted(name)}=={version}" if version else name)

    def _plan_failed(self, error: str) -> None:
        self.form.fail(error)
        self.plan_view.close_view()

    def _look_up(self, name: str) -> None:
        wanted = ask.named(name)
        self.form.look(name)

        def work() -> None:
            releases = self.service.list_releases(wanted, report=self._looking.raise_if_cancelled)
            self.form.show(name, releases, self._installed(wanted))

        self._looking.cancel()
        self._looking.start(work, self.form.fail)

    def _open(self, id: str) -> None:
        info = self._installed(id)
        if info is not None:
            self._opening.ask(info)

    def _installed(self, name: str) -> PackageInfo | None:
        id = canonicalize_name(name)
        return next((info for info in self._infos if info.id == id), None)

    def _on_changed(self) -> bool:
        """Take up what somebody else did to the environment."""
        if self._changing.tasks.busy:
            return False
        if not self._changing.follow_running():
            self._refresh()
        return True

    def _refresh(self) -> None:
        """List again, and check again if that was done before: what is newer has changed."""
        check = self._is_checking or bool(self.table.header.get("checked"))
        self._looking.cancel()
        self._look(partial(self._check, refresh=False) if check else self._list)

    def _look(self, work: Callable[[], None]) -> None:
        def quiet() -> None:
            with suppress(Cancelled):
                work()

        self._looking.start(quiet, self._look_failed)

    def _list(self) -> None:
        self._take(self.service.list_packages(report=self._say_busy))
        self._show_done()

    def _check(self, *, refresh: bool) -> None:
        self._is_checking = True
        self.table.say(busy="asking the index…")  # its first word may take a while
        self._take(self.service.list_updates(refresh=refresh, report=self._say_busy))
        self._is_checking = False
        if refresh or not self.table.header.get("checked"):
            self.table.say(checked=datetime.now(UTC).isoformat())
        self._show_done()

    def _retry(self, name: str) -> None:
        found = self.service.list_updates(name, refresh=True, report=self._say_busy)
        fresh = {info.id: info for info in found}
        self._take(tuple(fresh.get(info.id, info) for info in self._infos))
        self._show_done()

    def _look_failed(self, error: str) -> None:
        self._is_checking = False
        self._show_header(notice=error)

    def _show_done(self) -> None:
        self._show_header(_shared(self._infos))
        if self.past.is_open:
            self.past.show(self.service.list_history())

    def _say_busy(self, event: Event) -> None:
        self._looking.raise_if_cancelled(event)
        self.table.fill(event.package, f"{says(event)}…")

    def _take(self, infos: tuple[PackageInfo, ...]) -> None:
        same = [info.id for info in infos] == [info.id for info in self._infos]
        (self.table.patch if same else self.table.show)(infos)
        self._infos = infos

    def _show_header(self, notice: str = "") -> None:
        self.table.say(**self._header(notice))

    def _header(self, notice: str = "") -> dict[str, str]:
        return {
            "title": "Packages",
            "where": self._where(),
            "busy": "",
            "refusal": f"Nothing can be changed here: {self._refusal}." if self._refusal else "",
            "notice": notice or self._standing,
        }

    def _put_back(self) -> str:
        """Say what a crash had left, if this session has put that back."""
        cut = [
            done for done in self.service.list_recovered() if done.outcome is Outcome.ROLLED_BACK
        ]
        said = "; ".join(", ".join(map(str, done.changes)) for done in cut)
        return f"{said} was cut off, and has been put back: everything is as it was." if cut else ""

    def _where(self) -> str:
        service = self.service
        return (
            f"Python {service.python_version} · {service.prefix.name}"
            f" · {len(self._infos)} installed"
        )


def _shared(infos: tuple[PackageInfo, ...]) -> str:
    """Return what is wrong with most rows: the index, and not each of them."""
    said = Counter(info.error for info in infos if info.error)
    error, count = next(iter(said.most_common(1)), ("", 0))
    return f"{error}" if count > 1 and 2 * count > len(infos) else ""
