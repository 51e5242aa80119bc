"""The workers of the environments that a change touches: drained before, restarted after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pkgwidgets.core.text import count_noun, join_names, shorten_names

from . import worker_restart
from .dask_transport import DaskTransport
from .environments import SURVEY_SECONDS, SurveyedEnvironment
from .errors import ClusterRefused
from .participants import ApplyLimits
from .two_phase import Settlement
from .values import EnvironmentState, RestartedWorker

_NOT_PAUSABLE = (
    "its workers cannot be paused, because their Python has no pkgwidgets. "
    "Apply with `restart=False`, and restart them when they are idle"
)
_SCHEDULER_LACKS = (
    "its Python has no pkgwidgets, so what a restart of workers would lose is unknown. "
    "Install it there, or pass `lose_data=True`"
)


class ClusterRestart:
    """Drains and restarts the workers of some environments, by their names."""

    def __init__(
        self,
        transport: DaskTransport,
        surveyed: Sequence[SurveyedEnvironment],
        limits: ApplyLimits,
    ) -> None:
        self._transport = transport
        self._surveyed = surveyed
        self._limits = limits

    @property
    def _workers(self) -> list[str]:
        return [name for entry in self._surveyed for name in entry.environment.workers]

    async def check(self, *, lose_data: bool) -> None:
        """Raise `ClusterRefused` if a change cannot restart these workers afterwards."""
        await self._check_pausable()
        if not lose_data:
            await self.check_data()

    async def _check_pausable(self) -> None:
        """Raise `ClusterRefused` for an environment whose workers cannot be paused."""
        loaded = await self._transport.loaded()
        for entry in self._surveyed:
            if any(loaded.get(name) is None for name in entry.environment.workers):
                raise ClusterRefused(entry.environment.id, _NOT_PAUSABLE)

    async def check_data(self) -> None:
        """Raise `ClusterRefused` if a restart loses data that no task can compute again."""
        try:
            keys = await worker_restart.keys_at_stake(self._transport, self._workers)
        except ImportError:
            raise ClusterRefused("The scheduler", _SCHEDULER_LACKS) from None
        if keys:
            held = f"{count_noun(len(keys), 'key')} ({shorten_names(keys)})"
            reason = (
                f"a restart of its workers would lose {held}, which no task can compute again. "
                "Fetch this data first, or pass `lose_data=True`"
            )
            raise ClusterRefused(join_names([e.environment.id for e in self._surveyed]), reason)

    async def drain(self) -> None:
        """Let all these workers end their running tasks, and start no others."""
        await worker_restart.drain(self._transport, self._workers, self._limits.drain_seconds)

    async def end(self, settled: Settlement) -> list[RestartedWorker]:
        """Restart the workers whose environments changed, and resume the others."""
        states = {outcome.environment: outcome.state for outcome in settled.environments}
        changed = []
        for entry in self._surveyed:
            if states[entry.environment.id] is EnvironmentState.UNCHANGED:
                await worker_restart.resume(self._transport, entry.environment.workers)
            else:
                changed.append(entry)
        return await self._restart(changed)

    async def drain_and_restart(self) -> list[RestartedWorker]:
        """Drain and restart all; return them with what they have loaded and should not."""
        await self.drain()
        return await self._restart(self._surveyed)

    async def _restart(self, surveyed: Sequence[SurveyedEnvironment]) -> list[RestartedWorker]:
        """Restart one environment after another, and compare what its workers have loaded."""
        restarted: list[RestartedWorker] = []
        for entry in surveyed:
            names = entry.environment.workers
            missing = await worker_restart.restart(self._transport, names)
            facts = await entry.leader.ask("survey", SURVEY_SECONDS)
            loaded = await self._transport.loaded()
            for name in names:
                problem = missing.get(name) or _stale(facts["packages"], loaded.get(name))
                restarted.append(
                    RestartedWorker(
                        name=name,
                        environment=entry.environment.id,
                        is_back=name not in missing,
                        problem=problem,
                    )
                )
        return restarted


def _stale(installed: Mapping[str, str], loaded: Mapping[str, str] | None) -> str:
    """Return what a worker has loaded in another version than is installed."""
    if loaded is None:
        return "what it has loaded is unknown, because its Python has no pkgwidgets"
    return "; ".join(
        f"{package} {version} is loaded, {installed[package]} is installed"
        for package, version in loaded.items()
        if package in installed and installed[package] != version
    )
