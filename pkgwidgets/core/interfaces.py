"""What the operations need from the outside world, and nothing of how it is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from packaging.utils import NormalizedName
from packaging.version import Version

from .environment import Distribution, Interpreter, Unreadable
from .errors import PkgwidgetsError
from .events import Event
from .index_query import IndexQuery
from .kernels import Kernel
from .plans import Plan
from .releases import Release
from .transactions import Transaction

_VERSIONED_NAME = re.compile(r"(?<![\w.-])([a-z0-9]+(?:-[a-z0-9]+)*)(?:\[[^\]]*\])?[<>=!~]")
"""A name with a version, as in `pea[pod]>=1`."""

Report = Callable[[Event], None]
"""Gets an event per step, and again about ten times a second while one lasts.

What it raises ends the work: before anything was changed at once, afterwards by a rollback.
"""


def no_report(event: Event) -> None:
    """Report to nobody."""


class Lockable(Protocol):
    """What one process at a time can hold."""

    def locked(self, holder: str) -> AbstractContextManager[None]:
        """Hold it alone; raise `EnvironmentBusy` at once if another process does."""


class Environment(Lockable, Protocol):
    """What one interpreter has installed."""

    @property
    def interpreter(self) -> Interpreter:
        """The Python that it belongs to."""

    def distributions(self) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read everything installed, now; one entry a name, in the order of names."""

    def read_only_reason(self) -> str | None:
        """Say in one sentence why nothing may be changed here; None if it may."""

    def fingerprints(self) -> Mapping[str, str]:
        """Return, for what is nobody's distribution, texts that differ if it was changed."""

    def holder(self) -> str | None:
        """Tell who holds the environment now; None if nobody does."""


class Records(Protocol):
    """What the RECORD files say of distributions (PEP 376, PEP 627): their files and their use."""

    def touched_paths(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        """Return every path that the plan removes or writes, the staged RECORDs included.

        Raises `EnvironmentRefused` for a RECORD that is missing or names what is not its own.
        """

    def unchangeable_reasons(
        self, ids: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> Mapping[NormalizedName, str]:
        """Say of which of these the files cannot be replaced, or removed if `leaving`, and why."""

    def fingerprints(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, str]:
        """Return, for each of these, a text that differs if one of its files was edited.

        Of what is staged, the sha256 over all that came: paths and contents.
        """

    def damage(
        self, plan: Plan, others: Mapping[NormalizedName, Collection[Path]] | None = None
    ) -> tuple[str, ...]:
        """Compare what the plan installed with its RECORDs, by hash; return what differs.

        And which files of `others`, who share folders with it, are gone.
        """

    def modules(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the top-level modules of distributions, staged ones first."""

    def sizes(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, int]:
        """Return the bytes of distributions, as RECORDs count them; without any: left out."""

    def startup_files(
        self, ids: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the files of distributions that run code at every start of Python, if any."""

    def staged(self, stage: Path) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read what was staged, as if it were installed."""


class FileOwners(Protocol):
    """Whose the files of code are, as somebody asks who asks often."""

    def owners(self, files: Collection[str]) -> Mapping[str, frozenset[NormalizedName]]:
        """Return who claims each of these files; those that nobody does are left out."""

    def code(self, ids: Collection[NormalizedName]) -> Mapping[NormalizedName, frozenset[str]]:
        """Return the files of code that distributions claim; those not installed are left out."""


class OtherKernels(Protocol):
    """The other kernels that run on an environment."""

    def running(self) -> tuple[Kernel, ...]:
        """Return those that are seen now; this process is not among them."""

    def loaded_by(self, process: int, connection_file: str) -> tuple[NormalizedName, ...]:
        """Return the distributions of which a kernel has libraries mapped, in order of names.

        `process` is the one that it was started as.
        """


class AffectedDistributions(Protocol):
    """The distributions that a plan does not change and may hurt."""

    def sharing_folders(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[NormalizedName, frozenset[Path]]:
        """Return who else has files in the packages that a plan touches, and those that exist."""

    def lost_commands(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[str, tuple[NormalizedName, ...]]:
        """Return the commands that a plan takes away, of which others say that they run them."""


class Restorable(Protocol):
    """Saved files, as recovery uses them."""

    def restore(self) -> tuple[str, ...]:
        """Make every path what it was; return what could not be."""

    def is_intact(self) -> bool:
        """Tell whether everything saved is still there, by hash."""

    def discard(self) -> None:
        """Give the space back."""


class SavePoint(Restorable, Protocol):
    """The old files of one transaction."""

    def prehash(self, paths: Collection[Path]) -> None:
        """Begin to read what will probably be saved, beside whatever is done until then."""

    def save(self, paths: Collection[Path], tick: Callable[[], None] = lambda: None) -> int:
        """Keep these paths as they are, absent ones too, durably; return the bytes of it.

        Calls `tick` again and again: if that raises, nothing is saved.
        """

    def paths(self) -> frozenset[Path]:
        """Return every path that was saved, absent ones too."""


NOT_TRIED = "there was no time to try it"
"""What a trial says of a module that it left out."""


class ImportChecker(Protocol):
    """A fresh process of the environment's interpreter."""

    def failures(
        self,
        modules: Sequence[str],
        report: Report = no_report,
        *,
        optional: Sequence[str] = (),
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> Mapping[str, str]:
        """Import modules, and `spare` ones if there is time; return the errors.

        With the staged prefix `beside` before the installed, of which `hidden` is not seen.
        """

    def kernel(
        self,
        report: Report = no_report,
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> str | None:
        """Start a kernel and let it add one and one; say what went wrong, None if nothing did."""

    def keep_bytecode(self, stage: Path) -> None:
        """Let the environment have what was compiled beside it."""


ProjectResult = Sequence[Release] | PkgwidgetsError
"""What an index said of one project: its releases, newest first, or why they are unknown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectAnswered(Event):
    """The index has answered for one project."""

    id: NormalizedName
    answer: ProjectResult

    def without_answer(self) -> Event:
        """Return the same progress; for an answer that is not final yet."""
        return Event(stage=self.stage, id=self.id, done=self.done, total=self.total)


class Index(Protocol):
    """Where releases come from."""

    @property
    def url(self) -> str:
        """Its address as it may be shown: without credentials."""

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Ask for many projects at once. A project that fails has its error as its answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveRequest:
    """What an installer is asked to resolve.

    `requirements` are to be met, `keep` are exact versions that may not move, and `upgrade` are
    names to take as new as the rest admits.
    """

    requirements: tuple[str, ...]
    keep: tuple[str, ...] = ()
    upgrade: tuple[NormalizedName, ...] = ()

    def kept_names(self, explanation: str) -> tuple[str, ...]:
        """Return the names in `keep` of which an explanation gives a version."""
        mentioned = set(_VERSIONED_NAME.findall(explanation))
        kept = (pin.partition("==")[0] for pin in self.keep if "==" in pin)
        return tuple(name for name in kept if name in mentioned)


class Installer(Protocol):
    """Resolves, and changes files."""

    def resolve(self, question: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
        """Return what would change: the new version of each name, None for a removal.

        Changes nothing. Raises `PlanImpossible` with the resolver's explanation, and those in
        `keep` that it speaks of as `blockers`.
        """

    def dependencies(self, requirement: str) -> frozenset[NormalizedName]:
        """Return everything that a requirement would bring, itself left out."""

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        """Fetch and unpack what the plan installs under `folder`, laid out like the prefix."""

    def install(self, plan: Plan, report: Report) -> None:
        """Carry the plan out in the environment, from what was staged, without the network."""


class UnfinishedTransactions(Protocol):
    """A journal, as recovery uses it."""

    def unfinished(self) -> str | None:
        """Return the transaction that is under way or was cut off."""

    def has_records(self, transaction: str) -> bool:
        """Tell whether there is anything of it that counts."""

    def delegated(self, transaction: str) -> bool:
        """Let the version of us that wrote it end it, if that is another; tell whether it did."""

    def close(self, transaction: str) -> None:
        """Clear away what only an open transaction needs."""

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one step, durably."""

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the steps recorded so far."""

    def folder(self, transaction: str) -> Path:
        """Where a transaction keeps its files."""


class Journal(UnfinishedTransactions, Protocol):
    """The transactions of one environment, kept beside it."""

    def start(self, plan: Plan) -> Transaction:
        """Begin the record of a plan."""

    def transactions(self) -> Sequence[Transaction]:
        """Read all, oldest first."""


class Recoverable(Protocol):
    """An environment with what recovery needs: a `Backend`, or what is left without one."""

    @property
    def environment(self) -> Lockable:
        """What is locked while it is changed."""

    @property
    def journal(self) -> UnfinishedTransactions:
        """What was done to it."""

    @property
    def save_point(self) -> Callable[[str], Restorable]:
        """The old files of a transaction."""


class Worker(Protocol):
    """Carries plans out in a process that goes on when whoever asked for it is gone."""

    def start(self, plan: Plan) -> str:
        """Begin a transaction and return its id; raises what kept it from beginning."""

    def events(self, transaction: str, seen: int = 0) -> tuple[Sequence[Event], int]:
        """Return what was told since, and what to give as `seen` the next time."""

    def cancel(self, transaction: str) -> None:
        """Ask a transaction to end; it notices at its next event."""


@dataclass(frozen=True, slots=True)
class Backend:
    """One environment joined to what serves it. Without an applier, plans are carried out here."""

    environment: Environment
    records: Records
    bystanders: AffectedDistributions
    import_checker: ImportChecker
    index: Index
    installer: Installer
    journal: Journal
    save_point: Callable[[str], SavePoint]
    worker: Worker | None = None
    undo_modules: tuple[str, ...] = ()
    """The modules of pkgwidgets that an undo needs: a plan for pkgwidgets must leave them whole."""
