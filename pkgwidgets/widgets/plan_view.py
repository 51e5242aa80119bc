"""Show a plan before it is applied, with its impact and its rehearsal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import traitlets

from pkgwidgets.core.kernels import Kernel, Restart
from pkgwidgets.core.packages import VersionStep
from pkgwidgets.core.plans import Change, ChangeKind, HeldBack, Plan
from pkgwidgets.core.text import count_noun, format_size
from pkgwidgets.core.versions import version_step
from pkgwidgets.presentation.change_text import change_reason
from pkgwidgets.presentation.hints import Face, held_back_text

from .assets import STATIC, bundle
from .labels import ALLOW_ALL
from .package_table import Message
from .panel_request import format_names

_MAX_REASONS = 3
"""Reasons for a restart that are named, at most; the others are counted."""


class PlanView(anywidget.AnyWidget):
    """Shows a plan; sends `apply`, `cancel`, `unlock`, `look`, `try`, `survive` or `stop`.

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

    def begin(self, title: str) -> None:
        """Open the view while the plan is being made."""
        with self.hold_sync():
            self.plan = {"title": title}
            self._clear_checks()
            self.state = "loading"

    def show(self, title: str, plan: Plan, cell: str, *, whole: bool = False) -> None:
        """Show a plan; `cell` is the source of an equivalent notebook cell.

        `whole` is True for a plan that upgrades everything: then the view can offer a smaller plan
        that the notebook survives.
        """
        with self.hold_sync():
            self.plan = {"title": title, "cell": cell, "whole": whole, **_plan_state(plan)}
            self._clear_checks()
            self.state = "ready"

    def fail(self, error: str, unlock: str = "") -> None:
        """Show why there is no plan; `unlock` is the label of a wider request, or ""."""
        with self.hold_sync():
            self.plan = {"title": self.plan.get("title", ""), "unlock": unlock}
            self.error = error
            self.state = "failed"

    def close_view(self) -> None:
        """Close the view."""
        with self.hold_sync():
            self._clear_checks()
            self.state = "hidden"

    def _clear_checks(self) -> None:
        self.impact, self.rehearsal, self.preparation = {}, {}, {}


def _plan_state(plan: Plan) -> dict[str, Any]:
    download_size = format_size(plan.download_size) or "unknown size"
    return {
        "id": plan.id,
        "summary": changes_summary(plan.changes) if len(plan.changes) > 1 else "",
        "changes": [_change_row(change) for change in plan.changes],
        "held_back": [_held_back_note(item) for item in plan.held_back],
        "restart": restart_reasons(plan.restart),
        "word": restart_heading(plan.restart),
        "others": _other_kernels_text(plan.kernels) if plan else "",
        "footer": "from the saved files · can be undone"
        if plan.from_save_point
        else f"{download_size} to fetch · can be undone",
        "warnings": [f"{text}." for text in plan.change_warnings],
        "commands": list(plan.commands),
        "empty": not plan,
    }


def changes_summary(changes: Sequence[Change]) -> str:
    """Return `22 changes: 16 upgrades (13 major), 6 new`."""
    kinds = Counter(change.kind for change in changes)
    major_count = sum(
        change.kind is ChangeKind.UPGRADE and _step(change) == VersionStep.MAJOR
        for change in changes
    )
    major = f" ({major_count} major)" if major_count else ""
    parts = [
        f"{count_noun(kinds[ChangeKind.UPGRADE], 'upgrade')}{major}",
        count_noun(kinds[ChangeKind.DOWNGRADE], "downgrade"),
        f"{kinds[ChangeKind.INSTALL]} new",
        f"{kinds[ChangeKind.REMOVE]} uninstalled",
    ]
    shown = ", ".join(part for part in parts if not part.startswith("0 "))
    return f"{count_noun(len(changes), 'change')}: {shown}"


def restart_heading(restart: Restart | None) -> str:
    """Return the heading of a restart note; "" if no restart is needed."""
    if restart is None or not restart.needed:
        return ""
    return "Restart advised" if restart.verdict == "advised" else "Restart needed"


def restart_reasons(restart: Restart | None) -> str:
    """Return the reasons for a restart as a text; "" if no restart is needed."""
    if restart is None or not restart.needed:
        return ""
    reasons = restart.reasons or (str(restart).partition(": ")[2],)
    unnamed_count = len(reasons) - _MAX_REASONS
    more = f"; and {unnamed_count} more" if unnamed_count > 0 else ""
    return f"{'; '.join(reasons[:_MAX_REASONS])}{more}."


def _other_kernels_text(kernels: Sequence[Kernel]) -> str:
    """Name the other notebooks that use the environment; a kernel without one by its process."""
    if not kernels:
        return ""
    names = [kernel.notebook or f"process {kernel.process}" for kernel in kernels]
    noun = "notebook" if all(kernel.notebook for kernel in kernels) else "kernel"
    if len(kernels) == 1:
        return f"One other {noun} uses this environment: {names[0]}."
    return f"{len(kernels)} other {noun}s use this environment: {format_names(names)}."


def _step(change: Change) -> str:
    before, after = change.before, change.after
    return version_step(before, after).value if before is not None and after is not None else ""


def _change_row(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    return {
        "name": change.name,
        "before": "" if before is None else str(before),
        "after": "" if after is None else str(after),
        "kind": change.kind.value,
        "bump": _step(change),
        "size": format_size(change.size),
        "why": change_reason(change),
        "requested": change.requested,
    }


def _held_back_note(held_back: HeldBack) -> dict[str, str]:
    versions, _, reason = held_back_text(held_back, Face.PANEL).partition(": ")
    return {
        "versions": f"{versions}:",
        "text": f"{reason.removesuffix('.')}.",
        "unlock": ALLOW_ALL if held_back.how_to_unblock else "",
    }
