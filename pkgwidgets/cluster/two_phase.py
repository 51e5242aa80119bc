"""Apply a plan in every environment or in none: prepare all, commit in waves, else undo all.

The first environment commits alone, and each next wave has as many as all before it. So an early
failure undoes little, and the time grows with the slowest of a few waves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentRefused,
    InvalidRequest,
    PkgwidgetsError,
    RollbackFailed,
    StillNeeded,
)
from pkgwidgets.core.events import Stage
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.redaction import redact

from .participants import ApplyLimits, EnvironmentEvent, Log, Participant, Step
from .values import OLD_STATES, ClusterOutcome, EnvironmentOutcome, EnvironmentState

_Item = TypeVar("_Item")

_CANNOT_UNDO = (EnvironmentRefused, InvalidRequest, StillNeeded)
"""The errors of an undo that another attempt does not change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settlement:
    """How an apply ended, with the state of each environment, sorted by its id."""

    outcome: ClusterOutcome
    environments: tuple[EnvironmentOutcome, ...]
    error: str = ""


class TwoPhaseApply:
    """One apply on some environments. `log` gets each step before it begins.

    `before_commit` is awaited once all are prepared; if it fails, nothing is committed.
    A failure, a timeout or `stop` undoes what was committed. What a lost client leaves, a later one
    ends: `revert` always can, and `finish` if `log` has COMMITTING and not REVERTING.
    """

    def __init__(
        self,
        participants: Sequence[Participant],
        log: Log,
        *,
        limits: ApplyLimits | None = None,
        report: Report = no_report,
        before_commit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._participants = sorted(participants, key=lambda participant: participant.id)
        self._log = log
        self._limits = limits or ApplyLimits()
        self.report = report
        """Gets an `EnvironmentEvent` for each step of each environment."""
        self._before_commit = before_commit
        self._forward: asyncio.Task[None] | None = None
        self._is_stopped = False

    def stop(self) -> None:
        """Undo the change instead of going on; too late once all have committed."""
        self._is_stopped = True
        if self._forward is not None:
            self._forward.cancel()

    async def apply(self) -> Settlement:
        """Prepare and commit; return once every environment is new, or was undone if it can be."""
        self._log.record(Step.PREPARING)
        failure = await self._attempt(self._prepare)
        return await self.finish() if failure is None else await self.revert(failure)

    async def finish(self) -> Settlement:
        """Commit what is prepared everywhere, else undo."""
        self._log.record(Step.COMMITTING)
        failure = await self._attempt(self._commit)
        if failure is not None:
            return await self.revert(failure)
        self._log.record(Step.COMMITTED)
        state = EnvironmentState.COMMITTED
        outcomes = (
            EnvironmentOutcome(environment=participant.id, state=state)
            for participant in self._participants
        )
        return Settlement(outcome=ClusterOutcome.COMMITTED, environments=tuple(outcomes))

    async def revert(self, reason: str) -> Settlement:
        """Undo everywhere, and return which environments have the old packages."""
        self._log.record(Step.REVERTING)
        outcomes = await asyncio.gather(*map(self._revert, self._participants))
        is_old = all(outcome.state in OLD_STATES for outcome in outcomes)
        if is_old:
            self._log.record(Step.REVERTED)
        return Settlement(
            outcome=ClusterOutcome.ROLLED_BACK if is_old else ClusterOutcome.INCOMPLETE,
            environments=tuple(outcomes),
            error=reason,
        )

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> str | None:
        """Do the work as a task that `stop` cancels; return why it failed; None if it did not."""

        async def run() -> None:
            await work()

        if self._is_stopped:
            return "it was cancelled"
        self._forward = asyncio.create_task(run())
        await asyncio.wait([self._forward])
        forward, self._forward = self._forward, None
        if forward.cancelled():
            return "it was cancelled"
        error = forward.exception()
        return None if error is None else str(error)

    async def _prepare(self) -> None:
        await self._call_all(
            self._participants,
            lambda participant: participant.prepare(),
            self._limits.prepare_seconds,
            (Stage.FETCHING, "prepared"),
        )

    async def _commit(self) -> None:
        if self._before_commit is not None:
            await self._before_commit()
        for wave in waves(self._participants):
            await self._call_all(
                wave,
                lambda participant: participant.commit(),
                self._limits.commit_seconds,
                (Stage.INSTALLING, "committed"),
            )

    async def _call_all(
        self,
        participants: Sequence[Participant],
        call: Callable[[Participant], Awaitable[None]],
        seconds: float,
        done: tuple[Stage, str],
    ) -> None:
        """Call all at the same time; raise the first error without waiting for the others."""

        async def call_one(participant: Participant) -> None:
            try:
                async with asyncio.timeout(seconds):
                    await call(participant)
            except Exception as error:
                raise _Failed(f"{participant.id}: {_error_text(error, seconds)}") from error
            self._tell(participant, *done)

        tasks = [asyncio.create_task(call_one(participant)) for participant in participants]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _revert(self, participant: Participant) -> EnvironmentOutcome:
        text, pause = "", self._limits.pause_seconds
        for attempt in range(self._limits.revert_attempts):
            if attempt:
                await asyncio.sleep(pause)
                pause *= 2
            try:
                async with asyncio.timeout(self._limits.revert_seconds):
                    was_committed = await participant.revert()
            except RollbackFailed as error:
                return _outcome(participant, EnvironmentState.INCOMPLETE, error.sentence())
            except _CANNOT_UNDO as error:
                return _outcome(participant, EnvironmentState.COMMITTED, error.sentence())
            except Exception as error:
                text = _error_text(error, self._limits.revert_seconds)
            else:
                self._tell(participant, Stage.RESTORING, "undone" if was_committed else "unchanged")
                state = EnvironmentState.UNDONE if was_committed else EnvironmentState.UNCHANGED
                return _outcome(participant, state)
        return _outcome(participant, EnvironmentState.UNKNOWN, text)

    def _tell(self, participant: Participant, stage: Stage, word: str) -> None:
        text = f"{participant.id}: {word}"
        with suppress(Cancelled):  # `stop` is the way to cancel an apply
            self.report(EnvironmentEvent(stage=stage, text=text, environment=participant.id))


class _Failed(Exception):
    """An environment failed; the text names it and the reason."""


def waves(participants: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield items in waves of 1, 1, 2, 4, 8 …, each as many as all before it."""
    start = 0
    while start < len(participants):
        size = max(1, start)
        yield participants[start : start + size]
        start += size


def _outcome(
    participant: Participant, state: EnvironmentState, error: str = ""
) -> EnvironmentOutcome:
    return EnvironmentOutcome(environment=participant.id, state=state, error=error)


def _error_text(error: BaseException, seconds: float) -> str:
    if isinstance(error, PkgwidgetsError):
        return error.clause()
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:.0f} seconds"
    return redact(repr(error))[:300]
