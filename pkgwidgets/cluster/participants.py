"""What an apply needs of the environments of a cluster, and of the record on the client."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pkgwidgets.core.events import Event


class Participant(Protocol):
    """One environment of a cluster, with the plan that it gets and a leader that applies it.

    The leader may go on after a call failed: a call that fails tells nothing about its effect.
    """

    @property
    def id(self) -> str:
        """The id of the environment."""

    async def prepare(self) -> None:
        """Fetch and check the plan beside the environment, and permit its commit."""

    async def commit(self) -> None:
        """Apply the plan; do nothing if this was done. Raises if the commit is not permitted."""

    async def revert(self) -> bool:
        """Forbid the commit, wait until no leader works, and undo; return whether it undid.

        Afterwards the environment has its old packages, and no late commit can change that.
        """


class Step(StrEnum):
    """The steps of an apply that a later client must know of. The last two end it."""

    PREPARING = "preparing"
    COMMITTING = "committing"
    REVERTING = "reverting"
    COMMITTED = "committed"
    REVERTED = "reverted"


class Log(Protocol):
    """The record of one apply on the client."""

    def record(self, step: Step) -> None:
        """Add a step, durably, before anything of it is done."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnvironmentEvent(Event):
    """One step of an apply in one environment; `text` names both."""

    environment: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplyLimits:
    """The limits of an apply: seconds for each call, and how often an undo is tried again."""

    prepare_seconds: float = 1800.0
    commit_seconds: float = 900.0
    revert_seconds: float = 900.0
    drain_seconds: float = 600.0
    """How long to wait for the tasks that workers run."""
    revert_attempts: int = 4
    pause_seconds: float = 2.0
    """The time before an undo is tried again; it doubles each time."""
