"""The environments of a cluster: its workers, grouped by host and real prefix, and surveyed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pkgwidgets.connect import leader_command, was_not_taken
from pkgwidgets.core.errors import PkgwidgetsError

from . import messages
from .errors import EnvironmentUnreachable
from .transport import RemoteOutput, Transport, WorkerPlace
from .values import ClusterEnvironment

SURVEY_SECONDS = 120.0
PLAN_SECONDS = 900.0
_NO_NANNY = (
    "Its workers have no nanny, so they cannot be restarted. Start them with a nanny, "
    "which is the default of `dask worker`"
)
_NO_PKGWIDGETS = (
    "Its Python has no pkgwidgets. Install it there, or name another interpreter of this host "
    "that has it"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Leader:
    """Where the leader of one environment is started, and for which interpreter it works.

    `target` is the environment's own Python; None if the leader itself runs in it. `others` are
    addresses on the same host where it can be started, too, when the first is gone.
    """

    transport: Transport
    address: str
    python: str
    target: str | None
    name: str
    others: tuple[str, ...] = ()

    async def ask(self, do: str, seconds: float, **facts: Any) -> dict[str, Any]:
        """Return the answer of a leader; raise its error, or `EnvironmentUnreachable`."""
        return await self._ask(self.address, do, seconds, facts)

    async def ask_anywhere(self, do: str, seconds: float, **facts: Any) -> dict[str, Any]:
        """Return the answer as `ask` does; try all addresses of the host until one answers."""
        *first, last = dict.fromkeys((self.address, *self.others))
        for address in first:
            with suppress(EnvironmentUnreachable):
                return await self._ask(address, do, seconds, facts)
        return await self._ask(last, do, seconds, facts)

    async def ask_waiting(
        self, command: Sequence[str], do: str, seconds: float, **facts: Any
    ) -> dict[str, Any] | None:
        """Return the answer of a leader that waits, as `ask` does; None if it no longer waits.

        `command` is what that leader gave to reach it.
        """
        output = await self._run(self.address, command, do, seconds, facts)
        if was_not_taken(output.returncode):
            return None
        return messages.read_answer(output.returncode, output.stdout, output.stderr)

    async def _ask(
        self, address: str, do: str, seconds: float, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        output = await self._run(address, leader_command(self.python), do, seconds, facts)
        return messages.read_answer(output.returncode, output.stdout, output.stderr)

    async def _run(
        self,
        address: str,
        command: Sequence[str],
        do: str,
        seconds: float,
        facts: Mapping[str, Any],
    ) -> RemoteOutput:
        request = messages.request(do, python=self.target, **facts)
        try:
            async with asyncio.timeout(seconds):
                return await self.transport.run(address, command, request, seconds)
        except TimeoutError as error:
            why = f"no answer within {seconds:.0f} seconds"
            raise EnvironmentUnreachable(self.name, why) from error


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyedEnvironment:
    """An environment and its leader, with what a survey read.

    `packages` are the versions that it has installed, by normalized name. `first` is its answer to
    the question that was asked with the survey; None without one. Both are empty before a survey.
    """

    environment: ClusterEnvironment
    leader: Leader
    packages: Mapping[str, str] = field(default_factory=dict)
    first: Mapping[str, Any] | None = None


async def locate_environments(
    transport: Transport, interpreters: Mapping[str, str]
) -> tuple[SurveyedEnvironment, ...]:
    """Return the environments of a cluster, sorted by id; no process is started in any.

    `interpreters` maps hosts to a Python there that has pkgwidgets.
    """
    groups: dict[tuple[str, str], list[WorkerPlace]] = {}
    all_places = await transport.places()
    for place in all_places:
        groups.setdefault((place.host, place.prefix), []).append(place)
    located = [_locate(transport, own, all_places, interpreters) for own in groups.values()]
    return tuple(sorted(located, key=lambda entry: entry.environment.id))


async def survey_environments(
    transport: Transport,
    interpreters: Mapping[str, str],
    question: Mapping[str, Any] | None = None,
    index_url: str | None = None,
) -> tuple[SurveyedEnvironment, ...]:
    """Return the environments of a cluster, sorted by id, each read by one leader.

    `question` is a request for a plan, which each leader answers at once. A process that is started
    for it later would read the environment again.
    """
    located = await locate_environments(transport, interpreters)
    return tuple(await asyncio.gather(*(_survey(entry, question, index_url) for entry in located)))


def _locate(
    transport: Transport,
    places: Sequence[WorkerPlace],
    all_places: Sequence[WorkerPlace],
    interpreters: Mapping[str, str],
) -> SurveyedEnvironment:
    first = next((place for place in places if place.has_nanny), places[0])
    other = interpreters.get(first.host)
    of_host = [place for place in all_places if place.host == first.host and not place.error]
    starters = [place.address for place in (*places, *of_host) if place.has_nanny]
    leader = Leader(
        transport=transport,
        address=first.address,
        python=other or first.python,
        target=first.python if other else None,
        name=f"{first.host}:{first.prefix}",
        others=tuple(dict.fromkeys(starters)),
    )
    has_nannies = all(place.has_nanny for place in places)
    no_nanny = "" if has_nannies or not transport.kind.needs_nannies else _NO_NANNY
    environment = ClusterEnvironment(
        host=first.host,
        prefix=Path(first.prefix),
        python=Path(first.python),
        python_version=first.python_version,
        workers=tuple(sorted(place.name for place in places)),
        nannies=tuple(sorted({place.address for place in places if place.has_nanny})),
        problem=first.error or no_nanny,
    )
    return SurveyedEnvironment(environment=environment, leader=leader)


async def _survey(
    located: SurveyedEnvironment, question: Mapping[str, Any] | None, index_url: str | None
) -> SurveyedEnvironment:
    facts, problem = await _ask_for_facts(located, question, index_url)
    environment = located.environment
    environment = replace(
        environment,
        python_version=facts.get("python_version", environment.python_version),
        platform=" ".join(filter(None, [facts.get("platform"), facts.get("machine")])),
        pkgwidgets=facts.get("pkgwidgets", ""),
        problem=problem or environment.problem or facts.get("problem", ""),
    )
    return replace(
        located,
        environment=environment,
        packages=facts.get("packages", {}),
        first=facts.get("first"),
    )


async def _ask_for_facts(
    located: SurveyedEnvironment, question: Mapping[str, Any] | None, index_url: str | None
) -> tuple[Mapping[str, Any], str]:
    """Return the facts that a leader reads, and why there are none."""
    target = located.leader.target
    if not (located.leader.python if target is None else target):  # the place gave no facts
        return {}, located.environment.problem
    seconds = SURVEY_SECONDS if question is None else PLAN_SECONDS
    try:
        facts = await located.leader.ask("survey", seconds, plan=question, index_url=index_url)
    except PkgwidgetsError as error:
        is_missing = "No module named" in str(error) or "No such file" in str(error)
        return {}, _NO_PKGWIDGETS if is_missing else error.sentence().rstrip(".")
    return facts, ""
