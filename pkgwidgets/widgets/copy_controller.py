"""Plan a copy of the environment, and make it; both in a thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pkgwidgets.core.copies import CopyPlan, known_kernel_name
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, describe
from pkgwidgets.notebook.service import PackageService
from pkgwidgets.presentation.copy_payload import CANCELLED_TEXT

from .background import BackgroundJob
from .copy_view import CopyView
from .package_table import Message


class CopyController:
    """Takes the messages of the form, each once. `tasks` runs one plan or copy at a time."""

    def __init__(
        self,
        service: PackageService,
        once: Callable[[Callable[[Message], None]], Callable[[Message], None]],
        **options: Any,
    ) -> None:
        self.tasks = BackgroundJob()
        self._service = service
        self._plan: CopyPlan | None = None
        self.view = CopyView(once(self.on_message), **options)

    def begin(self) -> None:
        """Open the form; a copy that is being made stays in it."""
        if not self.view.form.get("making"):
            self.tasks.cancel()  # a plan of a form that was closed may still be made
            self.view.begin(self._service.values.suggest_copy_name())

    def on_message(self, message: Message) -> None:
        """Do what a button of the form asks for."""
        match message:
            case {"type": "plan", "name": str(name)}:
                self._show_plan(name.strip())
            case {"type": "make", "name": str(name), **rest}:
                self._make(name, known_kernel_name(rest.get("kernel")))
            case {"type": "cancel"}:
                self.tasks.cancel()
            case {"type": "close"} if not self.view.form.get("making"):
                self.tasks.cancel()
                self.view.close_view()

    def _show_plan(self, name: str) -> None:
        def work() -> None:
            try:
                self._plan = self._service.plan_copy(name, report=self.tasks.raise_if_cancelled)
            except Cancelled:  # another name was typed, or the form was closed
                return
            self.view.show_plan(self._plan)

        self._plan = None
        self.tasks.cancel()
        self.tasks.start(work, self.view.fail, lambda: self._show_planning(name))

    def _show_planning(self, name: str) -> None:
        self.view.form = {"open": True, "name": name, "busy": "looking up what can be copied…"}

    def _make(self, name: str, kernel: str) -> None:
        plan = self._plan
        if plan is None or plan.name != name:
            return

        def work() -> None:
            try:
                asked = replace(plan, return_to=kernel)
                copy = self._service.copy_environment(asked, report=self._report_progress)
            except Cancelled:
                self.view.fail(CANCELLED_TEXT)
                return
            self._plan = None
            self.view.show_made(copy)

        self.tasks.start_in_turn(
            work, self.view.fail, lambda: self.view.show_busy("copying…", is_making=True)
        )

    def _report_progress(self, event: Event) -> None:
        self.tasks.raise_if_cancelled(event)
        text = f"{describe(event)}…"
        if text != self.view.form.get("busy"):
            self.view.show_busy(text, is_making=True)
