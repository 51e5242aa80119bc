"""The canonical text of a plan: JSON that a later session, or another face, reads back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from packaging.version import Version

from .plans import Change, HeldBack, Plan

_Json = dict[str, Any]


def change_to_json(change: Change) -> _Json:
    """Return a change as JSON values, versions as text."""
    return {
        "id": change.id,
        "name": change.name,
        "kind": change.kind.value,
        "before": _optional_text(change.before),
        "after": _optional_text(change.after),
        "wheel": change.wheel,
        "sha256": change.sha256,
        "size": change.size,
        "hashes": list(change.hashes),
        "requested": change.requested,
        "marked": change.requested_after,
        "because": change.reason,
        "starts": list(change.startup_files),
    }


def plan_to_json(plan: Plan) -> _Json:
    """Return a plan as JSON values, without what only one kernel sees: its restart, and others."""
    return {
        "id": plan.id,
        "requested": list(plan.requested),
        "changes": [change_to_json(change) for change in plan.changes],
        "held_back": [
            {
                "id": held.id,
                "name": held.name,
                "stays": str(held.kept_version),
                "latest": _optional_text(held.latest),
                "reason": held.reason,
                "unlock": held.how_to_unblock,
            }
            for held in plan.held_back
        ],
        "environment": plan.environment_fingerprint,
        "python": str(plan.python),
        "created": plan.created.isoformat(),
        "allow": plan.allow,
        "commands": list(plan.commands),
        "undoes": plan.undoes,
        "from_save_point": plan.from_save_point,
        "notes": list(plan.notes),
    }


def plan_from_json(data: _Json) -> Plan:
    """Return the plan that `plan_to_json` gave; raises ValueError for anything else."""
    try:
        plan = Plan(
            requested=tuple(data["requested"]),
            changes=tuple(_change(row) for row in data["changes"]),
            held_back=tuple(_held_back(row) for row in data["held_back"]),
            environment_fingerprint=data["environment"],
            python=Path(data["python"]),
            created=datetime.fromisoformat(data["created"]),
            allow=data["allow"],
            commands=tuple(data["commands"]),
            undoes=data["undoes"],
            from_save_point=data["from_save_point"],
            notes=tuple(data.get("notes", ())),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a plan: {error!r}") from error
    if plan.id != data.get("id"):
        raise ValueError("the plan's id is not the hash of its changes")
    return plan


def plan_to_text(plan: Plan) -> str:
    """Return the text that is kept beside a transaction."""
    return json.dumps(plan_to_json(plan), indent=1, sort_keys=True)


def plan_from_text(text: str) -> Plan:
    """Return the plan of a kept text; raises ValueError for anything else."""
    try:
        return plan_from_json(json.loads(text))
    except RecursionError as error:
        raise ValueError("not a plan: too deep") from error


def _change(row: _Json) -> Change:
    return Change(
        id=row["id"],
        name=row["name"],
        before=_optional(Version, row["before"]),
        after=_optional(Version, row["after"]),
        wheel=row["wheel"],
        sha256=row["sha256"],
        size=row["size"],
        hashes=tuple(row["hashes"]),
        requested=row["requested"],
        requested_after=row["marked"],
        reason=row["because"],
        startup_files=tuple(row.get("starts", ())),
    )


def _held_back(row: _Json) -> HeldBack:
    return HeldBack(
        id=row["id"],
        name=row["name"],
        kept_version=Version(row["stays"]),
        latest=_optional(Version, row["latest"]),
        reason=row["reason"],
        how_to_unblock=row["unlock"],
    )


def _optional(make: Callable[[str], Version], text: str | None) -> Version | None:
    return None if text is None else make(text)


def _optional_text(version: Version | None) -> str | None:
    return None if version is None else str(version)
