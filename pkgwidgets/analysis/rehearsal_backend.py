"""What rehearsals need from the outside world beside what every operation does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pkgwidgets.core.interfaces import Report, no_report

from .notebook_runs import KnownGoodVersions, NotebookCode, NotebookRun


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLimits:
    """What a rehearsed notebook may take: `seconds` for all of its cells, and the network or not.

    Without it, what Python opens towards other machines fails.
    """

    seconds: float = 600.0
    network: bool = False


class NotebookRunner(Protocol):
    """Runs notebooks where they change nothing."""

    def read(self, notebook: Path) -> NotebookCode:
        """Read the code of a notebook; raises `InvalidRequest` for what is none."""

    def run(
        self,
        scripts: Sequence[NotebookCode],
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
        limits: RunLimits | None = None,
        report: Report = no_report,
    ) -> tuple[NotebookRun, ...]:
        """Run each in a kernel and a copy of its folder of its own; both are gone afterwards.

        With the staged prefix `beside` before the installed, of which `hidden` is not seen.
        """

    def temporary_directory(self) -> AbstractContextManager[Path]:
        """Return a folder for what is staged, which is gone after the block."""


class KnownGoodStore(Protocol):
    """The versions with which notebooks last ran clean."""

    def remember(self, good: KnownGoodVersions) -> None:
        """Keep them, instead of older ones of the same notebook and code."""

    def recall(self, script: NotebookCode) -> KnownGoodVersions | None:
        """Return those of a notebook: of this code, else of what it last was."""


@dataclass(frozen=True, slots=True)
class RehearsalBackend:
    """What rehearsals need beside a `Backend`."""

    notebook_runner: NotebookRunner
    known_good: KnownGoodStore
