"""The service of one kernel: plural answers are DataFrames, singular ones are values."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import NormalizedName

from pkgwidgets.connect import connect, other_kernels
from pkgwidgets.core import restart
from pkgwidgets.core.compatibility import has_compatible_wheel
from pkgwidgets.core.deprecation import warn_renamed
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.kernels import Variable
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.packages import PackageDependencies, PackageInfo
from pkgwidgets.core.plans import AllowPolicy, Plan
from pkgwidgets.core.releases import Release
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import inventory, planning, recovery
from pkgwidgets.operations import transactions as operations
from pkgwidgets.presentation import (
    value_html as value_html,
)  # plans and packages show themselves by it

from . import frames, notebook_path, rehearsal
from .change_token import ChangeToken
from .loaded_packages import LoadedPackages
from .progress_bar import reporting
from .values import ServiceValues, check_plan

if TYPE_CHECKING:
    import pandas as pd

    from pkgwidgets.operations.culprit_search import CulpritSearchResult

_OLD_NAMES = {
    "get_relations": "get_dependencies",
    "list_history": "values.history",
    "list_impact": "values.impact",
    "list_packages": "values.packages",
    "list_rehearsed": "values.rehearsal",
    "list_updates": "values.updates",
    "refusal": "read_only_reason",
    "restore_known_good": "plan_known_good",
    "running": "current_transaction",
    "stamp": "change_token",
}
"""What 0.1 called them: each keeps working, with a DeprecationWarning."""


class PackageService:
    """What one environment has, what is newer, what an upgrade would do, and the way back.

    Without arguments, this kernel's environment, and what uv, else pip, is configured to ask.
    Raises `EnvironmentRefused` if `python` is no interpreter, `InvalidRequest` if `index_url` is
    no http address. What an earlier session left unfinished is put back first.

    Everything that takes time takes `report`, a callable that gets an `Event` per step; without
    it a progress bar is shown. Interrupting the cell cancels, and leaves the environment whole.
    """

    def __init__(self, python: str | Path | None = None, *, index_url: str | None = None) -> None:
        self._backend = connect(python, index_url, detached=True)
        self._loaded = LoadedPackages(self._backend)
        self.values = ServiceValues(self._backend, self._loaded)
        """The same answers as plain values, for code that needs no DataFrame."""
        self._kernels = other_kernels(self._backend)
        self._change_token = self._new_change_token()
        self._examined: CulpritSearchResult | None = None
        self._recovered: tuple[str, ...] = ()
        with suppress(PkgwidgetsError):  # listing goes on; the next plan says it
            self._recovered = recovery.recover_if_needed(self._backend)

    @property
    def python(self) -> Path:
        """The interpreter whose environment this is."""
        return self._backend.environment.interpreter.python

    @property
    def prefix(self) -> Path:
        """Where that environment lies."""
        return self._backend.environment.interpreter.prefix

    @property
    def python_version(self) -> str:
        """The interpreter's version, `3.12.1`."""
        return self._backend.environment.interpreter.version

    @property
    def index_url(self) -> str:
        """The index that is asked, without credentials."""
        return self._backend.index.url

    def read_only_reason(self) -> str | None:
        """Say in one sentence why nothing may be changed here; None if it may."""
        return self._backend.environment.read_only_reason()

    def get_packages(
        self, check_updates: bool = False, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Return the package frame: one row per distribution, indexed by `name`.

        Columns: `version`; `latest_version`, the newest eligible release; `compatible_version`,
        the newest that no installed package forbids; `update_available`; `change`, the size of
        the step; `blocked_by`, who forbids the latest; `released`, when that was, UTC; `status`;
        `requested`, by the user and not only by other packages; `loaded_version`, in this kernel;
        `installed` and `last_upgraded`, UTC; `install_path`; `origin`; `error`, why something is
        not known. Without `check_updates` the index is not asked, and what it would say is NA.
        """
        return frames.packages(self.values.packages(check_updates, report=report))

    def get_package(self, name: str, check_updates: bool = False) -> PackageInfo:
        """Return one package by any spelling of its name; raises `PackageNotFound`."""
        info = inventory.get_package(self._backend, name, check_updates=check_updates)
        return self.values.with_loaded((info,))[0]

    def get_package_by_id(self, id: str, check_updates: bool = False) -> PackageInfo:
        """Return one package by its normalised name; raises `PackageNotFound`."""
        info = inventory.get_package_by_id(self._backend, id, check_updates=check_updates)
        return self.values.with_loaded((info,))[0]

    def check_for_updates(
        self, name: str | None = None, refresh: bool = False, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Ask the index what is newer: of everything, or of one package; the package frame.

        `report` gets the row of each package in its event's `package`, as soon as it is known.
        A project that could not be asked has NA and the reason in `error`.
        """
        return frames.packages(self.values.updates(name, refresh, report=report))

    def get_dependencies(self, name: str) -> PackageDependencies:
        """Return what a package requires, what requires it, and its size on disk.

        Raises `PackageNotFound`.
        """
        return inventory.get_relations(self._backend, name)

    def list_releases(self, name: str, *, report: Report | None = None) -> tuple[Release, ...]:
        """Return the releases of a project that this Python can have, newest first.

        Yanked ones (PEP 592) and pre-releases too. Raises `ProjectNotFound`, `IndexUnavailable`,
        `InvalidRequest` for what is no name.
        """
        project = checked_name(name)
        with reporting(report) as progress:
            answer = self._backend.index.releases_of(IndexQuery((project,)), progress)[project]
        if isinstance(answer, PkgwidgetsError):
            raise answer
        interpreter = self._backend.environment.interpreter
        return tuple(release for release in answer if has_compatible_wheel(release, interpreter))

    def plan_upgrade(
        self,
        names: str | Iterable[str] | None = None,
        version: str | None = None,
        allow: AllowPolicy = "dependencies",
        *,
        notebooks: rehearsal.Notebooks = (),
        report: Report | None = None,
    ) -> Plan:
        """Plan to bring packages to their newest compatible releases; no names means everything.

        `allow` says what else may move: `"self"` nothing, `"dependencies"` also what the named
        depend on, `"all"` everything. With `notebooks` (paths) everything is rehearsed on them: an
        upgrade that breaks a cell is held back, with that cell as the reason. Nothing is changed.
        Raises `PackageNotFound`, `PlanImpossible` with the reason, `EnvironmentRefused`,
        `IndexUnavailable`; with notebooks also what `rehearse` raises, and `InvalidRequest` if
        names or a version are given, too.
        """
        if isinstance(notebooks, str | Path) or notebooks:
            if names is not None or version is not None:
                reason = "with notebooks everything is planned: leave names and version out"
                raise InvalidRequest("notebooks", None, reason)
            return self._plan_around(notebooks, report)
        with reporting(report) as progress:
            return self._with_restart(
                planning.plan_upgrade(
                    self._backend, names, version=version, allow=allow, report=progress
                )
            )

    def plan_install(
        self,
        requirement: str | Iterable[str],
        allow: AllowPolicy = "dependencies",
        *,
        report: Report | None = None,
    ) -> Plan:
        """Plan to install what a requirement names, as in `polars>=1`, or several of them."""
        with reporting(report) as progress:
            return self._with_restart(
                planning.plan_install(self._backend, requirement, allow=allow, report=progress)
            )

    def plan_uninstall(self, names: str | Iterable[str]) -> Plan:
        """Plan to remove packages; raises `StillNeeded` naming who requires them."""
        return self._with_restart(planning.plan_uninstall(self._backend, names))

    def plan_undo(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Plan:
        """Plan to take back the last committed transaction, or the one named."""
        transaction_id = transaction.id if isinstance(transaction, Transaction) else transaction
        with reporting(report) as progress:
            return self._with_restart(
                planning.plan_undo(self._backend, transaction_id, report=progress)
            )

    def impact(
        self, plan: Plan, notebook: str | Path | None = None, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Say what a plan means for a notebook; without one, for what was run in this kernel.

        Columns: `cell`, by its number; `package`, which changes; `name`, what the cell uses;
        `finding`; `severity`: breaks, warns, changes, unknown, indirect (through a package that
        depends on it) or none. The worst first. The sources of the old and the new version are
        compared, nothing of them is run, and the environment is not changed. Raises
        `InvalidRequest` for what is no notebook, and without griffe.
        """
        return frames.impact(self.values.impact(plan, notebook, report=report))

    def apply(self, plan: Plan, *, report: Report | None = None) -> Transaction:
        """Carry a plan out: afterwards the environment is exactly the new one, or the old one.

        A process of its own does it, and goes on if this kernel is restarted or ends: see
        `current_transaction`. Raises `StalePlan` if something changed since it was planned, another
        `TransactionError` if it was rolled back, `Cancelled` when interrupted, `TooLate` if that
        came when it was done, `EnvironmentBusy` naming who changes the environment.
        """
        check_plan(plan)
        loaded_before = (
            self._loaded.loadings()
        )  # what is loaded now has the version that is installed now
        with reporting(report) as progress:
            done = operations.apply_and_follow(self._backend, plan, progress)
        if self._examined is not None and self._examined.plan.id == plan.id:
            rehearsal.remember_result(self._backend, self._examined)
        return _ended(done, loaded_before)

    def current_transaction(self) -> Transaction | None:
        """Return the transaction that is under way now, whoever started it; None if none is."""
        return operations.running(self._backend)

    def follow(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Wait for a transaction, the one under way or the one named; ends as `apply` does."""
        loaded_before = self._loaded.loadings()
        with reporting(report) as progress:
            done = operations.follow(self._backend, self._meant(transaction), progress)
        return _ended(done, loaded_before)

    def cancel(self, transaction: str | Transaction | None = None) -> None:
        """End a transaction in the old environment, the one under way or the one named.

        Returns at once: `follow` waits for the end. Raises `TooLate` if it is committed.
        """
        operations.cancel(self._backend, self._meant(transaction))

    def upgrade_package(
        self, name: str, version: str | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply the upgrade of one package."""
        # Checked here: without a name a plan is for everything.
        plan = self.plan_upgrade(checked_name(name), version, report=report)
        return self.apply(plan, report=report)

    def upgrade_all_packages(
        self,
        *,
        notebooks: rehearsal.Notebooks = (),
        check: rehearsal.Notebooks = (),
        report: Report | None = None,
    ) -> pd.DataFrame:
        """Upgrade everything in one transaction; a row per package, held-back ones with reasons.

        With `notebooks`, all is rehearsed on them first: an upgrade that breaks one is held back,
        with the cell that it breaks, and the rest is upgraded. Raises as `rehearse` does.
        `check` is the old name of `notebooks`.
        """
        if isinstance(check, str | Path) or check:
            warn_renamed("upgrade_all_packages(check=…)", "notebooks=")
            notebooks = check
        plan = self.plan_upgrade(notebooks=notebooks, report=report)
        return frames.changes(self.apply(plan, report=report))

    def rehearse(
        self,
        plan: Plan,
        notebooks: rehearsal.Notebooks,
        *,
        seconds: float = 600.0,
        network: bool = False,
        sanitize: str | Path | None = None,
        report: Report | None = None,
    ) -> pd.DataFrame:
        """Run notebooks on the environment as it is and as the plan would make it; compare them.

        Nothing in the environment or beside the notebooks is changed: they run in scratch kernels,
        each in a copy of its folder, for at most `seconds`. Without `network`, connections that
        Python opens to other machines fail; libraries with sockets of their own and processes that
        a notebook starts are not stopped. `sanitize` is a file of rules as nbval takes it.

        One row per cell with code: `notebook`; `cell`, its number when all are run; `before` and
        `after`, what it shows; `verdict`; the seconds of both. Shown, it has the differing
        outputs side by side. Images are not compared. Raises `InvalidRequest` for what is no
        notebook, `StalePlan`, `EnvironmentRefused` if no kernel starts, `Cancelled`.
        """
        rehearsed = self.values.rehearsal(
            plan, notebooks, seconds=seconds, network=network, sanitize=sanitize, report=report
        )
        return frames.rehearsal(rehearsed)

    def plan_known_good(self, notebook: str | Path, *, report: Report | None = None) -> Plan:
        """Plan to return to the versions with which a notebook last ran clean; `apply` does it.

        Each rehearsal remembers them, by the notebook's path and code. What was installed since
        stays. Raises `InvalidRequest` if it was never rehearsed without an error, `StillNeeded`
        if what stays needs newer versions, `IndexUnavailable`, `ProjectNotFound`.
        """
        with reporting(report) as progress:
            return self._with_restart(rehearsal.known_good(self._backend, notebook, progress))

    def install_package(
        self, requirement: str | Iterable[str], *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply an installation."""
        return self.apply(self.plan_install(requirement, report=report), report=report)

    def uninstall_package(
        self, names: str | Iterable[str], *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply a removal."""
        return self.apply(self.plan_uninstall(names), report=report)

    def history(self) -> pd.DataFrame:
        """Return the transactions, newest first, indexed by their id.

        Columns: `started` and `finished`, UTC, and the `seconds` between; `outcome`; `changes`;
        `user` and `process` (kernel, server, terminal, script), who asked; `saved_bytes`, the
        old files that were kept; `downloaded_bytes`, at most, for a cache may have held some;
        `undoes` and `undone_by`; `error`, why it failed. What is not known is NA.
        """
        return frames.history(self.values.history())

    def list_events(self, transaction: str | Transaction) -> tuple[Event, ...]:
        """Return what a transaction told while it ran, and what its tools printed."""
        if self._backend.worker is None:
            return ()
        return tuple(self._backend.worker.events(self._meant(transaction))[0])

    def list_recovered(self) -> tuple[Transaction, ...]:
        """Return what an earlier session left unfinished, and this one brought to its end."""
        return tuple(done for done in self.values.history() if done.id in self._recovered)

    def change_token(self) -> str:
        """Return a token that changes whenever a package is installed or removed here.

        Another session's changes count, and so does a transaction that has begun. Cheap: a few
        file stats.
        """
        return self._change_token.now()

    def undo(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Take back the last committed transaction, or the one named.

        From its save point where that is whole, without a network; else the old versions are
        fetched anew.

        It is itself a transaction, and can be undone by its id.
        """
        return self.apply(self.plan_undo(transaction, report=report), report=report)

    def find_notebook(self, told: str = "") -> Path | None:
        """Return the path of this kernel's notebook; None where that is not known.

        `told` is its path as the page says that shows it, below the server's folder.
        """
        return notebook_path.find_notebook(told)

    def list_variables(self) -> tuple[Variable, ...]:
        """Return the user's variables in this kernel, which a restart would lose.

        The biggest first; modules, functions and classes are left out. Their sizes are looked at
        from outside: none of their own code is run.
        """
        from .variables import variables

        return variables()

    def plan_surviving(
        self, notebooks: rehearsal.Notebooks, *, report: Report | None = None
    ) -> Plan:
        """Plan as `plan_upgrade(notebooks=…)` does, which is the new name."""
        warn_renamed("PackageService.plan_surviving", "plan_upgrade(notebooks=…)")
        return self.plan_upgrade(notebooks=notebooks, report=report)

    if not TYPE_CHECKING:  # so that a wrong name is still an error for the type checker

        def __getattr__(self, name: str) -> Any:
            """Return what an old name stands for, with a DeprecationWarning."""
            if name not in _OLD_NAMES:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            new = _OLD_NAMES[name]
            warn_renamed(f"PackageService.{name}", new)
            return attrgetter(new)(self)

    def __repr__(self) -> str:
        return f"PackageService({self.prefix}, Python {self.python_version})"

    def _plan_around(self, notebooks: rehearsal.Notebooks, report: Report | None) -> Plan:
        with reporting(report) as progress:
            self._examined = rehearsal.find_culprits(self._backend, notebooks, progress)
        return self._with_restart(self._examined.plan)

    def _new_change_token(self) -> ChangeToken:
        transactions = self._backend.journal.folder("-").parent
        search = self._backend.environment.interpreter.search
        return ChangeToken(search, (transactions, transactions.parent / "lock"))

    def _meant(self, transaction: str | Transaction | None) -> str:
        meant = self.current_transaction() if transaction is None else transaction
        if meant is None:
            raise InvalidRequest("transaction", None, "no transaction is under way")
        return meant if isinstance(meant, str) else meant.id

    def _with_restart(self, plan: Plan) -> Plan:
        verdict = restart.restart_before(plan.changes, self._loaded.loadings())
        others = self._kernels.running() if plan else ()
        return replace(plan, restart=verdict, kernels=others)


def _ended(
    done: Transaction, loaded_before: Mapping[NormalizedName, restart.LoadedPackage]
) -> Transaction:
    """Let this process see what is new, and say what it goes on running of what was before."""
    importlib.invalidate_caches()
    return replace(
        done, plan=replace(done.plan, restart=restart.restart_after(done.changes, loaded_before))
    )
