"""Plans that were shown and wait to be carried out: once, by whom and where they were made for."""

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
"""Seconds after which nobody remembers what was shown."""
_MAX_ID_CHARACTERS = 80
"""Characters of an id that are said back; ours are shorter."""
_MAX_PLANS = 1000
"""So many plans are kept; the oldest goes first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """For whom a plan was made, and where."""

    user: str
    prefix: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class _StoredPlan:
    plan: Plan
    verb: str
    owner: Owner
    since: float


class PlanStore:
    """Plans by ids that nobody can guess."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, _StoredPlan] = OrderedDict()

    def keep(self, plan: Plan, verb: str, owner: Owner) -> str:
        """Keep a plan for its owner; return the id that carries it out."""
        id = secrets.token_hex(16)
        self._kept[id] = _StoredPlan(plan=plan, verb=verb, owner=owner, since=self._clock())
        while len(self._kept) > _MAX_PLANS:
            self._kept.popitem(last=False)
        return id

    def take(self, id: str, verb: str, owner: Owner, fits: Callable[[Plan], bool]) -> Plan:
        """Return a plan, which is gone then; raises `PlanNotFound`.

        So it does for another's, and for one that does not fit: those stay.
        """
        kept = self._kept.get(id)
        if kept is None or (kept.verb, kept.owner) != (verb, owner) or not fits(kept.plan):
            raise PlanNotFound(id[:_MAX_ID_CHARACTERS])
        del self._kept[id]
        if self._clock() - kept.since > _LIFETIME_SECONDS:
            raise PlanNotFound(id[:_MAX_ID_CHARACTERS])
        return kept.plan
