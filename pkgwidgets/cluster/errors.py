"""Errors that only a cluster raises; the others are in `core.errors`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pkgwidgets.core.errors import PkgwidgetsError, shown
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.text import count_noun, join_names


@dataclass(eq=False)
class ClusterRefused(PkgwidgetsError):
    """An environment of the cluster cannot get the plan. Nothing began anywhere."""

    environment: str
    reason: str
    code: ClassVar[str] = "cluster-refused"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2
    default_advice: ClassVar[Hint | None] = Hint.UNCHANGED

    def sentence(self) -> str:
        """Name the environment and the reason."""
        return f"{self.environment} cannot get this plan: {self.reason.rstrip('.')}."


@dataclass(eq=False)
class EnvironmentUnreachable(PkgwidgetsError):
    """An environment of the cluster gave no usable answer: what it does is unknown."""

    environment: str
    reason: str
    code: ClassVar[str] = "environment-unreachable"
    http_status: ClassVar[int] = 502
    default_advice: ClassVar[Hint | None] = Hint.RETRY_LATER

    def sentence(self) -> str:
        """Name the environment and the reason."""
        return f"{self.environment} does not answer: {self.reason.rstrip('.')}."


@dataclass(eq=False)
class ClusterUnfinished(PkgwidgetsError):
    """An earlier apply on this cluster did not end: no other may begin."""

    transaction: str
    code: ClassVar[str] = "cluster-unfinished"
    http_status: ClassVar[int] = 409
    exit_code: ClassVar[int] = 2

    @property
    def hint(self) -> str:
        """Say how to end it."""
        return "Nothing was changed. `recover()` undoes it, `recover(finish=True)` finishes it."

    def sentence(self) -> str:
        """Name the apply."""
        return f"The change {shown(self.transaction)} of this cluster was interrupted."


@dataclass(eq=False)
class ClusterFailed(PkgwidgetsError):
    """An apply on a cluster failed. `states` has the state of each environment, one text each.

    `transaction` is the id of the apply. `unsettled` are the environments that may not have the old
    packages: without one, all have them.
    """

    transaction: str
    reason: str
    states: tuple[str, ...]
    unsettled: tuple[str, ...] = ()
    code: ClassVar[str] = "cluster-failed"
    http_status: ClassVar[int] = 409

    @property
    def hint(self) -> str:
        """Tell whether anything is left to do."""
        if not self.unsettled:
            return "Every environment has its old packages."
        return "Once these environments answer, `recover()` undoes the rest."

    def sentence(self) -> str:
        """Give the reason, and the environments that are not settled."""
        reason = self.reason.rstrip(".")
        if not self.unsettled:
            count = count_noun(len(self.states), "environment")
            return f"The change was undone in {count}: {reason}."
        return f"The change failed: {reason}. Not undone in {join_names(self.unsettled)}."
