"""Show the form that makes a copy of the environment for the user."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy
from pkgwidgets.presentation.copy_payload import made_fields, plan_fields

from .assets import STATIC, bundle
from .package_table import Message


class CopyView(anywidget.AnyWidget):
    """Asks for a name, shows a plan and what was made; sends `plan`, `make`, `cancel`, `close`."""

    _esm = bundle("copy_view")
    _css = STATIC / "views.css"

    form = traitlets.Dict().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    @property
    def is_open(self) -> bool:
        """Whether the form is open."""
        return bool(self.form.get("open"))

    def begin(self, name: str) -> None:
        """Open the form with a suggested name."""
        self.form = {"open": True, "name": name}

    def show_busy(self, text: str, *, is_making: bool = False) -> None:
        """Show what is being done; `is_making` says that it can be cancelled."""
        self._update(busy=text, making=is_making, error="")

    def show_plan(self, plan: CopyPlan | None) -> None:
        """Show what the copy will have, and what it will lack; None removes that."""
        planned = None if plan is None else plan_fields(plan)
        self._update(busy="", making=False, plan=planned, made=None)

    def show_made(self, copy: EnvironmentCopy) -> None:
        """Show the copy, with its kernel."""
        self._update(busy="", making=False, plan=None, made=made_fields(copy))

    def fail(self, error: str) -> None:
        """Show an error; a plan stays."""
        self._update(busy="", making=False, error=error)

    def close_view(self) -> None:
        """Close the form."""
        self.form = {}

    def _update(self, **fields: Any) -> None:
        if self.is_open:
            self.form = {**self.form, **fields}
