"""What the view of copies shows: a plan, what was made, and the mark of a copy."""

from __future__ import annotations

from typing import Any

from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy
from pkgwidgets.core.text import count_noun, format_day

_Fields = dict[str, Any]
CANCELLED_TEXT = "The copy was cancelled. Nothing is left of it."


def plan_fields(plan: CopyPlan) -> _Fields:
    """Return a plan as the view shows it: what the copy will have, and what it will lack."""
    count = count_noun(len(plan.packages), "package")
    return {
        "name": plan.name,
        "text": f"The copy will have {count} and Python {plan.python_version}, in {plan.folder}.",
        "left_out": [{"name": name, "why": why} for name, why in plan.left_out.items()],
        "notes": [f"{note}." for note in plan.notes],
    }


def made_fields(copy: EnvironmentCopy) -> _Fields:
    """Return a copy that was just made; `label` is what Jupyter calls its kernel."""
    count = count_noun(copy.packages, "package")
    return {
        "name": copy.name,
        "text": f"The copy {copy.name} is made: {count}, Python {copy.python_version}.",
        "notes": [f"{note}." for note in copy.notes],
        "kernel": copy.kernel,
        "label": f"Python {copy.python_version} ({copy.name})" if copy.kernel else "",
    }


def mark_fields(copy: EnvironmentCopy | None) -> _Fields:
    """Return what the list says of an environment that is a copy; empty for None."""
    if copy is None:
        return {}
    day = format_day(copy.created)
    return {
        "name": copy.name,
        "text": f"This is {copy.name}, a copy of {copy.source}, made {day}.",
        "kept": copy.kept,
        "kernel": copy.return_to,
    }
