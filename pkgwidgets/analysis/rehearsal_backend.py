"""The interfaces that rehearsals need in addition to a `Backend`."""

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
    """The limits of a rehearsed notebook: `seconds` for all its cells, and network access.

    Without network access, Python's connections to other machines fail.
    """

    seconds: float = 600.0
    network: bool = False


class NotebookRunner(Protocol):
    """Runs notebooks without changing the environment or their folder."""

    def read(self, notebook: Path) -> NotebookCode:
        """Return the code of a notebook; raises `InvalidRequest` if the file is not one."""

    def run(
        self,
        scripts: Sequence[NotebookCode],
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
        limits: RunLimits | None = None,
        report: Report = no_report,
    ) -> tuple[NotebookRun, ...]:
        """Run each notebook in its own kernel and copy of its folder; both are removed afterwards.

        The prefix `staged` comes before the installed packages; the paths in `masked` are hidden.
        """

    def temporary_directory(self) -> AbstractContextManager[Path]:
        """Return a folder for staged packages that exists until the block ends."""


class KnownGoodStore(Protocol):
    """Stores the versions with which notebooks last ran clean."""

    def remember(self, good: KnownGoodVersions) -> None:
        """Store these versions in place of older ones of the same notebook and code."""

    def recall(self, script: NotebookCode) -> KnownGoodVersions | None:
        """Return the versions for this code of a notebook, else for its latest code, or None."""


@dataclass(frozen=True, slots=True)
class RehearsalBackend:
    """The interfaces that rehearsals use in addition to a `Backend`."""

    notebook_runner: NotebookRunner
    known_good: KnownGoodStore
