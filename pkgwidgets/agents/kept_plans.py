"""The plans that agents made: which rows of each were read, so that nothing unseen is applied."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from pkgwidgets.core.plans import Plan
from pkgwidgets.server.errors import PlanNotFound

from .answers import bounded
from .errors import PlanNotRead

_LIFETIME_SECONDS = 3600.0
"""Seconds after which a plan can no longer be applied."""
_MAX_PLANS = 200
"""Plans that are kept; the oldest is dropped first."""


@dataclass(kw_only=True, slots=True)
class KeptPlan:
    """A plan, the kernel that it is for, and the rows of it that were not read yet."""

    id: str
    plan: Plan
    kernel: str
    unread: set[int] = field(default_factory=set)
    kept_at: float = 0.0


class KeptPlans:
    """Plans by random ids of 128 bits: no id of another server, and no made-up one, is known."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._plans: OrderedDict[str, KeptPlan] = OrderedDict()

    def keep(self, plan: Plan, kernel: str, row_count: int) -> KeptPlan:
        """Keep a plan for a kernel; none of its rows is read."""
        kept = KeptPlan(
            id=secrets.token_hex(16),
            plan=plan,
            kernel=kernel,
            unread=set(range(row_count)),
            kept_at=self._clock(),
        )
        self._plans[kept.id] = kept
        while len(self._plans) > _MAX_PLANS:
            self._plans.popitem(last=False)
        return kept

    def get(self, plan_id: str) -> KeptPlan:
        """Return a plan; raises `PlanNotFound` for an unknown id and after an hour."""
        kept = self._plans.get(plan_id)
        if kept is None or self._clock() - kept.kept_at > _LIFETIME_SECONDS:
            self.drop(plan_id)
            raise PlanNotFound(bounded(plan_id))
        return kept

    def get_read(self, plan_id: str) -> KeptPlan:
        """Return a plan whose rows were all read; raises `PlanNotRead` and `PlanNotFound`."""
        kept = self.get(plan_id)
        if kept.unread:
            raise PlanNotRead(plan_id, len(kept.unread), min(kept.unread))
        return kept

    def take(self, plan_id: str) -> KeptPlan:
        """Remove a plan whose rows were all read, and return it; raises as `get_read`."""
        kept = self.get_read(plan_id)
        self.drop(plan_id)
        return kept

    def keep_again(self, kept: KeptPlan) -> None:
        """Keep a plan again that could not be started; its hour goes on."""
        self._plans[kept.id] = kept

    def drop(self, plan_id: str) -> None:
        """Forget a plan: it was applied, or its environment has changed."""
        self._plans.pop(plan_id, None)
