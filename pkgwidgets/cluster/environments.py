"""The environments of a cluster: its workers, grouped by host and real prefix, and surveyed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pkgwidgets.connect import leader_command
from pkgwidgets.core.errors import PkgwidgetsError

from . import messages
from .errors import EnvironmentUnreachable
from .transport import Transport, WorkerPlace
from .values import ClusterEnvironment

SURVEY_SECONDS = 120.0
_NO_NANNY = (
    "Its workers have no nanny, so they cannot be restarted. Start them with a nanny, "
    "which is the default of `dask worker`"
)
_NO_PKGWIDGETS = (
    "Its Python has no pkgwidgets with the extra `dask`. Install it there, or name another "
    "interpreter of this host that has it"
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

    async def _ask(
        self, address: str, do: str, seconds: float, facts: Mapping[str, Any]
    ) -> dict[str, Any]:
        request = messages.request(do, python=self.target, **facts)
        try:
            async with asyncio.timeout(seconds):
                output = await self.transport.run(
                    address, leader_command(self.python), request, seconds
                )
        except TimeoutError as error:
            why = f"no answer within {seconds:.0f} seconds"
            raise EnvironmentUnreachable(self.name, why) from error
        return messages.read_answer(output.returncode, output.stdout, output.stderr)


@dataclass(frozen=True, kw_only=True, slots=True)
class SurveyedEnvironment:
    """An environment, the versions that it has installed, and its leader."""

    environment: ClusterEnvironment
    packages: Mapping[str, str]
    leader: Leader


async def survey_environments(
    transport: Transport, interpreters: Mapping[str, str]
) -> tuple[SurveyedEnvironment, ...]:
    """Return the environments of a cluster, sorted by id, each read by one leader.

    `interpreters` maps hosts to a Python there that has pkgwidgets.
    """
    groups: dict[tuple[str, str], list[WorkerPlace]] = {}
    all_places = await transport.places()
    for place in all_places:
        groups.setdefault((place.host, place.prefix or place.address), []).append(place)
    surveyed = await asyncio.gather(
        *(_survey(transport, places, all_places, interpreters) for places in groups.values())
    )
    return tuple(_merge(surveyed))


async def _survey(
    transport: Transport,
    places: Sequence[WorkerPlace],
    all_places: Sequence[WorkerPlace],
    interpreters: Mapping[str, str],
) -> SurveyedEnvironment:
    first = next((place for place in places if place.has_nanny), places[0])
    other = interpreters.get(first.host)
    of_host = [place for place in all_places if place.host == first.host and not place.error]
    nannies = [place.address for place in (*places, *of_host) if place.has_nanny]
    leader = Leader(
        transport=transport,
        address=first.address,
        python=other or first.python,
        target=first.python if other else None,
        name=f"{first.host}:{first.prefix}",
        others=tuple(dict.fromkeys(nannies)),
    )
    facts, problem = await _ask_for_facts(leader, first)
    if not all(place.has_nanny for place in places):
        problem = problem or _NO_NANNY
    environment = ClusterEnvironment(
        host=first.host,
        prefix=Path(facts.get("prefix", first.prefix)),
        python=Path(first.python),
        python_version=facts.get("python_version", ""),
        platform=" ".join(filter(None, [facts.get("platform"), facts.get("machine")])),
        workers=tuple(sorted(place.name for place in places)),
        nannies=tuple(sorted({place.address for place in places if place.has_nanny})),
        pkgwidgets=facts.get("pkgwidgets", ""),
        problem=problem or facts.get("problem", ""),
    )
    return SurveyedEnvironment(
        environment=environment, packages=facts.get("packages", {}), leader=leader
    )


async def _ask_for_facts(leader: Leader, place: WorkerPlace) -> tuple[Mapping[str, Any], str]:
    """Return the facts that a leader reads, and why there are none."""
    if place.error:
        return {}, place.error
    try:
        return await leader.ask("survey", SURVEY_SECONDS), ""
    except PkgwidgetsError as error:
        is_missing = "No module named" in str(error) or "No such file" in str(error)
        return {}, _NO_PKGWIDGETS if is_missing else error.sentence().rstrip(".")


def _merge(surveyed: Iterable[SurveyedEnvironment]) -> list[SurveyedEnvironment]:
    """Join what has the same host and real prefix: a prefix may be reached through a link."""
    by_id: dict[str, SurveyedEnvironment] = {}
    for entry in surveyed:
        known = by_id.get(entry.environment.id)
        if known is not None:
            entry = _joined(known, entry)
        by_id[entry.environment.id] = entry
    return [by_id[name] for name in sorted(by_id)]


def _joined(first: SurveyedEnvironment, second: SurveyedEnvironment) -> SurveyedEnvironment:
    one, other = first.environment, second.environment
    environment = replace(
        one,
        workers=tuple(sorted({*one.workers, *other.workers})),
        nannies=tuple(sorted({*one.nannies, *other.nannies})),
        problem=one.problem or other.problem,
    )
    return replace(first, environment=environment)
