"""Ask the leaders of the surveyed environments for their plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.plan_json import plan_from_json
from pkgwidgets.core.plans import Plan

from .environments import PLAN_SECONDS, SurveyedEnvironment
from .errors import ClusterRefused


class LeaderPlanning:
    """Asks each environment; the first answer is the one that came with its survey, if one did.

    Raises `ClusterRefused` if an environment cannot be changed.
    """

    def __init__(self, surveyed: Iterable[SurveyedEnvironment], index_url: str | None) -> None:
        self._by_id = {entry.environment.id: entry for entry in surveyed}
        self._index_url = index_url
        self._answered: set[str] = set()
        for key, entry in self._by_id.items():
            if entry.environment.problem:
                raise ClusterRefused(key, entry.environment.problem)

    async def ask(self, environment: str, kind: str, given: Mapping[str, Any]) -> Plan:
        """Return the plan of an environment; raise the error of its leader."""
        entry = get_environment(self._by_id, environment)
        answer = entry.first
        if answer is None or environment in self._answered:
            answer = await entry.leader.ask(
                "plan", PLAN_SECONDS, kind=kind, arguments=given, index_url=self._index_url
            )
        self._answered.add(environment)
        if "error" in answer:
            raise error_from_json(answer["error"])
        return plan_from_json(answer["plan"])


def get_environment(
    by_id: Mapping[str, SurveyedEnvironment], environment: str
) -> SurveyedEnvironment:
    """Return an environment; raise `ClusterRefused` if it has no worker now."""
    if environment not in by_id:
        raise ClusterRefused(environment, "no worker of the cluster runs in it now")
    return by_id[environment]
