"""The interfaces of the backends, as the operations use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeAlias

from . import stand_ins
from .errors import DiskFailed, LockUnreadable, PkgwidgetsError
from .events import Event, Stage
from .last_check import LastCheck, NoLastCheck
from .last_rows import LastRows, NoLastRows
from .stand_ins import no_limits

if TYPE_CHECKING:
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from .advisory_sources import AdvisorySettings
    from .copies import EnvironmentCopies
    from .differences import Difference
    from .environment import Distribution, Interpreter, Unreadable
    from .index_query import IndexQuery
    from .installed_metadata import InstalledMetadata
    from .kernels import Kernel, WritableKernel
    from .last_audit import LastAudit
    from .limits import Limits
    from .listing import LastVersions
    from .lock import Lock, LockedFile, LockedSource
    from .plans import Plan
    from .policy import Policy
    from .preparations import Preparations
    from .project_names import ProjectNames
    from .projects import OwningProject, ProjectFiles
    from .provenance import ProvenanceSource
    from .releases import Release
    from .summaries import SummarySource
    from .transactions import Transaction

_VERSIONED_NAME = re.compile(r"(?<![\w.-])([a-z0-9]+(?:-[a-z0-9]+)*)(?:\[[^\]]*\])?[<>=!~]")
"""A name with a version, as in `pea[pod]>=1`."""

Report = Callable[[Event], None]
"""Gets an event per step, and repeats about ten times a second while a step lasts.

If it raises, the work ends: at once before anything is changed, later with a rollback.
"""


def no_report(event: Event) -> None:
    """Ignore an event."""


class Lockable(Protocol):
    """A lock that one process at a time can hold."""

    def locked(self, holder: str) -> AbstractContextManager[None]:
        """Hold the lock in a block; raise `EnvironmentBusy` at once if another process does.

        `holder` describes this process for others.
        """


class Environment(Lockable, Protocol):
    """What one interpreter has installed."""

    @property
    def interpreter(self) -> Interpreter:
        """The Python of the environment."""

    def distributions(self) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read everything installed; one entry per name, sorted by name."""

    def read_only_reason(self) -> str | None:
        """Return why this user may change nothing, as sentences; None if this user may."""

    def protected_reason(self) -> str | None:
        """Return why no user may change anything, so that no plan is of use; None without one."""

    def hidden_reason(self) -> str | None:
        """Return that this user may not read what was done here; None if it can be read."""

    def foreign_owner(self) -> str | None:
        """Return the name of the other user who owns the environment; None if it is this one's."""

    def other_writers(self) -> str | None:
        """Return who else may change the environment (`the group staff`), by its modes; or None."""

    def fingerprints(self) -> Mapping[str, str]:
        """Return fingerprints of files that belong to no distribution, by a label for each."""

    def holder(self) -> str | None:
        """Return the description of the process that holds the lock; None if it is free."""


class Records(Protocol):
    """The files of distributions, as their RECORD files list them (PEP 376, PEP 627)."""

    def touched_paths(self, plan: Plan, stage: Path | None) -> frozenset[Path]:
        """Return every path that the plan removes or writes, the staged RECORDs included.

        Raises `EnvironmentRefused` for a RECORD that is missing or names files of others.
        """

    def new_folders(self, stage: Path) -> frozenset[Path]:
        """Return the folders that the staged wheels add, empty ones too: no RECORD lists those."""

    def shared_paths(self, plan: Plan, paths: Collection[Path]) -> frozenset[Path]:
        """Return those of `paths` that a distribution owns which the plan does not change."""

    def unowned_paths(self, plan: Plan, paths: Collection[Path]) -> frozenset[Path]:
        """Return those of `paths` that exist and that no installed distribution owns."""

    def raise_if_owned(self, plan: Plan, replaced: Collection[Path]) -> None:
        """Raise `EnvironmentRefused` if a file of code in `replaced` is another distribution's."""

    def changes_since(
        self, plan: Plan, saved: Collection[Path], changed: Collection[Path]
    ) -> tuple[str, ...]:
        """Return what other programs changed since a transaction, one clause each.

        `plan` is the plan that undoes the transaction. `saved` are all paths that it touched;
        `changed` are those whose content is neither the one that it left nor the one before.
        """

    def edited_files(self, names: Collection[NormalizedName]) -> Mapping[Path, Path | None]:
        """Return the files that were edited after they were installed.

        Each maps to the path where the edited version is to be kept; None if it is not kept.
        """

    def unchangeable_reasons(
        self, names: Collection[NormalizedName], leaving: Collection[NormalizedName] = ()
    ) -> Mapping[NormalizedName, str]:
        """Return the distributions whose files cannot be replaced, with the reasons.

        The files of distributions in `leaving` will be removed and not replaced.
        """

    def fingerprints(
        self, names: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, str]:
        """Return for each distribution a text that differs if one of its files was edited.

        For a staged distribution it is the sha256 of the paths and contents of all its files.
        """

    def damage(
        self,
        plan: Plan,
        others: Mapping[NormalizedName, Collection[Path]] | None = None,
        stage: Path | None = None,
    ) -> tuple[str, ...]:
        """Return the files that the plan installed and that differ from RECORD, by hash.

        A file without a hash is compared with the staged one. Also return the missing files of
        `others`, the distributions that share folders with it.
        """

    def unhashed(
        self, ids: Collection[NormalizedName], stage: Path
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the staged files for which RECORD has no hash, or a weak one, if any."""

    def modules(
        self, names: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the top-level modules of distributions, staged ones first."""

    def provided(
        self,
        modules: Collection[str],
        names: Collection[NormalizedName],
        stage: Path | None = None,
    ) -> frozenset[str]:
        """Return those of `modules` that are in distributions, or whose regular package is."""

    def sizes(self, names: Collection[NormalizedName]) -> Mapping[NormalizedName, int]:
        """Return the sizes of distributions in bytes, as RECORD lists them; omit unknown ones."""

    def startup_files(
        self, names: Collection[NormalizedName], stage: Path | None = None
    ) -> Mapping[NormalizedName, tuple[str, ...]]:
        """Return the files of distributions that run code at every start of Python, if any."""

    def staged(self, stage: Path) -> Mapping[NormalizedName, Distribution | Unreadable]:
        """Read the staged distributions, as if they were installed."""


class FileOwners(Protocol):
    """Maps code files to distributions, cached for callers that ask often."""

    def owners(self, files: Collection[str]) -> Mapping[str, frozenset[NormalizedName]]:
        """Return the distributions that own each file; omit files without an owner."""

    def code(self, names: Collection[NormalizedName]) -> Mapping[NormalizedName, frozenset[str]]:
        """Return the code files of distributions; omit those not installed."""


class OtherKernels(Protocol):
    """The other kernels that run on an environment."""

    def running(self) -> tuple[Kernel, ...]:
        """Return the kernels that are visible now, without this process."""

    def loaded_by(self, process: int, connection_file: str) -> tuple[NormalizedName, ...]:
        """Return the distributions of which a kernel has libraries mapped, sorted by name.

        `process` is the id of the process that was started for the kernel.
        """


class AffectedDistributions(Protocol):
    """The distributions that a plan does not change but may break."""

    def sharing_folders(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[NormalizedName, frozenset[Path]]:
        """Return the other distributions with files in the folders of a plan, and those files."""

    def lost_commands(
        self, plan: Plan, stage: Path | None
    ) -> Mapping[str, tuple[NormalizedName, ...]]:
        """Return the commands that a plan removes, with the distributions that run them."""


class Restorable(Protocol):
    """Saved files, as recovery uses them."""

    def roll_back(self, only: Collection[str] = ()) -> tuple[Difference, ...]:
        """Restore every path, or `only` some; return what differs from the saved state then.

        What other programs added to the changed packages is a difference, too.
        """

    def is_intact(self) -> bool:
        """Tell whether every saved file is still there, by hash."""

    def discard(self) -> None:
        """Delete the saved files."""


class SavePoint(Restorable, Protocol):
    """The old files of one transaction."""

    def restore(self) -> tuple[Difference, ...]:
        """Restore every path; return the paths that failed. Files of others stay where they are."""

    def prehash(self, paths: Collection[Path]) -> None:
        """Start to hash files that will probably be saved, in the background."""

    def save(
        self,
        paths: Collection[Path],
        tick: Callable[[], None] = lambda: None,
        *,
        folders: Collection[Path] = (),
        outside: Mapping[Path, str] = MappingProxyType({}),
    ) -> int:
        """Save these paths durably, absent ones too; return the size in bytes.

        Of `folders`, and of those that contain a path, it saves whether they exist. `outside` are
        files of the project that the environment belongs to, with the SHA-256 of their new content.
        Calls `tick` regularly; if that raises, nothing is saved.
        """

    def sync(self) -> None:
        """Make all changed files durable."""

    def remove(self, paths: Collection[Path]) -> tuple[Difference, ...]:
        """Remove paths that were not saved; return the failed ones."""

    def record_result(self) -> None:
        """Record how the transaction leaves the saved paths."""

    def changed(self) -> frozenset[Path]:
        """Return the saved paths whose content is neither the transaction's nor the saved one."""

    def is_kept(self) -> bool:
        """Tell whether the save point was not discarded; it may be damaged."""

    def damage(self, *, thorough: bool = True) -> tuple[str, ...]:
        """Return the damaged parts of a save point that is kept, one clause each.

        Without `thorough` it does not read the content of the saved files.
        """

    def put_back(self, paths: Collection[Path]) -> tuple[str, ...]:
        """Restore those of `paths` that were saved and are missing now; return the failed ones."""

    def keep_beside(self, copies: Mapping[Path, Path]) -> tuple[str, ...]:
        """Copy saved files that were replaced or removed to new paths; return the failed ones."""

    def differing(self) -> frozenset[Path]:
        """Return the saved files that exist with another content now."""

    def paths(self) -> frozenset[Path]:
        """Return every saved path, absent ones too, but for the files of a project."""

    def folders(self) -> frozenset[Path]:
        """Return every folder of which it knows whether it existed."""


REINSTALLED = "was installed again"
"""What a clause of `Records.changes_since` says of a release that has other files now."""
NOT_TRIED = "there was no time to check it"
"""The error of a module that an import check left out."""
NEEDS = "not tried: it needs "
"""The begin of the error of a module that lacks something outside of the environment."""


def is_untried(error: str) -> bool:
    """Return whether the error of an import check says that a module could not be tried."""
    return error == NOT_TRIED or error.startswith(NEEDS)


def what_is_needed(error: str) -> str:
    """Return what a module lacks outside of the environment; "" for any other error."""
    return error.removeprefix(NEEDS) if error.startswith(NEEDS) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportCheck:
    """The result of an import check: the errors of modules, by module.

    `depends_on_place` tells whether a module of a stage read a file at its installed path that the
    plan replaces. Such a module may import in another way once the stage is installed.
    """

    errors: Mapping[str, str]
    depends_on_place: bool = False


class ImportChecker(Protocol):
    """Imports modules in a new process of the environment's interpreter."""

    def check(
        self,
        modules: Sequence[str],
        report: Report = no_report,
        *,
        optional: Sequence[str] = (),
        staged: Path | None = None,
        masked: Collection[Path] = (),
        watched: Collection[Path] = (),
    ) -> ImportCheck:
        """Import modules, and `optional` ones if there is time; return the errors by module.

        The `staged` prefix comes before the installed files, of which `masked` ones are hidden.
        The answer tells whether a module read one of the `watched` files.
        """

    def kernel(
        self,
        report: Report = no_report,
        *,
        staged: Path | None = None,
        masked: Collection[Path] = (),
    ) -> str | None:
        """Start a kernel and run `1 + 1` in it; return the error; None without one."""

    def keep_bytecode(self, stage: Path) -> None:
        """Move the bytecode that was compiled in the stage into the environment."""


ProjectResult: TypeAlias = "Sequence[Release] | PkgwidgetsError"
"""The answer for one project: its releases, newest first, or the error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectAnswered(Event):
    """The index has answered for one project."""

    id: NormalizedName
    answer: ProjectResult

    def without_answer(self) -> Event:
        """Return the event without its answer, which is not final yet."""
        return Event(stage=self.stage, id=self.id, done=self.done, total=self.total)


class Index(Protocol):
    """A source of releases."""

    @property
    def url(self) -> str:
        """The URL of the index without credentials."""

    def releases_of(
        self, query: IndexQuery, report: Report = no_report
    ) -> Mapping[NormalizedName, ProjectResult]:
        """Ask for many projects at once; the answer of a project that fails is its error."""


def mentioned_names(explanation: str) -> frozenset[str]:
    """Return the names that a resolver's explanation mentions with a version."""
    return frozenset(_VERSIONED_NAME.findall(explanation))


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveRequest:
    """The input of a resolution.

    `requirements` must be met, and `keep` are exact versions that must not change. `upgrade` are
    packages to bring to the newest version that the rest allows. `configured` is the user's.
    """

    requirements: tuple[str, ...]
    keep: tuple[str, ...] = ()
    upgrade: tuple[NormalizedName, ...] = ()
    constraints: tuple[str, ...] = ()
    """Requirements on packages that need not be in the solution."""
    ignored: tuple[NormalizedName, ...] = ()
    """Packages to leave out of the resolution: their pages cannot be read."""
    metadata: tuple[InstalledMetadata, ...] = ()
    """Installed releases whose own metadata is not to be read."""
    configured: Limits = field(default_factory=no_limits)
    """What the configuration of uv or pip allows."""

    def kept_names(self, explanation: str) -> tuple[str, ...]:
        """Return the names in `keep` that an explanation mentions with a version."""
        mentioned = mentioned_names(explanation)
        kept = (pin.partition("==")[0] for pin in self.keep if "==" in pin)
        return tuple(name for name in kept if name in mentioned)


class Installer(Protocol):
    """Resolves, stages and installs packages."""

    def resolve(self, request: ResolveRequest) -> Mapping[NormalizedName, Version | None]:
        """Return the new version of each package that would change; None if it is uninstalled.

        Changes nothing. Raises `PlanImpossible` with the resolver's explanation; its `blockers`
        are the packages of `keep` that the explanation mentions. Raises `IndexUnavailable`, which
        names the project, for a page or file that cannot be used, else `ResolutionFailed`.
        """

    def dependencies(
        self,
        requirement: str,
        *,
        constraints: Sequence[str] = (),
        ignored: Collection[NormalizedName] = (),
        configured: Limits,
    ) -> frozenset[NormalizedName]:
        """Return all direct and indirect dependencies of a requirement, without itself.

        `constraints`, `ignored` and `configured` are as in `ResolveRequest`.
        """

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        """Fetch and unpack what the plan installs into `folder`, laid out as the prefix is."""

    def install(self, plan: Plan, report: Report) -> None:
        """Apply the plan to the environment from the staged files, without the network."""


class UnfinishedTransactions(Protocol):
    """A journal, as recovery uses it."""

    @property
    def data_folder(self) -> Path:
        """The folder of all that belongs to pkgwidgets in the environment."""

    def unfinished(self) -> tuple[str, ...]:
        """Return the transactions that are open, oldest first.

        Those before the last have an incomplete rollback; the last one may be running.
        """

    def incomplete_paths(self, transaction: str) -> tuple[str, ...]:
        """Return the paths that its last rollback did not restore; () if they are unknown."""

    def has_records(self, transaction: str) -> bool:
        """Tell whether a transaction has valid records."""

    def delegated(self, transaction: str) -> bool:
        """Let the pkgwidgets version that wrote a transaction recover it; tell whether it did."""

    def clean_up(self, transaction: str) -> None:
        """Delete the files that only an open transaction needs."""

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one step, durably."""

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the steps recorded so far."""

    def folder(self, transaction: str) -> Path:
        """Return the folder of a transaction."""


class Journal(UnfinishedTransactions, Protocol):
    """The transactions of one environment, stored in a folder below its prefix."""

    def start(self, plan: Plan) -> Transaction:
        """Start the record of a plan; return its transaction."""

    def start_again(self, transaction: Transaction) -> None:
        """Make the folder of a transaction again, after a user deleted it; it is not open."""

    def transactions(self) -> Sequence[Transaction]:
        """Read all transactions, oldest first."""

    def transaction(self, transaction_id: str) -> Transaction | None:
        """Read one transaction, and no other; None if the history has none of this id."""

    def newest_id(self) -> str:
        """Return the id of the transaction that was started last; "" if there is none."""

    def unfinished_elsewhere(self) -> PkgwidgetsError | None:
        """Return the error if only another version can finish the open transaction; else None."""


class Recoverable(Protocol):
    """What recovery needs of an environment: a `Backend`, or less."""

    @property
    def environment(self) -> Lockable:
        """The lock of the environment."""

    @property
    def journal(self) -> UnfinishedTransactions:
        """The journal of the environment."""

    @property
    def save_point(self) -> Callable[[str], Restorable]:
        """Returns the save point of a transaction id."""


class Worker(Protocol):
    """Applies plans in a process that goes on when its starter ends."""

    def start(self, plan: Plan, requested_by: str = "") -> str:
        """Start a transaction and return its id; raise the error that prevented it.

        `requested_by` is the user who requests it, by default that of this process.
        """

    def events(self, transaction: str, seen: int = 0) -> tuple[Sequence[Event], int]:
        """Return the events after `seen`, and the value to pass as `seen` next time."""

    def cancel(self, transaction: str) -> None:
        """Ask a transaction to roll back; it notices at its next event."""


class PolicyFile(Protocol):
    """The file with the holds and the minimum age of one environment."""

    @property
    def path(self) -> Path:
        """The path of the file, which may be missing."""

    def policy(self) -> Policy:
        """Read the file; a missing one is empty. Raises `PolicyUnreadable`."""

    def text(self) -> str:
        """Return the text of the file; "" if it is missing. Raises `PolicyUnreadable`."""

    def write(self, text: str) -> None:
        """Replace the whole file, durably and in one step. Raises `DiskFailed`."""

    def requester(self) -> str:
        """Return the user who requests a hold."""


class NoPolicyFile:
    """An environment without a file of holds."""

    path = Path()

    def policy(self) -> Policy:
        """Return a policy that allows everything."""
        return stand_ins.no_policy()

    def text(self) -> str:
        """Return the text of no file."""
        return ""

    def write(self, text: str) -> None:
        """Raise `DiskFailed`: there is no file."""
        raise DiskFailed("", str(self.path), "the environment has no file of holds")

    def requester(self) -> str:
        """Return no user."""
        return ""


NO_POLICY_FILE = NoPolicyFile()


class LockSources(Protocol):
    """What a lock needs that no listing has."""

    def files(
        self, pins: Mapping[NormalizedName, str]
    ) -> Mapping[NormalizedName, tuple[LockedFile, ...]]:
        """Return the wheels of exact releases (`pea==1.0`) on the index; omit unknown ones."""

    def origin(self, dist_info: Path) -> LockedSource | None:
        """Return where a distribution came from that is not of an index; None if unknown."""

    def read(self, path: Path) -> Lock:
        """Return the lock of a file, a notebook or another environment.

        Raises `LockUnreadable`, and `EnvironmentRefused` for a Python that does not start.
        """

    def notebook_text(self, path: Path) -> str:
        """Return the text of a notebook; raises `LockUnreadable` if it cannot be read."""

    def replace_notebook(self, path: Path, text: str) -> None:
        """Replace a notebook in one step; raises `DiskFailed`, and then it is unchanged."""


class NoLockSources:
    """Knows neither files nor sources."""

    def files(
        self, pins: Mapping[NormalizedName, str]
    ) -> Mapping[NormalizedName, tuple[LockedFile, ...]]:
        """Return no files."""
        return {}

    def origin(self, dist_info: Path) -> LockedSource | None:
        """Return no source."""
        return None

    def read(self, path: Path) -> Lock:
        """Raise `LockUnreadable`."""
        raise LockUnreadable(str(path), "locks cannot be read here")

    def notebook_text(self, path: Path) -> str:
        """Raise `LockUnreadable`."""
        raise LockUnreadable(str(path), "notebooks cannot be read here")

    def replace_notebook(self, path: Path, text: str) -> None:
        """Raise `DiskFailed`."""
        raise DiskFailed("", str(path), "notebooks cannot be written here")


NO_LOCK_SOURCES = NoLockSources()


def no_writable_kernel() -> WritableKernel | None:
    """Return None: no other kernel is known."""
    return None


def no_other_installers(stage: Stage, report: Report) -> AbstractContextManager[None]:
    """Wait for nothing: no other installer locks the environment."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Backend:
    """One environment and its backends. Without a worker, plans are applied in this process."""

    environment: Environment
    records: Records
    bystanders: AffectedDistributions
    import_checker: ImportChecker
    index: Index
    installer: Installer
    journal: Journal
    save_point: Callable[[str], SavePoint]
    preparations: Preparations
    worker: Worker | None = None
    undo_modules: tuple[str, ...] = ()
    """The modules of pkgwidgets that an undo needs; a plan that changes it must keep them."""
    limits: Callable[[], Limits] = no_limits
    """Reads the limits that the configuration sets now."""
    project: Callable[[], OwningProject | None] = stand_ins.no_project
    """Finds the project that the environment belongs to."""
    project_files: ProjectFiles = field(default_factory=stand_ins.no_project_files)
    """The files of that project."""
    without_installers: Callable[[Stage, Report], AbstractContextManager[None]] = (
        no_other_installers
    )
    """Keeps other installers from changing the environment in a block; reports while it waits."""
    writable_kernel: Callable[[], WritableKernel | None] = no_writable_kernel
    """Finds a kernel of another environment, which this user may change."""
    last_check: LastCheck = field(default_factory=NoLastCheck)
    """Keeps the rows of the last update check."""
    last_rows: LastRows = field(default_factory=NoLastRows)
    """Keeps the rows of the last listing."""
    last_versions: LastVersions = field(default_factory=stand_ins.no_last_versions)
    """Keeps the names and versions of what is installed."""
    last_audit: LastAudit = field(default_factory=stand_ins.no_last_audit)
    """Keeps the rows of the last audit."""
    policy: PolicyFile = NO_POLICY_FILE
    """The holds and the minimum age. The active holds are among the limits, too."""
    advisories: Callable[[], AdvisorySettings] = stand_ins.no_advisory_settings
    """Returns the settings of the sources of advisories."""
    provenance: ProvenanceSource = field(default_factory=stand_ins.no_provenance)
    """Reads who published files, as the index says."""
    lock_sources: LockSources = NO_LOCK_SOURCES
    """Addresses of files and direct URLs, for locks."""
    copies: EnvironmentCopies = field(default_factory=stand_ins.no_copies)
    """This user's copies of environments."""
    project_names: ProjectNames = field(default_factory=stand_ins.no_project_names)
    """The names of all projects on the indexes, for suggestions."""
    summaries: SummarySource = field(default_factory=stand_ins.no_summaries)
    """What a project that is not installed is, in its own words."""
