"""`PackageService`: answers about many packages are DataFrames, about one are values."""

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
from pkgwidgets.presentation.value_html import register_renderers

from . import frames, notebook_path, rehearsal
from .change_token import ChangeToken
from .loaded_packages import LoadedPackages
from .progress_bar import reporting
from .values import ServiceValues, check_plan

if TYPE_CHECKING:
    import pandas as pd

    from pkgwidgets.operations.culprit_search import CulpritSearchResult

register_renderers()

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
"""Names of 0.1 and the new ones: each keeps working, with a DeprecationWarning."""


class PackageService:
    """List, check, plan, upgrade and undo the packages of one environment.

    By default this is the kernel's environment, with the index that uv, else pip, is configured
    to use. Raises `EnvironmentRefused` if `python` is no interpreter, `InvalidRequest` if
    `index_url` is no http address. An interrupted change of an earlier session is recovered first.

    Slow methods take `report`, a callable that gets an `Event` per step; without it a progress
    bar is shown. Interrupting the cell cancels, and never leaves a half-changed environment.
    """

    def __init__(self, python: str | Path | None = None, *, index_url: str | None = None) -> None:
        self._backend = connect(python, index_url, detached=True)
        self._loaded = LoadedPackages(self._backend)
        self.values = ServiceValues(self._backend, self._loaded)
        """The same answers as plain values, for code that does not need DataFrames."""
        self._kernels = other_kernels(self._backend)
        self._change_token = self._new_change_token()
        self._search_result: CulpritSearchResult | None = None
        self._recovered: tuple[str, ...] = ()
        with suppress(PkgwidgetsError):  # listing still works; the next plan raises it
            self._recovered = recovery.recover_if_needed(self._backend)

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self._backend.environment.interpreter.python

    @property
    def prefix(self) -> Path:
        """The root folder of the environment (`sys.prefix`)."""
        return self._backend.environment.interpreter.prefix

    @property
    def python_version(self) -> str:
        """The version of the interpreter, for example `3.12.1`."""
        return self._backend.environment.interpreter.version

    @property
    def index_url(self) -> str:
        """The URL of the index, without credentials."""
        return self._backend.index.url

    def read_only_reason(self) -> str | None:
        """Return in one sentence why the environment is read-only; None if it is not."""
        return self._backend.environment.read_only_reason()

    def get_packages(
        self, check_updates: bool = False, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Return the package frame: one row per distribution, indexed by `name`.

        Columns: `version`; `latest_version`, the newest eligible release; `compatible_version`,
        the newest that no installed package forbids; `update_available`; `change`, the version
        step; `blocked_by`, the packages that forbid the latest; `released`, the time of the
        latest, UTC; `status`; `requested`, by the user and not only by other packages;
        `loaded_version`, in this kernel; `installed` and `last_upgraded`, UTC; `install_path`;
        `origin`; `error`, why a value is unknown. Without `check_updates` the index is not asked,
        and the values from it are NA.
        """
        return frames.packages(self.values.packages(check_updates, report=report))

    def get_package(self, name: str, check_updates: bool = False) -> PackageInfo:
        """Return one package by any spelling of its name; raises `PackageNotFound`."""
        info = inventory.get_package(self._backend, name, check_updates=check_updates)
        return self.values.with_loaded((info,))[0]

    def get_package_by_id(self, id: str, check_updates: bool = False) -> PackageInfo:  # noqa: A002 - public since 0.1
        """Return one package by its normalized name; raises `PackageNotFound`."""
        info = inventory.get_package_by_id(self._backend, id, check_updates=check_updates)
        return self.values.with_loaded((info,))[0]

    def check_for_updates(
        self, name: str | None = None, refresh: bool = False, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Ask the index for updates of all packages, or of one; return the package frame.

        `report` gets the row of each package in its event's `package`, as soon as it is known.
        A project whose check failed has NA, and the reason in `error`.
        """
        return frames.packages(self.values.updates(name, refresh, report=report))

    def get_dependencies(self, name: str) -> PackageDependencies:
        """Return what a package requires, what requires it, and its size on disk.

        Raises `PackageNotFound`.
        """
        return inventory.get_relations(self._backend, name)

    def list_releases(self, name: str, *, report: Report | None = None) -> tuple[Release, ...]:
        """Return the releases of a project with a wheel for this Python, newest first.

        They include yanked ones (PEP 592) and pre-releases. Raises `ProjectNotFound`,
        `IndexUnavailable`, and `InvalidRequest` for an invalid name.
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
        """Plan to upgrade packages to their newest compatible releases; no names: all packages.

        `allow` is what else may change: `"self"` nothing, `"dependencies"` the dependencies of
        the named, `"all"` every package. With `notebooks` (paths) the plan is for all packages and
        is rehearsed on them: an upgrade that breaks a cell is held back, with that cell as the
        reason. Nothing is changed. Raises `PackageNotFound`, `PlanImpossible` with the reason,
        `EnvironmentRefused`, `IndexUnavailable`; with notebooks also what `rehearse` raises, and
        `InvalidRequest` if names or a version are given as well.
        """
        if isinstance(notebooks, str | Path) or notebooks:
            if names is not None or version is not None:
                reason = "with notebooks everything is planned: leave names and version out"
                raise InvalidRequest("notebooks", None, reason)
            return self._plan_with_notebooks(notebooks, report)
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
        """Plan to install a requirement such as `polars>=1`, or several."""
        with reporting(report) as progress:
            return self._with_restart(
                planning.plan_install(self._backend, requirement, allow=allow, report=progress)
            )

    def plan_uninstall(self, names: str | Iterable[str]) -> Plan:
        """Plan to uninstall packages; raises `StillNeeded` with the packages that require them."""
        return self._with_restart(planning.plan_uninstall(self._backend, names))

    def plan_undo(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Plan:
        """Plan to undo the last committed transaction, or the given one."""
        transaction_id = transaction.id if isinstance(transaction, Transaction) else transaction
        with reporting(report) as progress:
            return self._with_restart(
                planning.plan_undo(self._backend, transaction_id, report=progress)
            )

    def impact(
        self, plan: Plan, notebook: str | Path | None = None, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Return the impact of a plan on a notebook; by default on the cells run in this kernel.

        Columns: `cell`, its number; `package`, which changes; `name`, what the cell uses;
        `finding`; `severity`: breaks, warns, changes, unknown, indirect (through a package that
        depends on it) or none. The worst come first. The sources of the old and the new version
        are compared but not run, and the environment is not changed. Raises `InvalidRequest` if
        `notebook` is not a notebook, and if griffe is not installed.
        """
        return frames.impact(self.values.impact(plan, notebook, report=report))

    def apply(self, plan: Plan, *, report: Report | None = None) -> Transaction:
        """Apply a plan: afterwards the environment is exactly the new one, or unchanged.

        A worker process applies it, and goes on if this kernel is restarted or ends: see
        `current_transaction`. Raises `StalePlan` if the environment changed since planning, and
        another `TransactionError` if it was rolled back. An interrupt raises `Cancelled`, or
        `TooLate` after the commit. Raises `EnvironmentBusy` with the process that holds the lock.
        """
        check_plan(plan)
        # Read before the change: what is loaded now has the version that is installed now.
        loaded_before = self._loaded.loaded_packages()
        with reporting(report) as progress:
            transaction = operations.apply_and_follow(self._backend, plan, progress)
        if self._search_result is not None and self._search_result.plan.id == plan.id:
            rehearsal.remember_result(self._backend, self._search_result)
        return _finish(transaction, loaded_before)

    def current_transaction(self) -> Transaction | None:
        """Return the transaction that is being applied, by any process; None if there is none."""
        return operations.running(self._backend)

    def follow(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Wait for the current or the given transaction; returns and raises as `apply` does."""
        loaded_before = self._loaded.loaded_packages()
        with reporting(report) as progress:
            done = operations.follow(self._backend, self._transaction_id(transaction), progress)
        return _finish(done, loaded_before)

    def cancel(self, transaction: str | Transaction | None = None) -> None:
        """Cancel the current or the given transaction: it is rolled back.

        Returns at once: `follow` waits for the end. Raises `TooLate` if it is committed.
        """
        operations.cancel(self._backend, self._transaction_id(transaction))

    def upgrade_package(
        self, name: str, version: str | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply the upgrade of one package."""
        # The name is checked here, because None would upgrade everything.
        plan = self.plan_upgrade(checked_name(name), version, report=report)
        return self.apply(plan, report=report)

    def upgrade_all_packages(
        self,
        *,
        notebooks: rehearsal.Notebooks = (),
        check: rehearsal.Notebooks = (),
        report: Report | None = None,
    ) -> pd.DataFrame:
        """Upgrade all packages in one transaction; return a row per package, with its result.

        With `notebooks` it is rehearsed on them first: an upgrade that breaks one is held back,
        with the cell as the reason, and the rest is upgraded. Raises what `apply` and, with
        notebooks, `rehearse` raise. `check` is the old name of `notebooks`.
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
        """Run notebooks on the current and on the planned packages, and compare the outputs.

        Nothing in the environment or beside the notebooks is changed: they run in scratch kernels,
        each in a copy of its folder, for at most `seconds`. Without `network`, connections that
        Python opens to other machines fail; libraries with their own sockets and processes that
        a notebook starts are not blocked. `sanitize` is a file of rules in the format of nbval.

        One row per code cell: `notebook`; `cell`, its number if all are run; `before` and
        `after`, its output; `verdict`; `seconds_before` and `seconds_after`. Its HTML shows the
        differing outputs side by side. Images are not compared. Raises `InvalidRequest` if a path
        is not a notebook, `StalePlan`, `EnvironmentRefused` if no kernel starts, `Cancelled`.
        """
        rehearsed = self.values.rehearsal(
            plan, notebooks, seconds=seconds, network=network, sanitize=sanitize, report=report
        )
        return frames.rehearsal(rehearsed)

    def plan_known_good(self, notebook: str | Path, *, report: Report | None = None) -> Plan:
        """Plan to return to the versions with which a notebook last ran without error.

        Each rehearsal remembers them, by the notebook's path and code. Packages installed since
        stay. Raises `InvalidRequest` if it was never rehearsed without an error, `StillNeeded`
        if packages that stay require newer versions, `IndexUnavailable`, `ProjectNotFound`.
        """
        with reporting(report) as progress:
            return self._with_restart(rehearsal.known_good(self._backend, notebook, progress))

    def install_package(
        self, requirement: str | Iterable[str], *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply the installation of a requirement, or of several."""
        return self.apply(self.plan_install(requirement, report=report), report=report)

    def uninstall_package(
        self, names: str | Iterable[str], *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply the uninstallation of packages."""
        return self.apply(self.plan_uninstall(names), report=report)

    def history(self) -> pd.DataFrame:
        """Return the transactions, newest first, indexed by their id.

        Columns: `started` and `finished`, UTC, and the `seconds` between; `outcome`; `changes`;
        `user` and `process` (kernel, server, terminal or script) of the request; `saved_bytes`,
        the old files in the save point; `downloaded_bytes`, an upper bound, as a cache may have
        had some; `undoes` and `undone_by`, ids of transactions; `error`, why it failed. Unknown
        values are NA.
        """
        return frames.history(self.values.history())

    def list_events(self, transaction: str | Transaction) -> tuple[Event, ...]:
        """Return the events of a transaction, including what its tools printed."""
        if self._backend.worker is None:
            return ()
        return tuple(self._backend.worker.events(self._transaction_id(transaction))[0])

    def list_recovered(self) -> tuple[Transaction, ...]:
        """Return the interrupted transactions that this service recovered when it was created."""
        history = self.values.history()
        return tuple(transaction for transaction in history if transaction.id in self._recovered)

    def change_token(self) -> str:
        """Return a token that changes whenever a package is installed or uninstalled.

        It also changes when another process does that, and when a transaction starts. Cheap: a
        few file stats.
        """
        return self._change_token.now()

    def undo(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Undo the last committed transaction, or the given one.

        Its save point is restored without a network if it is intact; else the old versions are
        downloaded. The undo is itself a transaction, and can be undone by its id.
        """
        return self.apply(self.plan_undo(transaction, report=report), report=report)

    def find_notebook(self, told: str = "") -> Path | None:
        """Return the path of this kernel's notebook; None if unknown.

        `told` is the path below the server's folder, from the page that shows the notebook.
        """
        return notebook_path.find_notebook(told)

    def list_variables(self) -> tuple[Variable, ...]:
        """Return the user's variables in this kernel, which a restart would lose.

        The biggest come first; modules, functions and classes are left out. Sizes are approximate
        bytes, measured without running any code of the values.
        """
        from .variables import variables

        return variables()

    def plan_surviving(
        self, notebooks: rehearsal.Notebooks, *, report: Report | None = None
    ) -> Plan:
        """Plan as `plan_upgrade(notebooks=…)`, which is the new name."""
        warn_renamed("PackageService.plan_surviving", "plan_upgrade(notebooks=…)")
        return self.plan_upgrade(notebooks=notebooks, report=report)

    if not TYPE_CHECKING:  # so that a wrong name is still an error for the type checker

        def __getattr__(self, name: str) -> Any:
            """Return the attribute with the new name, with a DeprecationWarning."""
            if name not in _OLD_NAMES:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            new = _OLD_NAMES[name]
            warn_renamed(f"PackageService.{name}", new)
            return attrgetter(new)(self)

    def __repr__(self) -> str:
        return f"PackageService({self.prefix}, Python {self.python_version})"

    def _plan_with_notebooks(self, notebooks: rehearsal.Notebooks, report: Report | None) -> Plan:
        with reporting(report) as progress:
            self._search_result = rehearsal.find_culprits(self._backend, notebooks, progress)
        return self._with_restart(self._search_result.plan)

    def _new_change_token(self) -> ChangeToken:
        transactions = self._backend.journal.folder("-").parent
        search = self._backend.environment.interpreter.search
        return ChangeToken(search, (transactions, transactions.parent / "lock"))

    def _transaction_id(self, transaction: str | Transaction | None) -> str:
        if transaction is None:
            transaction = self.current_transaction()
        if transaction is None:
            raise InvalidRequest("transaction", None, "no transaction is under way")
        return transaction if isinstance(transaction, str) else transaction.id

    def _with_restart(self, plan: Plan) -> Plan:
        verdict = restart.restart_before(plan.changes, self._loaded.loaded_packages())
        others = self._kernels.running() if plan else ()
        return replace(plan, restart=verdict, kernels=others)


def _finish(
    transaction: Transaction, loaded_before: Mapping[NormalizedName, restart.LoadedPackage]
) -> Transaction:
    """Make new modules importable, and set the restart verdict from what was loaded before."""
    importlib.invalidate_caches()
    return replace(
        transaction,
        plan=replace(
            transaction.plan, restart=restart.restart_after(transaction.changes, loaded_before)
        ),
    )
