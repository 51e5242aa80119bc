"""The plan before it is applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.model import Change, HeldBack, Plan
from pkgwidgets.core.versions import bump
from pkgwidgets.core.words import size

from .table import HERE, Message


class PlanView(anywidget.AnyWidget):
    """Shows a plan and sends apply, cancel or unlock."""

    _esm = HERE / "plan.js"
    _css = HERE / "panel.css"

    state = traitlets.Unicode("hidden").tag(sync=True)
    plan = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)

    def __init__(self, asked: Callable[[Message], None]) -> None:
        super().__init__()
        self.on_msg(lambda _, message, __: asked(message))

    def begin(self, title: str) -> None:
        """Open at once, while the plan is being made."""
        with self.hold_sync():
            self.plan = {"title": title}
            self.state = "loading"

    def show(self, title: str, plan: Plan, cell: str) -> None:
        """Show what would be done; `cell` is the source that would do the same."""
        with self.hold_sync():
            self.plan = {"title": title, "cell": cell, **_contents(plan)}
            self.state = "ready"

    def fail(self, error: str, unlock: str = "") -> None:
        """Say why there is no plan; `unlock` offers the one that there could be."""
        with self.hold_sync():
            self.plan = {"title": self.plan.get("title", ""), "unlock": unlock}
            self.error = error
            self.state = "failed"

    def close_view(self) -> None:
        """Show nothing."""
        self.state = "hidden"


def _contents(plan: Plan) -> dict[str, Any]:
    fetched = size(plan.download_size) or "unknown size"
    restart = plan.restart
    return {
        "changes": [_change(change) for change in plan.changes],
        "held_back": [_held(held, alone=len(plan.requested) == 1) for held in plan.held_back],
        "restart": str(restart).partition(": ")[2] if restart is not None else "",
        "footer": "from the saved files · can be undone"
        if plan.from_save_point
        else f"{fetched} to fetch · can be undone",
        "warnings": [f"{text[:1].upper()}{text[1:]}." for text in plan.warnings],
        "commands": list(plan.commands),
        "empty": not plan,
    }


def _change(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    step = bump(before, after).value if before is not None and after is not None else ""
    return {
        "name": change.name,
        "before": "" if before is None else str(before),
        "after": "" if after is None else str(after),
        "kind": change.kind.value,
        "bump": step,
        "size": size(change.size),
        "why": "you asked for this" if change.requested else change.because,
        "requested": change.requested,
    }


def _held(held: HeldBack, *, alone: bool) -> dict[str, str]:
    missed = f"ot {held.latest}" if held.latest is not None else "ot changed"
    return {
        "text_strong": f"N{missed}:" if alone else f"{held.name} n{missed}:",
        "text": f"{held.reason}.".replace("..", "."),
        "unlock": f"Show the plan that would {held.unlock}" if held.unlock else "",
    }
