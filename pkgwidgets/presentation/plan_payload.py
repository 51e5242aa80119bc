"""What the panel shows of a plan: its changes, what is held back, and who must restart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from pkgwidgets.core.kernels import Kernel, Restart
from pkgwidgets.core.packages import VersionStep
from pkgwidgets.core.plans import PART_OF_ALL, Change, ChangeKind, HeldBack, Plan
from pkgwidgets.core.text import (
    UNKNOWN_SIZE,
    capitalize_first,
    count_noun,
    format_size,
    shorten_names,
)
from pkgwidgets.core.versions import version_step

from .change_text import REQUESTED, change_reason
from .hints import Face, held_back_text
from .labels import ALLOW_ALL

_MAX_REASONS = 3
"""Reasons for a restart that are named, at most; the others are counted."""

_MIN_SHARED = 3
"""Packages held back for the same reason that share a note."""


def plan_payload(plan: Plan) -> dict[str, Any]:
    """Return a plan as the plan view shows it; `headline` counts its changes."""
    return {
        "id": plan.id,
        "headline": changes_summary(plan.changes) if plan.changes else "",
        "changes": _change_rows(plan.changes),
        "held_back": held_back_notes(plan.held_back),
        "restart": restart_reasons(plan.restart),
        "word": restart_heading(plan.restart),
        "others": other_kernels_text(plan.kernels) if plan else "",
        "footer": _footer(plan),
        "warnings": [
            *(f"{capitalize_first(str(hold))}." for hold in plan.holds),
            *([f"{plan.project} will change, too."] if plan.project else []),
            *(f"{text}." for text in plan.change_warnings),
        ],
        "commands": list(plan.commands),
        "empty": not plan,
    }


def changes_summary(changes: Sequence[Change]) -> str:
    """Return `22 changes: 16 upgrades, 13 of them major, 6 new`; of one kind only its number."""
    kinds = Counter(change.kind for change in changes)
    parts = [
        count_noun(kinds[ChangeKind.UPGRADE], "upgrade"),
        count_noun(kinds[ChangeKind.DOWNGRADE], "downgrade"),
        f"{kinds[ChangeKind.INSTALL]} new",
        f"{kinds[ChangeKind.REMOVE]} uninstalled",
    ]
    parts[0] += _major_text(changes, kinds[ChangeKind.UPGRADE])
    shown = [part for part in parts if not part.startswith("0 ")]
    if len(shown) == 1:
        return shown[0]
    return f"{count_noun(len(changes), 'change')}: {', '.join(shown)}"


def _major_text(changes: Sequence[Change], upgrade_count: int) -> str:
    """Return `, 13 of them major`; of one upgrade `, major`; "" without a major one."""
    major_count = sum(
        change.kind is ChangeKind.UPGRADE and _step(change) == VersionStep.MAJOR
        for change in changes
    )
    if not major_count:
        return ""
    return ", major" if upgrade_count == 1 else f", {major_count} of them major"


def restart_heading(restart: Restart | None) -> str:
    """Return the heading of a restart note; "" if no restart is needed."""
    if restart is None or not restart.needed:
        return ""
    return "Restart advised" if restart.verdict == "advised" else "Restart needed"


def restart_clauses(restart: Restart | None) -> tuple[str, ...]:
    """Return all reasons for a restart; empty if no restart is needed."""
    if restart is None or not restart.needed:
        return ()
    return restart.reasons or (str(restart).partition(": ")[2],)


def restart_reasons(restart: Restart | None) -> str:
    """Return the first reasons for a restart as a text; "" if no restart is needed."""
    reasons = restart_clauses(restart)
    unnamed_count = len(reasons) - _MAX_REASONS
    more = f"; and {unnamed_count} more" if unnamed_count > 0 else ""
    return f"{'; '.join(reasons[:_MAX_REASONS])}{more}." if reasons else ""


def _footer(plan: Plan) -> str:
    if plan.from_save_point:
        return "from the saved files · can be undone"
    return f"{download_text(plan)} · can be undone"


def download_text(plan: Plan) -> str:
    """Return how much a plan fetches: `2.1 MB to fetch`, or that its index does not tell."""
    size = format_size(plan.download_size)
    return f"{size} to fetch" if size else UNKNOWN_SIZE


def other_kernels_text(kernels: Sequence[Kernel]) -> str:
    """Name the other notebooks that use the environment; a kernel without one by its process."""
    if not kernels:
        return ""
    names = [kernel.notebook or f"process {kernel.process}" for kernel in kernels]
    noun = "notebook" if all(kernel.notebook for kernel in kernels) else "kernel"
    if len(kernels) == 1:
        return f"One other {noun} uses this environment: {names[0]}."
    return f"{len(kernels)} other {noun}s use this environment: {shorten_names(names)}."


def _step(change: Change) -> str:
    before, after = change.before, change.after
    return version_step(before, after).value if before is not None and after is not None else ""


def _change_rows(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Return the changes with the reasons that the title of the plan does not tell."""
    are_named = all(change.requested for change in changes)
    rows = [_change_row(change) for change in changes]
    return [{**row, "why": ""} if are_named and row["why"] == REQUESTED else row for row in rows]


def _change_row(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    return {
        "name": change.name,
        "before": "" if before is None else str(before),
        "after": "" if after is None else str(after),
        "kind": change.kind.value,
        "bump": _step(change),
        "size": format_size(change.size),
        "why": change_reason(change).removeprefix(PART_OF_ALL).removeprefix(", "),
        "requested": change.requested,
    }


def held_back_notes(held_back: Sequence[HeldBack]) -> list[dict[str, str]]:
    """Return a note for each package that is held back; many with the same reason share one."""
    alike: dict[tuple[str, str], list[HeldBack]] = {}
    for item in held_back:
        alike.setdefault((item.reason, item.how_to_unblock), []).append(item)
    notes = list[dict[str, str]]()
    for items in alike.values():
        shared = len(items) >= _MIN_SHARED
        notes += [_shared_note(items)] if shared else map(_held_back_note, items)
    return notes


def _shared_note(items: Sequence[HeldBack]) -> dict[str, str]:
    note = _held_back_note(items[0])
    names = shorten_names([item.name for item in items])
    versions = f"{len(items)} packages stay ({names}):"
    return {**note, "versions": versions}


def _held_back_note(held_back: HeldBack) -> dict[str, str]:
    versions, _, reason = held_back_text(held_back, Face.PANEL).partition(": ")
    return {
        "versions": f"{versions}:",
        "text": f"{reason.removesuffix('.')}.",
        "unlock": ALLOW_ALL if held_back.how_to_unblock else "",
    }
