"""Convert plans to JSON and back, for a later session or another front end."""

from __future__ import annotations

import json
from typing import Any

from .hold_changes import HoldChange
from .json_values import JsonShape
from .plans import Change, HeldBack, Plan
from .projects import FileEdit, ProjectChange
from .text_edits import LineEdit

_Json = dict[str, Any]

CHANGE = JsonShape(
    Change,
    names={"requested_after": "marked", "reason": "because", "startup_files": "starts"},
    computed=("kind",),
    optional=("startup_files",),
)
HELD_BACK = JsonShape(HeldBack, names={"kept_version": "stays", "how_to_unblock": "unlock"})
HOLD_CHANGE = JsonShape(HoldChange)
LINE_EDIT = JsonShape(LineEdit)
FILE_EDIT = JsonShape(FileEdit, parts=(LINE_EDIT,))
PROJECT_CHANGE = JsonShape(ProjectChange, parts=(FILE_EDIT,))
PLAN_NAMES = {"environment_fingerprint": "environment"}
PLAN = JsonShape(
    Plan,
    names=PLAN_NAMES,
    computed=("id",),
    without=("restart", "kernels"),
    optional=("notes", "holds", "project"),
    parts=(CHANGE, HELD_BACK, HOLD_CHANGE, PROJECT_CHANGE),
)
"""Without what only one kernel knows: its restart, and other kernels."""


def plan_to_json(plan: Plan) -> _Json:
    """Return a plan as JSON values, without what only one kernel knows."""
    return PLAN.to_json(plan)


def plan_from_json(data: _Json) -> Plan:
    """Return the plan that `plan_to_json` converted; raise ValueError for anything else."""
    try:
        plan = PLAN.from_json(data)
    except ValueError as error:
        raise ValueError(f"not a plan: {error}") from error
    if plan.id != data.get("id"):
        raise ValueError("the plan's id is not the hash of its changes")
    return plan


def plan_to_text(plan: Plan) -> str:
    """Return the JSON text that is stored with a transaction."""
    return json.dumps(plan_to_json(plan), indent=1, sort_keys=True)


def plan_from_text(text: str) -> Plan:
    """Return the plan of a stored text; raise ValueError for anything else."""
    try:
        return plan_from_json(json.loads(text))
    except RecursionError as error:
        raise ValueError("not a plan: too deep") from error
