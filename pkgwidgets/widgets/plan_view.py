"""The plan before it is applied, and what it would mean for the notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.kernels import Kernel, Restart
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.text import format_size
from pkgwidgets.core.versions import version_step

from .assets import STATIC, bundle
from .package_table import Message
from .panel_request import listed

_MAX_REASONS = 3
"""Reasons for a restart that are named; of the others only their number."""


class PlanView(anywidget.AnyWidget):
    """Shows a plan and sends apply, cancel or unlock; look; try, survive, stop of a rehearsal.

    `impact` and `rehearsal` are filled in beside the plan; `home` is the model of the panel, by
    which the page finds its cell.
    """

    _esm = bundle("plan_view")
    _css = STATIC / "plan.css"

    state = traitlets.Unicode("hidden").tag(sync=True)
    plan = traitlets.Dict().tag(sync=True)
    error = traitlets.Unicode().tag(sync=True)
    impact = traitlets.Dict().tag(sync=True)
    rehearsal = traitlets.Dict().tag(sync=True)
    home = traitlets.Unicode().tag(sync=True)

    def __init__(self, on_message: Callable[[Message], None], **options: Any) -> None:
        super().__init__(**options)
        self.on_msg(lambda _, message, __: on_message(message))

    def begin(self, title: str) -> None:
        """Open at once, while the plan is being made."""
        with self.hold_sync():
            self.plan, self.impact, self.rehearsal = {"title": title}, {}, {}
            self.state = "loading"

    def show(self, title: str, plan: Plan, cell: str, *, whole: bool = False) -> None:
        """Show what would be done; `cell` is the source that would do the same.

        `whole`: it is for everything, so that what breaks a notebook can be left out.
        """
        with self.hold_sync():
            self.plan = {"title": title, "cell": cell, "whole": whole, **_contents(plan)}
            self.impact, self.rehearsal = {}, {}
            self.state = "ready"

    def fail(self, error: str, unlock: str = "") -> None:
        """Say why there is no plan; `unlock` offers the one that there could be."""
        with self.hold_sync():
            self.plan = {"title": self.plan.get("title", ""), "unlock": unlock}
            self.error = error
            self.state = "failed"

    def close_view(self) -> None:
        """Show nothing."""
        with self.hold_sync():
            self.impact, self.rehearsal = {}, {}
            self.state = "hidden"


def _contents(plan: Plan) -> dict[str, Any]:
    fetched = format_size(plan.download_size) or "unknown size"
    return {
        "id": plan.id,
        "changes": [_change(change) for change in plan.changes],
        "held_back": [
            _held(held, alone=plan.requested in ((held.name,), (held.id,)))
            for held in plan.held_back
        ],
        "restart": because(plan.restart),
        "word": word(plan.restart),
        "others": _others(plan.kernels) if plan else "",
        "footer": "from the saved files · can be undone"
        if plan.from_save_point
        else f"{fetched} to fetch · can be undone",
        "warnings": [f"{text[:1].upper()}{text[1:]}." for text in plan.cautions],
        "commands": list(plan.commands),
        "empty": not plan,
    }


def word(restart: Restart | None) -> str:
    """Return the verdict as a heading; "" where no restart is needed."""
    if restart is None or not restart.needed:
        return ""
    return "Restart advised" if restart.verdict == "advised" else "Restart needed"


def because(restart: Restart | None) -> str:
    """Say why a restart is needed, "" if it is not: what is loaded, and what of it matters."""
    if restart is None or not restart.needed:
        return ""
    reasons = restart.reasons or (str(restart).partition(": ")[2],)
    more = len(reasons) - _MAX_REASONS
    return "; ".join(reasons[:_MAX_REASONS]) + (f"; and {more} more" if more > 0 else "") + "."


def _others(kernels: Sequence[Kernel]) -> str:
    """Name the other notebooks that run on what is changed; a kernel that tells none, by number."""
    if not kernels:
        return ""
    names = [kernel.notebook or f"process {kernel.process}" for kernel in kernels]
    noun = "notebook" if all(kernel.notebook for kernel in kernels) else "kernel"
    if len(kernels) == 1:
        return f"One other {noun} uses this environment: {names[0]}."
    return f"{len(kernels)} other {noun}s use this environment: {listed(names)}."


def _change(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    step = version_step(before, after).value if before is not None and after is not None else ""
    return {
        "name": change.name,
        "before": "" if before is None else str(before),
        "after": "" if after is None else str(after),
        "kind": change.kind.value,
        "bump": step,
        "size": format_size(change.size),
        "why": "you asked for this" if change.requested else change.reason,
        "requested": change.requested,
    }


def _held(held: HeldBack, *, alone: bool) -> dict[str, str]:
    missed = f"ot {held.latest}" if held.latest is not None else "ot changed"
    return {
        "text_strong": f"N{missed}:" if alone else f"{held.name} n{missed}:",
        "text": f"{held.reason}.".replace("..", "."),
        "unlock": f"Show the plan that would {held.how_to_unblock}" if held.how_to_unblock else "",
    }
