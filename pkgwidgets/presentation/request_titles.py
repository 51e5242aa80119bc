"""The titles of requests in the panel: while one is planned, and while it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pkgwidgets.core.history import is_undo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.text import shorten_names
from pkgwidgets.core.transactions import Transaction, requester_text

from .labels import undo_label


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestTitles:
    """The title of a plan, and that of its progress.

    `blocked` is the title of a plan that changes nothing because it holds all back, or "".
    """

    plan: str
    progress: str
    blocked: str = ""

    def of(self, plan: Plan) -> str:
        """Return the title of a plan that was made: it says which question the plan answers."""
        return self.blocked if self.blocked and plan.held_back and not plan else self.plan


def upgrade_titles(names: Sequence[str] | None, version: str | None = None) -> RequestTitles:
    """Return the titles of an upgrade of these packages, or of all (None).

    >>> upgrade_titles(["pandas"], "3.0.0").plan
    'Change pandas to 3.0.0'
    >>> upgrade_titles(["pandas"]).blocked
    'Why pandas is blocked'
    """
    target = f"{format_names(names)}{f' to {version}' if version else ''}"
    verb, progress_verb = ("Change", "Changing") if version else ("Upgrade", "Upgrading")
    verb_of_state = "are" if names is not None and len(names) > 1 else "is"
    return RequestTitles(
        plan=f"{verb} {target}",
        progress=f"{progress_verb} {target}",
        blocked=f"Why {target} {verb_of_state} blocked" if names and not version else "",
    )


def install_titles(requirements: str) -> RequestTitles:
    """Return the titles of an installation."""
    return RequestTitles(plan=f"Install {requirements}", progress=f"Installing {requirements}")


def uninstall_titles(names: Sequence[str]) -> RequestTitles:
    """Return the titles of an uninstallation."""
    shown = format_names(names)
    return RequestTitles(plan=f"Uninstall {shown}", progress=f"Uninstalling {shown}")


def fix_titles(names: Sequence[str] | None) -> RequestTitles:
    """Return the titles of a fix of these packages, or of all (None)."""
    target = format_names(names)
    return RequestTitles(plan=f"Fix {target}", progress=f"Fixing {target}")


def restore_titles() -> RequestTitles:
    """Return the titles of a return to a lock or a day."""
    return RequestTitles(plan="Restore packages", progress="Restoring packages")


def undo_titles(transaction: Transaction, history: Sequence[Transaction]) -> RequestTitles:
    """Return the titles of an undo; `history` tells whether it is a redo."""
    is_redo = is_undo(transaction, history)
    names = format_names(transaction.plan.changed_names)
    return RequestTitles(
        plan=f"{undo_label(is_undo=is_redo)}: {names}",
        progress=f"{'Redoing' if is_redo else 'Undoing'}: {names}",
    )


def running_title(running: Transaction) -> str:
    """Return the title of a change that another session began."""
    requester = requester_text(running.requester, running.process)
    names = format_names(running.plan.changed_names)
    return f"Changing {names}, started by {requester or 'another session'}"


def format_names(names: Sequence[str] | None) -> str:
    """Return at most three names as a text: `a, b, c and 9 more`; None is `all`."""
    return "all" if names is None else shorten_names(names)
