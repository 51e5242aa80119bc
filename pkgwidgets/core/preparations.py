"""Preparations: what a plan installs is fetched and checked while the user still reads the plan."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

BYTECODE_FOLDER = ".bytecode"
"""The folder in a stage for the bytecode that its import check compiles; it is not installed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """The result of an import check in which no module fails because of the plan.

    `excused` modules failed before, too, or could not be tried. `needs` says what some of them lack
    outside of the environment. For `unproven` modules, the check does not show that they import
    once the plan is applied; None if that holds for all modules.
    """

    excused: frozenset[str] = frozenset()
    unproven: frozenset[str] | None = frozenset()
    needs: Mapping[str, str] = field(default_factory=dict)


class Preparation(Protocol):
    """The stage of one plan, beside the environment."""

    @property
    def stage(self) -> Path:
        """The folder for the new files, which does not exist at first."""

    def complete(self, result: ImportResult) -> None:
        """Make the stage and the result of its check available to a transaction, durably."""


class Preparations(Protocol):
    """The preparations of one environment. They change nothing that is installed."""

    def begin(self, plan_id: str) -> AbstractContextManager[Preparation]:
        """Prepare a plan in a block; discard what is not complete at its end.

        First discards the earlier preparations of this process and those of ended processes.
        Raises `DiskFailed`.
        """

    def take(self, plan_id: str, stage: Path) -> ImportResult | None:
        """Move the complete preparation of a plan to `stage`; return None if there is none.

        A preparation is for one plan, in which the fingerprint of the environment is part of the
        id, and for the variables that modules see.
        """

    def discard(self) -> None:
        """Discard the preparations of this process and those of ended processes."""
