"""The answers of a service as values: the rows of its DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from packaging.utils import NormalizedName

from pkgwidgets.analysis.api_changes import Impact
from pkgwidgets.analysis.rehearsal_backend import RunLimits
from pkgwidgets.analysis.run_comparison import Rehearsal
from pkgwidgets.core.audit import Audit
from pkgwidgets.core.copies import EnvironmentCopy
from pkgwidgets.core.drift import Drift
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.events import Event, PackageChecked
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.lock import Export
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.policy import ListedHold
from pkgwidgets.core.provenance import PublisherComparison
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.operations import audit, copying, holds, inventory, publishers, restore, undo

from . import rehearsal
from .last_results import LastResults, Rows
from .loaded_packages import LoadedPackages
from .progress_bar import reporting


class ServiceValues:
    """The values behind the DataFrames of `PackageService`; `service.values` is one.

    Each method takes the arguments of the corresponding method of the service, and raises its
    errors.

    >>> len(service.values.packages()) == len(service.get_packages())
    True
    """

    def __init__(self, backend: Backend, loaded: LoadedPackages) -> None:
        self._backend = backend
        self._loaded = loaded
        self._last_loaded: Mapping[NormalizedName, str] | None = None
        self._joined: LastResults[Rows] = LastResults(lambda rows: rows)

    def packages(
        self, check_updates: bool = False, *, report: Report | None = None
    ) -> tuple[PackageInfo, ...]:
        """Return the rows of `get_packages`, sorted by name.

        >>> [info.name for info in service.values.packages() if not info.requested]
        ['beanpoles', 'sundrift']
        """
        with reporting(report) as progress:
            rows = inventory.get_packages(
                self._backend,
                check_updates=check_updates,
                # A bar shows no rows.
                report=progress if report is None else self._with_loaded_rows(progress),
            )
        return self._all_with_loaded(rows)

    def updates(
        self, name: str | None = None, refresh: bool = False, *, report: Report | None = None
    ) -> tuple[PackageInfo, ...]:
        """Return the rows of `check_for_updates`, sorted by name.

        >>> [info.name for info in service.values.updates() if info.blocked_by]
        ['raintable']
        """
        with reporting(report) as progress:
            rows = inventory.check_for_updates(
                self._backend,
                name,
                refresh=refresh,
                report=progress if report is None else self._with_loaded_rows(progress),
            )
        return self._all_with_loaded(rows)

    def last_check(self) -> tuple[PackageInfo, ...]:
        """Return the rows of the last check while its answers are fresh, else what is installed.

        The index is not asked.

        >>> len(service.values.last_check())
        11
        """
        return self._all_with_loaded(inventory.last_known(self._backend))

    def history(self) -> tuple[Transaction, ...]:
        """Return the transactions, oldest first.

        >>> done = service.upgrade_package("seedshelf")
        >>> [transaction.id for transaction in service.values.history()] == [done.id]
        True
        """
        return tuple(self._backend.journal.transactions())

    def holds(self) -> tuple[ListedHold, ...]:
        """Return the rows of `holds`.

        >>> done = service.hold("raintable", "<3")
        >>> str(service.values.holds()[0])
        'raintable <3 (pkgwidgets.toml)'
        """
        return holds.list_holds(self._backend)

    def compare_publishers(self, name: str, *, report: Report | None = None) -> PublisherComparison:
        """Compare who published the installed release and the newest compatible one (PEP 740).

        The index says so; no signature is verified. An index that does not answer, or answers
        nonsense, gives the verdict `unknown`, never `same`. Raises `PackageNotFound`, and
        `InvalidRequest` for an invalid name.

        >>> comparison = service.values.compare_publishers("frostcall")
        >>> comparison.verdict.value, comparison.publishers_after
        ('changed', ('GitHub frost-mirror/frostcall, release.yml',))
        """
        with reporting(report) as progress:
            return publishers.compare_publishers(self._backend, name, progress)

    def undo_refusals(self) -> Mapping[str, str]:
        """Return why recent transactions can no longer be undone, by id; without those that can.

        >>> done = service.upgrade_package("seedshelf")
        >>> service.values.undo_refusals()
        {}
        """
        return undo.list_refusals(self._backend, self._backend.journal.transactions())

    def audit(
        self,
        names: str | Iterable[str] | None = None,
        *,
        sources: Iterable[str | Path] = (),
        report: Report | None = None,
    ) -> Audit:
        """Return the audit behind `check_advisories`, of the configured sources or of `sources`.

        >>> [row.advisory for row in service.values.audit().findings]
        ['DEMO-2026-1', 'DEMO-2026-2']
        """
        configured = self._backend.advisories().sources(tuple(sources))
        with reporting(report) as progress:
            return audit.audit(self._backend, configured, names, report=progress)

    def environments(self) -> tuple[EnvironmentCopy, ...]:
        """Return the rows of `environments`, by name.

        >>> service.values.environments()
        ()
        """
        return copying.list_copies(self._backend)

    def this_copy(self) -> EnvironmentCopy | None:
        """Return the copy that this environment is; None if `copy_environment` did not make it.

        >>> service.values.this_copy() is None
        True
        """
        return copying.find_own_copy(self._backend)

    def suggest_copy_name(self) -> str:
        """Return a name for a copy of this environment that is not taken.

        >>> service.values.suggest_copy_name()
        'env-1'
        """
        return copying.suggest_name(self._backend)

    def foreign_owner(self) -> str | None:
        """Return the other user who owns this environment; None if it is this user's.

        >>> service.values.foreign_owner() is None
        True
        """
        return self._backend.environment.foreign_owner()

    def other_writers(self) -> str | None:
        """Return who else may change this environment, such as `the group staff`, or None.

        The modes of its folders decide. Access lists are not read.

        >>> service.values.other_writers() is None
        True
        """
        return self._backend.environment.other_writers()

    def drift(self, source: str | Path | Export) -> Drift:
        """Return the drift behind `drift`: its rows, and how many packages the lock has.

        >>> export = service.export()
        >>> bool(service.values.drift(export))
        False
        """
        return restore.drift(self._backend, source)

    def impact(
        self, plan: Plan, notebook: str | Path | None = None, *, report: Report | None = None
    ) -> tuple[Impact, ...]:
        """Return the rows of `impact`, the worst first.

        >>> plan = service.plan_upgrade("seedshelf")
        >>> [(row.cell, row.name) for row in service.values.impact(plan, notebook)]
        [(1, 'seedshelf.sow')]
        """
        from . import impact, notebook_code  # griffe is an extra, and takes a while to load

        check_plan(plan)
        impact.check_griffe()
        cells = (
            notebook_code.executed_cells()
            if notebook is None
            else notebook_code.notebook_cells(notebook)
        )
        with reporting(report) as progress:
            return impact.plan_impact(
                self._backend, plan, cells, self._loaded.deprecations(), progress
            )

    def rehearsal(
        self,
        plan: Plan,
        notebooks: rehearsal.Notebooks,
        *,
        seconds: float = 600.0,
        network: bool = False,
        sanitize: str | Path | None = None,
        root: str | Path | None = None,
        report: Report | None = None,
    ) -> Rehearsal:
        """Return the rehearsal behind `rehearse`: each cell before and after, and the runs.

        >>> plan = service.plan_upgrade("seedshelf")
        >>> service.values.rehearsal(plan, notebook).passed
        True
        """
        check_plan(plan)
        limits = RunLimits(seconds=rehearsal.checked_seconds(seconds), network=bool(network))
        with reporting(report) as progress:
            return rehearsal.rehearse(
                self._backend, plan, notebooks, limits, sanitize, root, progress
            )

    def with_loaded(self, rows: Iterable[PackageInfo]) -> tuple[PackageInfo, ...]:
        """Return the rows with `loaded_version` set, as loaded in this kernel.

        >>> rows = service.values.packages()
        >>> service.values.with_loaded(rows) == rows
        True
        """
        return _with_versions(tuple(rows), self._loaded.versions())

    def _all_with_loaded(self, rows: Rows) -> Rows:
        """Do the same for all packages; the same rows give the same tuple again."""
        loaded = self._loaded.versions()
        if self._last_loaded != loaded:
            self._last_loaded = loaded
            self._joined = LastResults(partial(_with_versions, loaded=loaded))
        return self._joined(rows)

    def _with_loaded_rows(self, report: Report) -> Report:
        """Return a report that sets `loaded_version` in each row before it passes it on."""
        loaded = self._loaded.versions()

        def complete(event: Event) -> None:
            if isinstance(event, PackageChecked):
                version = loaded.get(event.package.id)
                if version is not None:
                    event = replace(event, package=replace(event.package, loaded_version=version))
            report(event)

        return complete


def _with_versions(rows: Rows, loaded: Mapping[NormalizedName, str]) -> Rows:
    return tuple(
        row
        if (version := loaded.get(row.id) if loaded else None) == row.loaded_version
        else replace(row, loaded_version=version)
        for row in rows
    )


def check_plan(plan: object) -> None:
    """Raise `InvalidRequest` if `plan` is not a `Plan`."""
    if not isinstance(plan, Plan):
        raise InvalidRequest("plan", plan, "give a Plan, such as `plan_upgrade()` returns")
