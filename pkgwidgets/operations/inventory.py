"""List what is installed, and which updates there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pkgwidgets.core.compatibility import has_compatible_wheel
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.errors import PackageNotFound, PkgwidgetsError
from pkgwidgets.core.events import Event, PackageChecked, Stage
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.origins import KNOWN_TO_INDEXES
from pkgwidgets.core.packages import PackageDependencies, PackageInfo
from pkgwidgets.core.releases import Release

from .known_rows import check_again, keep_rows, with_rows
from .listing import list_rows
from .package_rows import PackageRowBuilder
from .suggestions import add_near_names

if TYPE_CHECKING:
    from packaging.utils import NormalizedName

    from pkgwidgets.core import dependency_graph


def get_packages(
    backend: Backend, *, check_updates: bool = False, report: Report = no_report
) -> tuple[PackageInfo, ...]:
    """List everything installed; with `check_updates`, ask the index for every package."""
    if check_updates:
        return check_for_updates(backend, report=report)
    return list_rows(backend)


def get_package(backend: Backend, name: str, *, check_updates: bool = False) -> PackageInfo:
    """Return one package by any spelling of its name; raises `PackageNotFound`."""
    return get_package_by_id(backend, checked_name(name), check_updates=check_updates)


def get_package_by_id(backend: Backend, name: str, *, check_updates: bool = False) -> PackageInfo:
    """Return one package by its normalised name; raises `PackageNotFound`."""
    name = checked_name(name)
    if check_updates:
        return check_for_updates(backend, name)[0]
    installed = backend.environment.distributions()
    rows = PackageRowBuilder.of(backend, installed, with_limits=False)
    return rows.row(_lookup(name, installed))


def check_for_updates(
    backend: Backend, name: str | None = None, *, refresh: bool = False, report: Report = no_report
) -> tuple[PackageInfo, ...]:
    """Ask the index for the latest releases of everything, or of one package.

    `report` gets each row, in a `PackageChecked` event, as soon as the index answers for it. If a
    project fails, the `error` of its row has the reason and `latest_version` is None: unknown is
    never shown as up to date. Raises `PackageNotFound` for a name that is not installed.
    """
    project = None if name is None else checked_name(name)
    state = backend.last_check.state()
    last_rows = None if refresh else backend.last_check.load(state)
    if last_rows is not None:
        return _report_rows(last_rows if name is None else _row_of(last_rows, name), report)
    known = backend.last_check.known(state) if project is None else None
    if known is not None:
        rows_again = check_again(backend, state, known, refresh=refresh, report=report)
        if rows_again is not None:
            return rows_again
    installed = backend.environment.distributions()
    names = tuple(installed) if project is None else (_lookup(project, installed),)
    rows = PackageRowBuilder.of(backend, installed)
    projects = [
        normalized_name for normalized_name in names if _can_check(installed[normalized_name])
    ]
    query = IndexQuery(
        projects, refresh=refresh, stop_at=rows.can_stop_at, skip_version=rows.can_skip
    )
    answers = backend.index.releases_of(query, with_rows(report, rows.row, rows.prepare))
    checked = tuple(
        rows.row(normalized_name, answers.get(normalized_name)) for normalized_name in names
    )
    if project is None:
        keep_rows(backend.last_check, state, checked, answers)
    return checked


def _row_of(rows: tuple[PackageInfo, ...], name: str) -> tuple[PackageInfo, ...]:
    normalized_name = checked_name(name)
    found = tuple(row for row in rows if row.id == normalized_name)
    if not found:
        raise PackageNotFound(normalized_name)
    return found


def _report_rows(rows: tuple[PackageInfo, ...], report: Report) -> tuple[PackageInfo, ...]:
    """Report the rows of the last check as if the index had answered for each."""
    checked = [row for row in rows if row.version and row.origin in KNOWN_TO_INDEXES]
    if report is not no_report:
        report(Event(stage=Stage.ASKING, done=0, total=len(checked)))
        for done, row in enumerate(checked, 1):
            report(
                PackageChecked(
                    stage=Stage.ASKING, id=row.id, package=row, done=done, total=len(checked)
                )
            )
    return rows


def last_known(backend: Backend) -> tuple[PackageInfo, ...]:
    """List the packages with the answers of the last check, if these are fresh."""
    rows = backend.last_check.load(backend.last_check.state())
    return get_packages(backend) if rows is None else rows


def known_updates(backend: Backend) -> tuple[PackageInfo, ...]:
    """List the updates that fresh cached answers of the index show; the index is not asked."""
    installed = backend.environment.distributions()
    rows = PackageRowBuilder.of(backend, installed)
    projects = [name for name, distribution in installed.items() if _can_check(distribution)]
    query = IndexQuery(projects, cached=True, stop_at=rows.can_stop_at, skip_version=rows.can_skip)
    answers = backend.index.releases_of(query)
    infos = (rows.row(name, answer) for name, answer in answers.items())
    return tuple(info for info in infos if info.update_available)


def get_dependencies(backend: Backend, name: str) -> PackageDependencies:
    """Return the dependencies, dependents and size of a package; raises `PackageNotFound`."""
    installed = backend.environment.distributions()
    normalized_name = _lookup(checked_name(name), installed)
    owners = PackageRowBuilder.of(backend, installed).owners
    return PackageDependencies(
        requires=_spelled(
            (other for other, needed in owners.items() if normalized_name in needed), installed
        ),
        required_by=_spelled(owners.get(normalized_name, ()), installed),
        size=backend.records.sizes([normalized_name]).get(normalized_name),
    )


def list_releases(backend: Backend, name: str, report: Report = no_report) -> tuple[Release, ...]:
    """Return the releases of a project with a wheel for this Python, newest first.

    Raises `ProjectNotFound`, `IndexUnavailable`, and `InvalidRequest` for an invalid name.
    """
    project = checked_name(name)
    answers = backend.index.releases_of(IndexQuery((project,)), report)
    add_near_names(backend, answers)
    answer = answers[project]
    if isinstance(answer, PkgwidgetsError):
        raise answer
    interpreter = backend.environment.interpreter
    return tuple(release for release in answer if has_compatible_wheel(release, interpreter))


def _spelled(
    names: Iterable[NormalizedName], installed: dependency_graph.Installed
) -> tuple[str, ...]:
    rows = ((normalized_name, installed.get(normalized_name)) for normalized_name in sorted(names))
    return tuple(
        distribution.name if isinstance(distribution, Distribution) else normalized_name
        for normalized_name, distribution in rows
    )


def _lookup(name: str, installed: dependency_graph.Installed) -> NormalizedName:
    normalized_name = checked_name(name)
    if normalized_name not in installed:
        raise PackageNotFound(name)
    return normalized_name


def _can_check(distribution: Distribution | Unreadable) -> bool:
    return isinstance(distribution, Distribution) and distribution.origin in KNOWN_TO_INDEXES
