"""The record of one change of a cluster, as a later client reads it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pkgwidgets.core.plan_json import plan_from_json, plan_to_json

from .participants import Step
from .values import ClusterOutcome, ClusterPlan

_LAST_STEPS = frozenset({Step.COMMITTED, Step.REVERTED})


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterRecord:
    """A change of a cluster: its plan, when it began, and its steps so far with their times."""

    id: str
    plan: ClusterPlan
    started: datetime
    steps: tuple[tuple[Step, datetime], ...] = ()

    @property
    def has_ended(self) -> bool:
        """Whether all environments have the new packages, or all have the old ones."""
        return bool(self.steps) and self.steps[-1][0] in _LAST_STEPS

    @property
    def outcome(self) -> ClusterOutcome:
        """How it ended; INCOMPLETE if it did not."""
        if not self.has_ended:
            return ClusterOutcome.INCOMPLETE
        is_new = self.steps[-1][0] is Step.COMMITTED
        return ClusterOutcome.COMMITTED if is_new else ClusterOutcome.ROLLED_BACK

    @property
    def can_finish(self) -> bool:
        """Whether it is prepared everywhere and no undo has begun."""
        return bool(self.steps) and self.steps[-1][0] is Step.COMMITTING


def new_id() -> str:
    """Return the id of a new change; ids sort by time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"


def describe_plan(plan: ClusterPlan) -> dict[str, Any]:
    """Return the first line of a record."""
    plans = {environment: plan_to_json(part) for environment, part in plan.plans}
    now = datetime.now(UTC).isoformat()
    return {
        "plan": plan.id,
        "requested": list(plan.requested),
        "plans": plans,
        "undoes": plan.undoes,
        "started": now,
    }


def read_record(
    change: str, description: Mapping[str, Any], steps: tuple[Mapping[str, Any], ...]
) -> ClusterRecord:
    """Return the record of stored lines; raise ValueError for anything else."""
    try:
        plan = ClusterPlan(
            requested=tuple(description["requested"]),
            plans=tuple(
                (environment, plan_from_json(part))
                for environment, part in sorted(description["plans"].items())
            ),
            undoes=description["undoes"],
        )
        read = tuple((Step(line["step"]), datetime.fromisoformat(line["at"])) for line in steps)
        started = datetime.fromisoformat(description["started"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a record of a cluster: {error}") from error
    return ClusterRecord(id=change, plan=plan, started=started, steps=read)


class RecordLog:
    """The log of one change: each step becomes a line of its record."""

    def __init__(self, append: Callable[[Mapping[str, Any]], None]) -> None:
        self._append = append

    def record(self, step: Step) -> None:
        """Add a step with its time, durably."""
        self._append({"step": step.value, "at": datetime.now(UTC).isoformat()})
