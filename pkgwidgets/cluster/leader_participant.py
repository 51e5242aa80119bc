"""An environment of a cluster in an apply: leaders there do what each call requests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pkgwidgets.core.plan_json import plan_to_json
from pkgwidgets.core.plans import Plan

from .environments import Leader
from .participants import ApplyLimits


class LeaderParticipant:
    """One environment, with its part of the plan. `change` is the id of the apply."""

    def __init__(
        self,
        environment: str,
        leader: Leader,
        plan: Plan,
        change: str,
        index_url: str | None,
        limits: ApplyLimits,
    ) -> None:
        self._environment = environment
        self._leader = leader
        self._plan = plan
        self._change = change
        self._index_url = index_url
        self._limits = limits
        self._waiting: Sequence[str] = ()
        """The command that reaches the leader which prepared the plan, while it waits."""

    @property
    def id(self) -> str:
        """The id of the environment."""
        return self._environment

    async def prepare(self) -> None:
        """Fetch and check the plan beside the environment, and permit its commit."""
        seconds = self._limits.prepare_seconds
        answer = await self._leader.ask("prepare", seconds, **self._facts())
        self._waiting = answer.get("waiting", ())

    async def commit(self) -> None:
        """Apply the plan; do nothing if this was done. Raises if the commit is not permitted.

        The leader that prepared it commits, else a new one.
        """
        seconds, facts = self._limits.commit_seconds, self._facts()
        if self._waiting:
            answer = await self._leader.ask_waiting(self._waiting, "commit", seconds, **facts)
            if answer is not None:
                return
        await self._leader.ask("commit", seconds, **facts)

    async def revert(self) -> bool:
        """Forbid the commit, wait until no leader works, and undo; return whether it undid."""
        answer = await self._leader.ask_anywhere(
            "revert",
            self._limits.revert_seconds,
            plan=self._plan.id,
            change=self._change,
            index_url=self._index_url,
        )
        return bool(answer["undone"])

    def _facts(self) -> dict[str, Any]:
        plan = plan_to_json(self._plan)
        return {"plan": plan, "change": self._change, "index_url": self._index_url}
