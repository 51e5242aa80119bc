"""What the operations need from the outside world, and nothing of how it is done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.version import Version

from .errors import PkgwidgetsError
from .model import Distribution, Event, Id, Interpreter, Plan, Release, Transaction, Unreadable

Report = Callable[[Event], None]
"""Gets an event per step, and again about ten times a second while one lasts.

What it raises ends the work: before anything was changed at once, afterwards by a rollback.
"""


def ignore(event: Event) -> None:
    """Report to nobody."""


class Environment(Protocol):
    """What one interpreter has installed."""

    @property
    def interpreter(self) -> Interpreter:
        """The Python that it belongs to."""

    def distributions(self) -> Mapping[Id, Distribution | Unreadable]:
        """Read everything installed, now; one entry a name, in the order of names."""

    def refusal(self) -> str | None:
        """Say in one sentence why nothing may be changed here; None if it may."""

    def locked(self, holder: str) -> AbstractContextManager[None]:
        """Hold the environment alone; raise `EnvironmentBusy` at once if another does."""


class Records(Protocol):
    """What the RECORD files say of the files of distributions (PEP 376, PEP 627)."""

    def touched(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        """Return every path that the plan removes or writes, the staged RECORDs included.

        Raises `EnvironmentRefused` for a RECORD that is missing or names what is not its own.
        """

    def modules(
        self, ids: Collection[Id], stage: Path | None = None
    ) -> Mapping[Id, tuple[str, ...]]:
        """Return the top-level modules of distributions, staged ones first."""

    def owners(self, files: Collection[str]) -> Mapping[str, Id]:
        """Return which distribution owns each of these module files; unowned ones are left out."""

    def damage(self, plan: Plan) -> tuple[str, ...]:
        """Compare what the plan installed with its RECORDs, by hash; return what differs."""


class SavePoint(Protocol):
    """The old files of one transaction."""

    def save(self, paths: Collection[Path]) -> None:
        """Keep these paths as they are, absent ones too, durably."""

    def restore(self) -> tuple[str, ...]:
        """Make every path what it was; return what could not be."""

    def paths(self) -> frozenset[Path]:
        """Return every path that was saved, absent ones too."""

    def intact(self) -> bool:
        """Tell whether everything saved is still there, by hash."""

    def discard(self) -> None:
        """Give the space back."""


class Trial(Protocol):
    """A fresh process of the environment's interpreter."""

    def failing(
        self, modules: Sequence[str], report: Report = ignore, *, beside: Path | None = None
    ) -> Mapping[str, str]:
        """Import modules, with the staged prefix `beside` first on the path; return the errors."""


Enough = Callable[[Id, Release], bool]
"""Tells of releases, from the newest down, whether older ones need not be looked at."""


def everything(id: Id, release: Release) -> bool:
    """Look at all releases of a project."""
    return False


class Index(Protocol):
    """Where releases come from."""

    @property
    def url(self) -> str:
        """Its address as it may be shown: without credentials."""

    def releases_of(
        self,
        ids: Collection[Id],
        report: Report = ignore,
        *,
        refresh: bool = False,
        enough: Enough = everything,
    ) -> Mapping[Id, Sequence[Release] | PkgwidgetsError]:
        """Ask for many projects at once. A project that fails has its error as its answer.

        Of each, releases from the newest down to the first that is `enough`, that one included.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What an installer is asked to resolve.

    `requirements` are to be met, `keep` are exact versions that may not move, and `upgrade` are
    names to take as new as the rest admits.
    """

    requirements: tuple[str, ...]
    keep: tuple[str, ...] = ()
    upgrade: tuple[Id, ...] = ()


class Installer(Protocol):
    """Resolves, and changes files."""

    def resolve(self, question: Question) -> Mapping[Id, Version | None]:
        """Return what would change: the new version of each name, None for a removal.

        Changes nothing. Raises `PlanImpossible` with the resolver's explanation.
        """

    def dependencies(self, requirement: str) -> frozenset[Id]:
        """Return everything that a requirement would bring, itself left out."""

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        """Fetch and unpack what the plan installs under `folder`, laid out like the prefix."""

    def install(self, plan: Plan, report: Report) -> None:
        """Carry the plan out in the environment, from what was staged, without the network."""


class Journal(Protocol):
    """The transactions of one environment, kept beside it."""

    def start(self, plan: Plan) -> Transaction:
        """Begin the record of a plan."""

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one step, durably."""

    def transactions(self) -> Sequence[Transaction]:
        """Read all, oldest first."""

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the steps recorded so far."""

    def folder(self, transaction: str) -> Path:
        """Where a transaction keeps its files."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One environment joined to what serves it."""

    environment: Environment
    records: Records
    trial: Trial
    index: Index
    installer: Installer
    journal: Journal
    save_point: Callable[[str], SavePoint]
