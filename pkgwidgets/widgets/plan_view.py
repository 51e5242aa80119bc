"""Show a plan before it is applied, with its impact and its rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.plans import Plan
from pkgwidgets.presentation.plan_payload import plan_payload

from .assets import STATIC, bundle
from .package_table import Message

_SWITCHES = ("minor_only", "project")
"""The choices of a request that the plan view offers."""


class PlanView(anywidget.AnyWidget):
    """Shows a plan; sends `apply`, `cancel`, `unlock`, `look`, `try`, `survive` or `stop`.

    Its switches send `step` and `project`.

    `impact`, `rehearsal` and `preparation` are filled in after the plan. `home` is the panel's
    model id, by which the page finds the panel's cell.
    """

    _esm = bundle("plan_view")
    _css = STATIC / "plan.css"

    state = traitlets.Unicode("hidden").tag(sync=True)
    plan = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    impact = traitlets.Dict().tag(sync=True)
    rehearsal = traitlets.Dict().tag(sync=True)
    preparation = traitlets.Dict().tag(sync=True)
    home = traitlets.Unicode().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    def begin(
        self, title: str, *, minor_only: bool | None = None, project: bool | None = None
    ) -> None:
        """Open the view while the plan is being made.

        `minor_only` is whether major upgrades are left out, `project` whether the project of the
        environment changes, too; None hides the switch for it.
        """
        with self.hold_sync():
            self.plan = {"title": title, "minor_only": minor_only, "project": project}
            self._clear_checks()
            self.state = "loading"

    def show(self, title: str, plan: Plan, cell: str, *, whole: bool = False) -> None:
        """Show a plan; `cell` is the source of an equivalent notebook cell.

        `whole` is True for a plan that upgrades everything: then the view can offer a smaller plan
        that the notebook survives.
        """
        with self.hold_sync():
            asked = {"title": title, **self._switches()}
            self.plan = {**asked, "cell": cell, "whole": whole, **plan_payload(plan)}
            self._clear_checks()
            self.state = "ready"

    def fail(self, error: str, unlock: str = "") -> None:
        """Show why there is no plan; `unlock` is the label of a wider request, or ""."""
        with self.hold_sync():
            kept: dict[str, Any] = {
                key: self.plan[key] for key in ("title", *_SWITCHES) if key in self.plan
            }
            self.plan = {**kept, "unlock": unlock}
            self.error = error
            self.state = "failed"

    def close_view(self) -> None:
        """Close the view."""
        with self.hold_sync():
            self._clear_checks()
            self.state = "hidden"

    def _switches(self) -> dict[str, Any]:
        return {key: self.plan.get(key) for key in _SWITCHES}

    def _clear_checks(self) -> None:
        self.impact, self.rehearsal, self.preparation = {}, {}, {}
