"""`PackageService`: answers about many packages are DataFrames, about one are values."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import NormalizedName

from pkgwidgets.connect import connect, keep_own_code, other_kernels
from pkgwidgets.core import restart
from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy
from pkgwidgets.core.deprecation import warn_renamed
from pkgwidgets.core.errors import InvalidRequest, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.kernels import Variable
from pkgwidgets.core.lock import PYLOCK, Export
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.packages import PackageDependencies, PackageInfo
from pkgwidgets.core.plan_arguments import checked_project, checked_step
from pkgwidgets.core.plans import AllowPolicy, Plan, StepLimit
from pkgwidgets.core.projects import OwningProject
from pkgwidgets.core.releases import Release
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.unlocking import Unlock
from pkgwidgets.operations import (
    access,
    copying,
    embedding,
    fix_planning,
    holds,
    inventory,
    planning,
    preparation,
    project_planning,
    recovery,
    restore,
    suggestions,
    summaries,
)
from pkgwidgets.operations import export as export_operation
from pkgwidgets.operations import transactions as operations
from pkgwidgets.operations.dismissal import dismiss_note
from pkgwidgets.operations.skip_failing import apply_without_failing
from pkgwidgets.operations.unlocking import find_unlocks
from pkgwidgets.presentation.value_html import register_renderers

from . import notebook_path, rehearsal
from .change_token import ChangeToken
from .loaded_packages import LoadedPackages
from .missing_modules import missing_projects
from .progress_bar import reporting
from .values import ServiceValues, check_plan

if TYPE_CHECKING:
    import pandas as pd

    from pkgwidgets.operations.culprit_search import CulpritSearchResult

# A service imports most modules when it first needs them; another notebook may upgrade pkgwidgets
# before that.
keep_own_code()

# The methods that return DataFrames import `frames`: loading pandas takes longer than a listing.
# Code that asks for `values` never waits for it.

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

    `python` is the interpreter of the environment, by default this kernel's. `index_url` is an
    index with the simple API (PEP 503, 691), by default the one that uv, else pip, is configured
    to use. An interrupted change of an earlier session is recovered first. Raises
    `EnvironmentRefused` if `python` is no interpreter, and `InvalidRequest` if `index_url` is no
    http address.

    Slow methods take `report`, a callable that gets an `Event` per step; without it a progress
    bar is shown. Interrupting the cell cancels, and never leaves a half-changed environment.

    The examples of the methods use this service; `notebook` is the path of a notebook.

    >>> from pkgwidgets import PackageService, demo
    >>> with demo.start() as garden:
    ...     service = PackageService(garden.python, index_url=garden.index_url)
    ...     len(service.get_packages())
    11
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
        """The interpreter of the environment.

        >>> service.python == garden.python
        True
        """
        return self._backend.environment.interpreter.python

    @property
    def prefix(self) -> Path:
        """The root folder of the environment (`sys.prefix`).

        >>> service.prefix == garden.folder / "env"
        True
        """
        return self._backend.environment.interpreter.prefix

    @property
    def python_version(self) -> str:
        """The version of the interpreter, for example `3.12.1`.

        >>> from packaging.version import Version
        >>> Version(service.python_version) >= Version("3.11")
        True
        """
        return self._backend.environment.interpreter.version

    @property
    def index_url(self) -> str:
        """The URL of the index, without credentials.

        >>> service.index_url == garden.index_url
        True
        """
        return self._backend.index.url

    def read_only_reason(self) -> str | None:
        """Return why you may not change the environment, and who may; None if you may.

        For example, the operating system manages it (PEP 668), or its folder is not writable. You
        can still plan where only your permission is missing. It also names a change that is
        unfinished, and that you cannot finish.

        >>> service.read_only_reason() is None
        True
        """
        return access.read_only_reason(self._backend)

    def get_packages(
        self, check_updates: bool = False, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Return the package frame: one row per distribution, indexed by `name` (object), sorted.

        Without `check_updates` the index is not asked, and the values from it are NA. Otherwise it
        returns and raises as `check_for_updates` does. The columns, in order:

        - `version` (string): the installed version (PEP 440)
        - `latest_version` (string): the newest eligible release
        - `compatible_version` (string): the newest that no installed package forbids
        - `update_available` (boolean): whether the latest is newer than the installed version
        - `change` (category): the step to the latest: major, minor, patch or other
        - `blocked_by` (string): the packages that forbid the latest, with their requirements
        - `released` (datetime64[ns, UTC]): the upload time of the latest (PEP 700)
        - `project_status` (string): archived, deprecated or quarantined, and why (PEP 792); or ""
        - `yanked` (string): that the installed version was yanked, and why (PEP 592); or "". NA if
          a newer release made it unnecessary to look
        - `attestations` (string): which wheels of the latest have attestations (PEP 740), such as
          `all wheels of 1.4.2`; or "". pkgwidgets does not verify them
        - `status` (category): installed, installing, upgrading or error
        - `requested` (boolean): installed for the user, not only for others (PEP 376)
        - `loaded_version` (string): the version that this kernel has loaded
        - `installed` (datetime64[ns, UTC]): the time of the installation of this version
        - `last_upgraded` (datetime64[ns, UTC]): the time of its last upgrade by pkgwidgets
        - `install_path` (string): the folder of the distribution
        - `origin` (category): the source of the distribution (PEP 610), such as index or editable
        - `error` (string): why a value is unknown
        - `failed_change` (string): why its last change failed and was rolled back

        >>> frame = service.get_packages()
        >>> frame.loc["seedshelf", "version"], bool(frame.loc["seedshelf", "requested"])
        ('1.4.1', True)
        >>> str(frame["update_available"].dtype)
        'boolean'
        """
        from . import frames

        return frames.packages(self.values.packages(check_updates, report=report))

    def get_package(self, name: str, check_updates: bool = False) -> PackageInfo:
        """Return one package by any spelling of its name (PEP 503).

        With `check_updates` the index is asked, too; a failed check sets `error`. Raises
        `PackageNotFound`, and `InvalidRequest` for an invalid name.

        >>> service.get_package("compost.LOG").version
        '0.9.0'
        >>> service.get_package("raintable", check_updates=True).compatible_version
        '2.4.0'
        """
        info = inventory.get_package(self._backend, name, check_updates=check_updates)
        return self.values.with_loaded((info,))[0]

    def get_package_by_id(self, id: str, check_updates: bool = False) -> PackageInfo:  # noqa: A002 - public since 0.1
        """Return one package by its normalized name (PEP 503).

        Raises `PackageNotFound` and `InvalidRequest`, as `get_package` does.

        >>> service.get_package_by_id("compost-log").name
        'Compost_Log'
        """
        info = inventory.get_package_by_id(self._backend, id, check_updates=check_updates)
        return self.values.with_loaded((info,))[0]

    def check_for_updates(
        self, name: str | None = None, refresh: bool = False, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Ask the index for updates of all packages, or of one.

        Returns a DataFrame with a row per package, indexed by name. The columns are those of
        `get_packages`. With `refresh`, cached answers are ignored. `report` is called with an event
        for each package as soon as the index answers; `event.package` is its row.

        If the index fails for a package, `error` has the reason. A cached answer fills
        `latest_version`, `compatible_version`, `update_available`, `change` and `released`;
        without one they are NA. `update_available` is about the latest version. Yanked releases
        (PEP 592) are not offered.
        Raises `PackageNotFound` and `InvalidRequest` for `name`.

        A cell shows what is newer, with counts. The frame has all rows.

        >>> frame = service.check_for_updates()
        >>> print(repr(frame).splitlines()[0])
        7 of 11 are newer; 7 compatible
        >>> frame.loc["raintable", ["latest_version", "compatible_version"]].to_list()
        ['3.1.0', '2.4.0']
        >>> int(frame["update_available"].sum())
        7
        """
        from . import frames

        return frames.updates(self.values.updates(name, refresh, report=report))

    def list_unlocks(self, *, report: Report | None = None) -> tuple[Unlock, ...]:
        """Return the upgrades that free other packages from what blocks their latest releases.

        The ones that free most come first, three at most. Each is confirmed by a plan: the package
        that blocks, and those that it alone blocks, upgraded together. Nothing is changed.

        >>> [str(unlock) for unlock in service.list_unlocks()]
        ['allotboard blocks 1 package: upgrade it to 1.67.0 to free raintable']
        """
        with reporting(report) as progress:
            return find_unlocks(self._backend, report=progress)

    def get_dependencies(self, name: str) -> PackageDependencies:
        """Return what a package requires, what requires it, and its size on disk in bytes.

        The size is that of the files that RECORD lists (PEP 376, 627). Raises `PackageNotFound`.

        >>> service.get_dependencies("bedplanner").requires
        ('beanpoles', 'sundrift')
        """
        return inventory.get_dependencies(self._backend, name)

    def list_releases(self, name: str, *, report: Report | None = None) -> tuple[Release, ...]:
        """Return the releases of a project with a wheel for this Python, newest first.

        They include yanked ones (PEP 592) and pre-releases. Raises `ProjectNotFound`,
        `IndexUnavailable`, and `InvalidRequest` for an invalid name.

        >>> [str(release.version) for release in service.list_releases("raintable")]
        ['3.1.0', '2.4.0', '2.0.0']
        """
        with reporting(report) as progress:
            return inventory.list_releases(self._backend, name, progress)

    def plan_upgrade(
        self,
        names: str | Iterable[str] | None = None,
        version: str | None = None,
        allow: AllowPolicy = "dependencies",
        *,
        step: StepLimit | None = None,
        notebooks: rehearsal.Notebooks = (),
        root: str | Path | None = None,
        allow_untried: bool = False,
        project: bool = False,
        report: Report | None = None,
    ) -> Plan:
        """Plan to upgrade packages to their newest compatible releases. Nothing is changed.

        Without names, all packages are planned. `version` is the exact version for one name
        (PEP 440). `allow` says which packages may change besides the named ones:

        - `"self"`: no other package
        - `"dependencies"` (the default): also the packages that the named ones require
        - `"all"`: also any other installed package, if that is necessary

        `step` is the biggest step that an upgrade may take: `"patch"`, `"minor"`, or `"major"`,
        which is the same as none. It applies to the named packages, or to all without names. If
        one of them needs another package to take a bigger step, a note of the plan says so. A
        `version` has no step.

        A package is held back if the plan does not upgrade it to its latest release. `held_back` of
        the plan has the reason. A `version` that cannot be installed raises `PlanImpossible`.

        `notebooks` are paths. Then all packages are planned, and these notebooks are run with the
        planned packages and your permissions: see `rehearse`, also for `root`. An upgrade that
        makes a cell raise an error or show another output is left out of the plan, and listed in
        `held_back`. A cell that fails with the installed packages, too, cannot be tried: then
        `NotebookUntried` is raised, or with `allow_untried` the plan names the cell. `apply`
        applies a plan.

        With `project`, the lock of the uv project that the environment belongs to is upgraded: see
        `project()`. The plan is what differs from the new lock. It changes `uv.lock`, too, in the
        same transaction. The project decides which versions are allowed: neither `allow` nor `step`
        can be given.

        Raises `PackageNotFound`, `PlanImpossible`, `EnvironmentRefused`, `IndexUnavailable`,
        `ResolutionFailed` and `InvalidRequest`. With notebooks it also raises what `rehearse`
        raises, and `InvalidRequest` if names or a version are given as well.

        >>> plan = service.plan_upgrade("raintable")
        >>> plan.pins
        ('raintable==2.4.0',)
        >>> [str(held_back.latest) for held_back in plan.held_back]
        ['3.1.0']
        >>> sorted(service.plan_upgrade("raintable", allow="all").pins)
        ['allotboard==1.67.0', 'raintable==3.1.0']
        >>> service.plan_upgrade(["frostcall", "seedshelf"], step="minor").pins
        ('seedshelf==1.4.2',)
        """
        if isinstance(notebooks, str | Path) or notebooks:
            if names is not None or version is not None:
                reason = "with notebooks the plan is for all packages: leave names and version out"
                raise InvalidRequest("notebooks", None, reason)
            if project:
                reason = "with notebooks the plan is for the environment alone: leave project out"
                raise InvalidRequest("project", None, reason)
            return self._plan_with_notebooks(
                notebooks, root, report, allow_untried=allow_untried, step=step
            )
        checked_project(project, allow, step)
        with reporting(report) as progress:
            if project:
                planned = project_planning.plan_upgrade(
                    self._backend, names, version=version, report=progress
                )
                return self._with_restart(planned)
            return self._with_restart(
                planning.plan_upgrade(
                    self._backend, names, version=version, allow=allow, step=step, report=progress
                )
            )

    def plan_install(
        self,
        requirement: str | Iterable[str],
        allow: AllowPolicy = "dependencies",
        *,
        project: bool = False,
        report: Report | None = None,
    ) -> Plan:
        """Plan to install a requirement (PEP 508) such as `polars>=1`, or several.

        `allow` is as for `plan_upgrade`. The plan is empty if all are installed. Nothing is
        changed. With `project`, they are added to `pyproject.toml` and `uv.lock` of the uv project,
        too, as `uv add` does. Raises `InvalidRequest`, `ProjectNotFound`, `EnvironmentRefused`,
        `PlanImpossible` with the reason, and `IndexUnavailable`.

        >>> service.plan_install("seedshelf>=1.4.2").pins
        ('seedshelf==1.4.2',)
        >>> bool(service.plan_install("seedshelf"))
        False
        """
        checked_project(project, allow)
        with reporting(report) as progress:
            if project:
                planned = project_planning.plan_install(self._backend, requirement, report=progress)
                return self._with_restart(planned)
            return self._with_restart(
                planning.plan_install(self._backend, requirement, allow=allow, report=progress)
            )

    def use_advisories(self, *sources: str | Path) -> None:
        """Remember the sources of advisories for this user, in this order.

        A source is the address of an OSV service, or the path of a folder or zip file with OSV
        records. `"index"` is the JSON API of the configured index. An address gets the names and
        versions of the checked packages: naming it here means that you agree. There is no default
        source. Raises `InvalidRequest` for another text.

        >>> service.use_advisories(garden.folder / "advisories")
        """
        self._backend.advisories().agree(sources)

    def check_advisories(
        self, names: str | Iterable[str] | None = None, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Return the known vulnerabilities of the installed packages, the worst first.

        A row is a vulnerability that affects the installed version, or says in `error` why
        something is unknown about a package. A package without a row has none. The index is a
        range. The columns, in order:

        - `package`, `version` (string): what is installed
        - `advisory` (string): the id, for example of PyPA's database; NA if unknown
        - `aliases` (string): its other ids; they count once
        - `severity` (ordered category): low, medium, high or critical; NA if not stated
        - `fixed_in` (string): the next version that fixes it
        - `safe_version` (string): the smallest eligible newer release that no known advisory
          affects, and that no installed package and no setting forbids
        - `blocked_by` (string): what forbids the smallest unaffected release
        - `source` (string): the sources that answered
        - `as_of` (datetime64[ns, UTC]): the time of their data
        - `error` (string): why something is unknown, also if the data is older than 30 days

        Raises `NoAdvisorySource`, `SourceNotAgreed`, `PackageNotFound` and `InvalidRequest`.

        >>> frame = service.check_advisories("seedshelf")
        >>> frame[["advisory", "fixed_in", "safe_version"]].to_numpy().tolist()
        [['DEMO-2026-1', '1.4.2', '1.4.2']]
        """
        from . import frames

        return frames.advisories(self.values.audit(names, report=report).rows)

    def plan_fix(
        self,
        names: str | Iterable[str] | None = None,
        *,
        sources: Iterable[str | Path] = (),
        report: Report | None = None,
    ) -> Plan:
        """Plan the smallest steps out of the known vulnerabilities. Nothing is changed.

        Each affected package goes to its `safe_version`, see `check_advisories`. Other packages
        change only where that needs it. A package that has no safe version, or whose step cannot
        be resolved, is in `held_back` of the plan. `sources` are used instead of the configured
        ones. Raises what `check_advisories` and `plan_upgrade` raise.

        >>> plan = service.plan_fix()
        >>> plan.pins, plan.changes[0].reason
        (('seedshelf==1.4.2',), 'fixes DEMO-2026-1')
        >>> plan.held_back[0].reason
        'DEMO-2026-2: blocked by allotboard (raintable<3)'
        """
        audit = self.values.audit(names, sources=sources, report=report)
        with reporting(report) as progress:
            return self._with_restart(fix_planning.plan_fix(self._backend, audit, report=progress))

    def export(self, file_name: str = PYLOCK, *, report: Report | None = None) -> Export:
        """Return what is installed as a lock: exact versions, with the hashes of their files.

        `file_name` is `pylock.toml` (PEP 751) or `requirements.txt`, for uv and pip. The hashes are
        those of the index. A package from elsewhere has its URL, with the commit or the hash that
        its installer recorded (PEP 610). A folder says whether it is editable. `notes` of the
        result name the packages that are left out, and those without a hash.

        Raises `InvalidRequest` for another format, and `EnvironmentRefused`.

        >>> export = service.export("requirements.txt")
        >>> export.text.splitlines()[1].split()[0]
        'allotboard==1.40.0'
        >>> "lock-version" in str(service.export())
        True
        """
        with reporting(report) as progress:
            return export_operation.export(self._backend, file_name, report=progress)

    def drift(self, source: str | Path | Export) -> pd.DataFrame:
        """Return the packages that differ from those of a lock; no row if none does.

        `source` is the path of a `pylock.toml`, or of a requirements file with exact versions. It
        may also be a notebook that `embed` saved, another environment (its folder or its Python),
        or what `export` returned. The index is `name` (object). The columns, in order:

        - `locked`, `installed` (string): the version of the lock and the one here; NA without one
        - `difference` (category): other version, not installed or not in the lock

        Raises `LockUnreadable` and `InvalidRequest`.

        >>> export = service.export()
        >>> done = service.upgrade_package("seedshelf")
        >>> service.drift(export).loc["seedshelf", ["locked", "installed"]].to_list()
        ['1.4.1', '1.4.2']
        """
        from . import frames

        return frames.drift(self.values.drift(source).rows)

    def plan_restore(
        self,
        source: str | Path | Export | None = None,
        exact: bool = False,
        *,
        as_of: date | str | None = None,
        report: Report | None = None,
    ) -> Plan:
        """Plan to return to the packages of a lock, or of a day. Nothing is changed.

        `source` is as for `drift`. Packages that the lock lacks stay; with `exact` they are
        uninstalled, without what a kernel and pkgwidgets need. The files come from the configured
        index, and must have the hashes of the lock. Addresses in a lock are not used.

        A release that cannot be had here is in `held_back` of the plan with the nearest that can.
        If the package is not installed, the nearest takes its place, and a note says so.

        `as_of` is a day, such as `2026-10-01`: packages go back to the newest releases that were
        uploaded by its end in UTC (PEP 700). Older ones stay.

        Raises `LockUnreadable` also if the index has other files, `StillNeeded` if kept packages
        require other versions, `InvalidRequest`, `EnvironmentRefused` and `IndexUnavailable`.

        >>> export = service.export()
        >>> done = service.upgrade_package("seedshelf")
        >>> service.plan_restore(export).pins
        ('seedshelf==1.4.1',)
        """
        with reporting(report) as progress:
            return self._with_restart(
                restore.plan_restore(
                    self._backend, source, exact=exact, as_of=as_of, report=progress
                )
            )

    def embed(
        self, notebook: str | Path, *, script: bool = False, report: Report | None = None
    ) -> tuple[str, ...]:
        """Save what is installed into the metadata of a notebook; return what the lock lacks.

        The lock is a list of requirements with hashes, which any tool can read:
        `metadata.pkgwidgets.lock.requirements`. With `script`, the requested packages are also a
        block of inline metadata (PEP 723) in a first cell, for uv and juv. Nothing else in the
        notebook changes, and the file is replaced in one step.

        A notebook with a running kernel is refused, because Jupyter would overwrite the lock when
        it saves: `InvalidRequest`. Raises `LockUnreadable` if it is not a notebook, and
        `DiskFailed` if it cannot be written.

        >>> service.embed(notebook)
        ()
        >>> len(service.drift(notebook))
        0
        """
        running = [kernel.notebook for kernel in self._kernels.running()]
        own = self.find_notebook()
        with reporting(report) as progress:
            return embedding.embed(
                self._backend,
                notebook,
                script=script,
                open_notebooks={*filter(None, running), *([own.name] if own else ())},
                report=progress,
            )

    def plan_copy(
        self,
        name: str,
        python: str | Path | None = None,
        only: str | Iterable[str] | None = None,
        *,
        report: Report | None = None,
    ) -> CopyPlan:
        """Plan an environment of your own with the same packages. Nothing is made.

        `name` has lower-case letters, digits, `_` and `-`. `python` is a version, such as `3.12`,
        or a path; by default, the Python of this environment. `only` are names of packages: they
        are copied with what they require and with ipykernel.

        `left_out` of the plan has what cannot be copied, with the reasons: packages that are
        editable, from a URL, of conda or of the system. Also those that this Python cannot have.

        Raises `InvalidRequest` for an invalid or taken name, `PackageNotFound`, and
        `EnvironmentRefused` if there is no such Python.

        >>> print(service.plan_copy("spring").packages[0])
        allotboard 1.40.0
        """
        with reporting(report) as progress:
            return copying.plan_copy(self._backend, name, python=python, only=only, report=progress)

    def copy_environment(
        self,
        name: str | CopyPlan,
        python: str | Path | None = None,
        only: str | Iterable[str] | None = None,
        *,
        report: Report | None = None,
    ) -> EnvironmentCopy:
        """Make an environment of your own with the same packages, and a kernel for it.

        Takes the plan that `plan_copy` returned, or its arguments. The copy is in your data folder,
        and this environment stays as it is. The files come from uv's cache or the index. If the
        index lacks a release, the files here are copied. All modules are imported as a check.

        If it fails or is interrupted, nothing is left of it. After a kill, nothing of it is
        offered, and the next copy removes the rest.

        Raises `CopyFailed`, `EnvironmentBusy` if another copy is being made, and the errors of
        `plan_copy`.

        >>> copy = service.copy_environment("spring")
        >>> copy.packages
        11
        >>> PackageService(copy.python).get_package("seedshelf").version
        '1.4.1'
        >>> removed = service.remove_environment("spring")
        """
        with reporting(report) as progress:
            if isinstance(name, CopyPlan):
                if python is not None or only is not None:
                    raise InvalidRequest("plan", None, "give a plan, or its arguments")
                plan = name
            else:
                plan = copying.plan_copy(
                    self._backend, name, python=python, only=only, report=progress
                )
            return copying.copy_environment(self._backend, plan, report=progress)

    def environments(self) -> pd.DataFrame:
        """Return your copies of environments; no row if there are none.

        The index is `name` (object). The columns, in order:

        - `python_version`, `kernel` (string): the kernel in Jupyter; NA without one
        - `packages` (Int64): their number
        - `created` (datetime64[ns, UTC])
        - `source`, `folder` (string): the environment that was copied, and the copy

        >>> service.environments().empty
        True
        """
        from . import frames

        return frames.copies(self.values.environments())

    def remove_environment(self, name: str) -> EnvironmentCopy:
        """Remove a copy that `copy_environment` made, and its kernel; return what it was.

        No other environment can be removed. Raises `CopyInUse`, which names the kernels and other
        programs that run in it. Raises `InvalidRequest` if there is no copy of this name,
        or if it is this environment; `EnvironmentBusy` and `DiskFailed`.

        >>> copy = service.copy_environment("spring")
        >>> service.remove_environment("spring").folder.exists()
        False
        """
        return copying.remove_copy(self._backend, name)

    def keep_environment(self, name: str) -> EnvironmentCopy:
        """Note that a copy stays: the panel in it no longer offers to throw it away.

        Raises `InvalidRequest` if there is no copy of this name; `EnvironmentBusy`, `DiskFailed`.

        >>> copy = service.copy_environment("spring")
        >>> service.keep_environment("spring").kept
        True
        >>> removed = service.remove_environment("spring")
        """
        return copying.keep_copy(self._backend, name)

    def suggest_projects(self, text: str = "", *, limit: int = 20) -> tuple[str, ...]:
        """Return names of projects that begin with a text, for a form that installs.

        First those whose modules this notebook imports and lacks, then names seen before: what is
        installed, and what the history changed. Then follow the names that the indexes list, if
        they do (PEP 691). If no name begins with the text, the result is names that are near.

        The list of an index is fetched when it is older than a day, within 10 s; without a text it
        is not.

        >>> service.suggest_projects("rain")
        ('raintable',)
        >>> service.suggest_projects("sedshelf")
        ('seedshelf',)
        """
        missing = missing_projects()
        return suggestions.suggest(self._backend, text, first=missing, limit=limit)

    def get_summary(self, name: str, *, report: Report | None = None) -> str:
        """Return what a project is, in its own words, before it is installed.

        It is the summary of the latest suitable release, read from the metadata file next to its
        wheel (PEP 658, 714). It is "" if the index has no such file, or does not send it. The text
        is one line of at most 300 characters. Raises `ProjectNotFound`, `IndexUnavailable`, and
        `InvalidRequest` for an invalid name.

        >>> service.get_summary("raintable")
        'Rain by day, in a small table.'
        """
        with reporting(report) as progress:
            return summaries.find_summary(self._backend, name, progress)

    def plan_uninstall(self, names: str | Iterable[str], *, project: bool = False) -> Plan:
        """Plan to uninstall packages. Nothing is changed.

        With `project`, they are removed from `pyproject.toml` and `uv.lock` of the uv project, too,
        as `uv remove` does.

        Raises `StillNeeded` with the packages that require them, `PackageNotFound`,
        `EnvironmentRefused` and `InvalidRequest`.

        >>> plan = service.plan_uninstall(["bedplanner", "beanpoles"])
        >>> [(change.name, change.kind.value) for change in plan.changes]
        [('bedplanner', 'remove'), ('beanpoles', 'remove')]
        """
        if checked_project(project, "dependencies"):
            return self._with_restart(project_planning.plan_uninstall(self._backend, names))
        return self._with_restart(planning.plan_uninstall(self._backend, names))

    def project(self) -> OwningProject | None:
        """Return the project that the environment belongs to; None without one.

        It is that of uv, Poetry, PDM, Pipenv, Hatch or pixi: `tool` says which. The next `command`
        of the tool reverts changes of the environment alone. `plan_upgrade`, `plan_install` and
        `plan_uninstall` can change a uv project, too: see their `project`.

        >>> service.project() is None
        True
        """
        return self._backend.project()

    def plan_undo(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Plan:
        """Plan to undo the last change, or the given one. Nothing is changed.

        The plan restores the save point, which is the copy of the old files. If that is no longer
        kept, or a later transaction changed the same packages, the old versions are downloaded.

        Raises `InvalidRequest` if there is nothing to undo, or the old files cannot be restored
        exactly. The reasons are a damaged save point, and later changes of packages, files or the
        Python. Then `old_releases` of the error has what `plan_install` takes instead.
        Raises `StillNeeded` if an installed package requires the newer version. Also raises
        `EnvironmentRefused`, `IndexUnavailable` and `ProjectNotFound`.

        >>> done = service.upgrade_package("seedshelf")
        >>> plan = service.plan_undo(done)
        >>> plan.pins, plan.from_save_point, plan.download_size
        (('seedshelf==1.4.1',), True, 0)
        """
        transaction_id = transaction.id if isinstance(transaction, Transaction) else transaction
        with reporting(report) as progress:
            return self._with_restart(
                planning.plan_undo(self._backend, transaction_id, report=progress)
            )

    def impact(
        self, plan: Plan, notebook: str | Path | None = None, *, report: Report | None = None
    ) -> pd.DataFrame:
        """Return the impact of a plan on a notebook; by default on the cells run in this kernel.

        The sources of the old and the new version are compared but not run, and the environment is
        not changed. The index is a range; the worst rows come first. The columns, in order:

        - `cell` (Int64): its number
        - `package` (string): the package that changes
        - `name` (string): the name that the cell uses
        - `finding` (string): the effect
        - `severity` (ordered category): breaks, warns, changes, unknown, indirect (through a
          package that depends on it) or none

        Raises `InvalidRequest` if `notebook` is not a notebook, and if griffe is not installed.

        >>> frame = service.impact(service.plan_upgrade("seedshelf"), notebook)
        >>> frame[["cell", "name", "severity"]].to_numpy().tolist()
        [[1, 'seedshelf.sow', 'none']]
        """
        from . import frames

        return frames.impact(self.values.impact(plan, notebook, report=report))

    def apply(self, plan: Plan, *, report: Report | None = None) -> Transaction:
        """Apply a plan; return the committed transaction.

        If anything fails, all of the plan is rolled back, and the environment is unchanged. A
        background process applies the plan. It goes on if this kernel is restarted or ends: see
        `current_transaction`. A plan without changes runs nothing.

        Raises `StalePlan` if the environment changed since planning, and another `TransactionError`
        if the plan was rolled back. An interrupt raises `Cancelled`, or `TooLate` if the change was
        complete. Raises `EnvironmentBusy` if another change is being applied.

        >>> done = service.apply(service.plan_upgrade("seedshelf"))
        >>> done.outcome.value, service.get_package("seedshelf").version
        ('committed', '1.4.2')
        """
        check_plan(plan)
        # Read before the change: what is loaded now has the version that is installed now.
        loaded_before = self._loaded.loaded_packages()
        with reporting(report) as progress:
            transaction = operations.apply_and_follow(self._backend, plan, progress)
        if self._search_result is not None and self._search_result.plan.id == plan.id:
            rehearsal.remember_result(self._backend, self._search_result)
        return _finish(transaction, loaded_before)

    def prepare(self, plan: Plan, *, report: Report | None = None) -> None:
        """Fetch and check what a plan installs while you read it; `apply` takes the result over.

        The new files lie beside the environment, which is unchanged. They are discarded when
        another plan is prepared, or when this kernel ends. A plan that restores the save point
        needs no preparation.

        Raises `StageFailed` if the plan would fail, `StalePlan` if the environment changed since
        planning, `InstallFailed` if a file cannot be fetched, and `EnvironmentRefused`. An
        interrupt leaves nothing behind.

        >>> plan = service.plan_upgrade("seedshelf")
        >>> service.prepare(plan)
        >>> service.apply(plan).outcome.value
        'committed'
        """
        check_plan(plan)
        with reporting(report) as progress:
            preparation.prepare_plan(self._backend, plan, progress)

    def current_transaction(self) -> Transaction | None:
        """Return the transaction that is being applied, by any process; None if there is none.

        >>> service.current_transaction() is None
        True
        """
        return operations.running(self._backend)

    def follow(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Wait for the current or the given transaction; return and raise as `apply` does.

        Also raises `InvalidRequest` if no transaction is under way, or none has this id.

        >>> done = service.upgrade_package("seedshelf")
        >>> service.follow(done.id).outcome.value
        'committed'
        """
        loaded_before = self._loaded.loaded_packages()
        with reporting(report) as progress:
            done = operations.follow(self._backend, self._transaction_id(transaction), progress)
        return _finish(done, loaded_before)

    def cancel(self, transaction: str | Transaction | None = None) -> None:
        """Cancel the current or the given transaction: it is rolled back.

        Returns at once: `follow` waits for the end. Raises `TooLate` if it is committed, and
        `InvalidRequest` if no transaction is under way, or none has this id.
        """
        operations.cancel(self._backend, self._transaction_id(transaction))

    def upgrade_package(
        self,
        name: str,
        version: str | None = None,
        *,
        step: StepLimit | None = None,
        report: Report | None = None,
    ) -> Transaction:
        """Plan and apply the upgrade of one package; raise what `plan_upgrade` and `apply` raise.

        `step` is as for `plan_upgrade`.

        >>> done = service.upgrade_package("raintable", "2.4.0")
        >>> [(str(change.before), str(change.after)) for change in done.changes]
        [('2.0.0', '2.4.0')]
        """
        # The name is checked here, because None would upgrade everything.
        plan = self.plan_upgrade(checked_name(name), version, step=step, report=report)
        return self.apply(plan, report=report)

    def upgrade_all_packages(
        self,
        *,
        step: StepLimit | None = None,
        skip_failing: bool = False,
        notebooks: rehearsal.Notebooks = (),
        root: str | Path | None = None,
        check: rehearsal.Notebooks = (),
        allow_untried: bool = False,
        report: Report | None = None,
    ) -> pd.DataFrame:
        """Upgrade all packages in one transaction; return a row per package, with its result.

        With `notebooks` (paths) the upgrade is rehearsed on them first. A package that makes a cell
        raise an error or show another output is held back, and the others are upgraded. `root` is
        the folder that is copied for them, as for `rehearse`. A cell that fails already raises
        `NotebookUntried`, unless `allow_untried` is True. `check` is the old name of `notebooks`.
        With `skip_failing`, a release that cannot be fetched, or fails a check, stops no other. It
        is left out, and the others are planned and applied again. Its row says why it stays.
        `step` is as for `plan_upgrade`. The index is `name` (object). The columns, in order:

        - `before`, `after` (string): the versions
        - `kind` (string): install, upgrade, downgrade, remove or held back
        - `status` (string): the outcome of the transaction, or why the package was held back
        - `requested` (boolean): whether the user requested the change
        - `transaction` (string): the id; NA if held back

        Raises what `apply` and, with notebooks, `rehearse` raise.

        >>> frame = service.upgrade_all_packages(notebooks=notebook)
        >>> frame.loc["harvestscale", "kind"], frame.loc["bedplanner", "after"]
        ('held back', '2.3.0')

        >>> service.undo().outcome.value
        'committed'
        >>> frame = service.upgrade_all_packages(step="minor", skip_failing=True)
        >>> frame.loc["harvestscale", "kind"], frame.loc["seedshelf", "status"]
        ('held back', 'committed')
        """
        if isinstance(check, str | Path) or check:
            warn_renamed("upgrade_all_packages(check=…)", "notebooks=")
            notebooks = check
        from . import frames  # now: the change may replace pandas

        def make_plan() -> Plan:
            return self.plan_upgrade(
                step=step,
                notebooks=notebooks,
                root=root,
                allow_untried=allow_untried,
                report=report,
            )

        apply = partial(self.apply, report=report)
        if not skip_failing:
            return frames.changes(apply(make_plan()))
        return frames.changes(apply_without_failing(make_plan(), make_plan, apply))

    def dismiss_note(self, name: str) -> None:
        """Dismiss the note that a package's last change failed: see `failed_change` of its row.

        Nothing else changes: the history keeps the change, and a plan for everything still leaves
        out what failed. Raises `PackageNotFound` and `EnvironmentRefused`.

        >>> service.upgrade_package("harvestscale")
        Traceback (most recent call last):
            ...
        pkgwidgets.core.errors.StageFailed: The new packages failed the check before ...
        >>> service.get_package("harvestscale").failed_change[:42]
        'The upgrade failed: harvestscale 3.3.0 can'
        >>> service.dismiss_note("harvestscale")
        >>> service.get_package("harvestscale").failed_change
        ''
        """
        dismiss_note(self._backend, name)

    def rehearse(
        self,
        plan: Plan,
        notebooks: rehearsal.Notebooks,
        *,
        seconds: float = 600.0,
        network: bool = False,
        sanitize: str | Path | None = None,
        root: str | Path | None = None,
        report: Report | None = None,
    ) -> pd.DataFrame:
        """Run notebooks on the current and on the planned packages, and compare the outputs.

        Each notebook runs in temporary kernels, at its place in a copy of its project. The
        environment and the project itself are not changed. But this is no sandbox: the code runs
        with your permissions, and can change files elsewhere.

        `root` is the folder to copy. By default it is the nearest folder with a mark of a project,
        such as `.git` or `pyproject.toml`. Without a mark it is the notebook's own folder.

        `seconds` is the limit for one run of a notebook. A run that takes longer is stopped; its
        unfinished cells count as failed. `network` is off by default: connections that Python opens
        to other machines fail. Libraries with their own sockets and processes that a notebook
        starts are not blocked. `sanitize` is the path of a file of rules, in the format of nbval,
        that replace parts of the outputs before they are compared.

        What differs between two runs on the current packages does not count, such as a clock. An
        error counts unless the current packages raise it, too. Pictures may differ a little.

        The frame has a row per code cell; its index is a range. Its HTML shows the differing
        outputs side by side. The columns, in order:

        - `notebook` (string): the file name
        - `cell` (Int64): the number of the code cell: 1 for the first that is not empty
        - `before`, `after` (string): the output on the current and on the planned packages
        - `verdict` (category): same, would fail, different output, new warning, slower, fixed,
          could not be tried or not reproducible. A cell that fails without the plan, too, could
          not be tried. One is not reproducible if its outputs differ without the plan, too.
        - `seconds_before`, `seconds_after` (Float64): the time of the cell

        Raises `InvalidRequest` if a path is not a notebook, `StalePlan`, `EnvironmentRefused` if no
        kernel starts, and `Cancelled`.

        >>> frame = service.rehearse(service.plan_upgrade("seedshelf"), notebook)
        >>> frame[["cell", "before", "verdict"]].to_numpy().tolist()
        [[1, 'bean: sow in May, eat after 60 days', 'same']]
        """
        rehearsed = self.values.rehearsal(
            plan,
            notebooks,
            seconds=seconds,
            network=network,
            sanitize=sanitize,
            root=root,
            report=report,
        )
        from . import frames

        return frames.rehearsal(rehearsed)

    def plan_known_good(self, notebook: str | Path, *, report: Report | None = None) -> Plan:
        """Plan to return to the versions with which a notebook last ran without error.

        Each rehearsal remembers them, by the notebook's path and code. Packages that were installed
        later are kept. Raises `InvalidRequest` if it was never rehearsed without an error,
        `StillNeeded` if kept packages require newer versions, `IndexUnavailable` and
        `ProjectNotFound`.

        >>> plan = service.plan_upgrade("seedshelf")
        >>> rehearsed = service.rehearse(plan, notebook)
        >>> done = service.apply(plan)
        >>> service.plan_known_good(notebook).pins
        ('seedshelf==1.4.1',)
        """
        with reporting(report) as progress:
            return self._with_restart(rehearsal.known_good(self._backend, notebook, progress))

    def install_package(
        self, requirement: str | Iterable[str], *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply the installation of a requirement (PEP 508), or of several.

        Raises what `plan_install` and `apply` raise.

        >>> service.install_package("seedshelf>=1.4.2").plan.pins
        ('seedshelf==1.4.2',)
        """
        return self.apply(self.plan_install(requirement, report=report), report=report)

    def uninstall_package(
        self, names: str | Iterable[str], *, report: Report | None = None
    ) -> Transaction:
        """Plan and apply the uninstallation of packages.

        Raises what `plan_uninstall` and `apply` raise.

        >>> [change.name for change in service.uninstall_package("seedshelf").changes]
        ['seedshelf']
        """
        return self.apply(self.plan_uninstall(names), report=report)

    def hold(
        self,
        name: str,
        versions: str | None = None,
        *,
        reason: str = "",
        until: date | str | None = None,
    ) -> Transaction:
        """Hold a package at some versions (PEP 440), such as `<3`; by default at the installed one.

        No plan gives it another version, until the day `until` begins. An installed version that
        the hold forbids stays. `reason` is shown wherever the hold prevents an update. Holds are
        kept in `pkgwidgets.toml` in the root folder of the environment, which you may edit. A
        package can have several. `undo` takes the change back.

        Raises `InvalidRequest`, `EnvironmentRefused`, `EnvironmentBusy`, and `PolicyUnreadable` if
        the file has an error. Raises `PackageNotFound` if it is not installed and no versions are
        given.

        >>> done = service.hold("raintable", "<2.4", reason="charts.ipynb needs 2.0")
        >>> service.plan_upgrade("raintable").pins
        ()
        >>> blocked_by = service.get_package("raintable", check_updates=True).blocked_by
        >>> "charts.ipynb needs 2.0 (raintable<2.4)" in blocked_by
        True
        """
        return self._apply_holds(
            holds.plan_hold(self._backend, name, versions, reason=reason, until=until)
        )

    def unhold(self, name: str, versions: str | None = None) -> Transaction:
        """Remove the holds of a package, or only the one with these versions.

        Raises `InvalidRequest` if there is none, and the other errors of `hold`.

        >>> done = service.hold("seedshelf")
        >>> bool(service.plan_upgrade("seedshelf"))
        False
        >>> done = service.unhold("seedshelf")
        >>> service.plan_upgrade("seedshelf").pins
        ('seedshelf==1.4.2',)
        """
        return self._apply_holds(holds.plan_unhold(self._backend, name, versions))

    def holds(self) -> pd.DataFrame:
        """Return what limits versions: holds, the minimum age, and settings of uv and pip.

        There is a row per limit, indexed by `name` (object), which is "" for all packages. Unknown
        values are NA. Raises `PolicyUnreadable`. The columns, in order:

        - `versions` (string): the allowed versions
        - `reason` (string): why
        - `since` (datetime64[ns, UTC]): when the hold was set
        - `until` (string): the day on which it ends
        - `by` (string): the user who set it
        - `source` (string): the file or setting that has the limit
        - `active` (boolean): False after the last day of a hold

        >>> done = service.hold("raintable", "<3", reason="charts.ipynb", until="2999-12-31")
        >>> service.holds().loc["raintable", ["versions", "reason", "until", "source"]].to_list()
        ['<3', 'charts.ipynb', '2999-12-31', 'pkgwidgets.toml']
        """
        from . import frames

        return frames.holds(self.values.holds())

    def history(self) -> pd.DataFrame:
        """Return the transactions, newest first, indexed by their id in `transaction` (object).

        Unknown values are NA. Raises `EnvironmentRefused` if you may not read it. The columns, in
        order:

        - `started`, `finished` (datetime64[ns, UTC]): when the transaction began and ended
        - `seconds` (Float64): the time between them
        - `outcome` (category): one of `Outcome`
        - `changes` (string): the packages with their versions
        - `user` (string): the Unix user whose process applied it
        - `requested_by` (string): the user's name in Jupyter if there is one, else the Unix user
        - `process` (string): the requester's process: kernel, server, terminal or script
        - `saved_bytes` (Int64): the size of the save point, the copy of the old files
        - `downloaded_bytes` (Int64): an upper bound, as a cache may have had some
        - `undoes`, `undone_by` (string): the id of the transaction that it undoes, or that undid it
        - `error` (string): why it failed

        >>> done = service.upgrade_package("seedshelf")
        >>> service.history().loc[done.id, ["outcome", "changes"]].to_list()
        ['committed', 'seedshelf 1.4.1 → 1.4.2']
        """
        access.check_history(self._backend)
        from . import frames

        return frames.history(self.values.history())

    def list_events(self, transaction: str | Transaction) -> tuple[Event, ...]:
        """Return the events of a transaction, including what its tools printed.

        There are none for an unknown id.

        >>> events = service.list_events(service.upgrade_package("seedshelf"))
        >>> "done" in {event.stage.value for event in events}
        True
        """
        if self._backend.worker is None:
            return ()
        return tuple(self._backend.worker.events(self._transaction_id(transaction))[0])

    def list_recovered(self) -> tuple[Transaction, ...]:
        """Return the interrupted transactions that this service recovered when it was created.

        >>> service.list_recovered()
        ()
        """
        history = self.values.history()
        return tuple(transaction for transaction in history if transaction.id in self._recovered)

    def change_token(self) -> str:
        """Return a text that differs after each change of the installed packages.

        Keep it, and compare it with a later one to notice changes. It also differs after a change
        by pip or by another process, and after a transaction started. It reads no package: only the
        times of a few files and folders.

        >>> token = service.change_token()
        >>> service.change_token() == token
        True
        >>> done = service.upgrade_package("seedshelf")
        >>> service.change_token() == token
        False
        """
        return self._change_token.now()

    def undo(
        self, transaction: str | Transaction | None = None, *, report: Report | None = None
    ) -> Transaction:
        """Undo the last change, or the given one; return the transaction that undid it.

        A change keeps a copy of the old files, its save point. The undo restores that copy without
        a network. If the copy is gone, or later changes touched the same packages, the old
        versions are downloaded. If other programs changed the files since, the undo is refused.

        An older change can be undone only while its packages have the versions that it installed:
        undo later changes of them first.

        A second `undo()` undoes the change before that one. To go forward again, pass the
        transaction that this returns, or its id. Raises what `plan_undo` and `apply` raise.

        >>> done = service.upgrade_package("seedshelf")
        >>> service.undo().undoes == done.id
        True
        >>> service.get_package("seedshelf").version
        '1.4.1'
        """
        return self.apply(self.plan_undo(transaction, report=report), report=report)

    def find_notebook(self, told: str = "") -> Path | None:
        """Return the path of this kernel's notebook; None if unknown.

        `told` is the path below the server's folder, from the page that shows the notebook.

        >>> service.find_notebook() is None  # outside of a kernel
        True
        """
        return notebook_path.find_notebook(told)

    def list_variables(self) -> tuple[Variable, ...]:
        """Return the user's variables in this kernel, which a restart would lose.

        The biggest come first; modules, functions and classes are left out. Sizes are approximate
        bytes, measured without running any code of the values.

        >>> service.list_variables()  # outside of a kernel
        ()
        """
        from .variables import variables

        return variables()

    def plan_surviving(
        self, notebooks: rehearsal.Notebooks, *, report: Report | None = None
    ) -> Plan:
        """Plan as `plan_upgrade(notebooks=…)`, which is the new name.

        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     plan = service.plan_surviving(notebook)
        >>> [held_back.name for held_back in plan.held_back]
        ['harvestscale']
        """
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

    def _plan_with_notebooks(
        self,
        notebooks: rehearsal.Notebooks,
        root: str | Path | None,
        report: Report | None,
        *,
        allow_untried: bool,
        step: StepLimit | None,
    ) -> Plan:
        checked_step(step)
        with reporting(report) as progress:
            self._search_result = rehearsal.find_culprits(
                self._backend, notebooks, root, progress, allow_untried=allow_untried, step=step
            )
        return self._with_restart(self._search_result.plan)

    def _apply_holds(self, plan: Plan) -> Transaction:
        """Apply a change of holds in this process: one small file needs no worker."""
        return operations.apply_here(self._backend, plan)

    def _new_change_token(self) -> ChangeToken:
        transactions = self._backend.journal.folder("-").parent
        search = self._backend.environment.interpreter.search
        policy = self._backend.policy.path
        return ChangeToken(search, (transactions, transactions.parent / "lock", policy))

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
