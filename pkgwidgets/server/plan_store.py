"""Plans that were shown and may be applied: once, by the same user, to the same environment."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from pkgwidgets.core.plans import Plan

from .errors import PlanNotFound

_LIFETIME_SECONDS = 3600.0
"""Seconds after which a plan can no longer be applied."""
_MAX_ID_CHARACTERS = 80
"""Characters of an unknown id that an error quotes; ids of stored plans are shorter."""
_MAX_PLANS = 1000
"""Plans that are kept; the oldest is dropped first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """The user that requested a plan, and the prefix of the environment."""

    user: str
    prefix: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _StoredPlan:
    plan: Plan
    action: str
    owner: Owner
    stored_at: float


class PlanStore:
    """Plans by random ids of 128 bits, which cannot be guessed."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._plans: OrderedDict[str, _StoredPlan] = OrderedDict()

    def keep(self, plan: Plan, action: str, owner: Owner) -> str:
        """Keep a plan for its owner; return the id by which it can be applied."""
        plan_id = secrets.token_hex(16)
        self._plans[plan_id] = _StoredPlan(
            plan=plan, action=action, owner=owner, stored_at=self._clock()
        )
        while len(self._plans) > _MAX_PLANS:
            self._plans.popitem(last=False)
        return plan_id

    def take(
        self,
        plan_id: str,
        action: str | None,
        owner: Owner,
        fits: Callable[[Plan], bool] = lambda plan: True,
    ) -> Plan:
        """Remove a plan, of any action if that is None, and return it; raises `PlanNotFound`.

        That is also raised for another owner's plan and for one that does not fit: those stay.
        """
        stored = self._plans.get(plan_id)
        if (
            stored is None
            or stored.owner != owner
            or action not in (None, stored.action)
            or not fits(stored.plan)
        ):
            raise PlanNotFound(plan_id[:_MAX_ID_CHARACTERS])
        del self._plans[plan_id]
        if self._clock() - stored.stored_at > _LIFETIME_SECONDS:
            raise PlanNotFound(plan_id[:_MAX_ID_CHARACTERS])
        return stored.plan
