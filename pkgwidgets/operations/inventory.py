"""What is installed, and what is newer."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import NormalizedName

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution, Origin, Unreadable
from pkgwidgets.core.errors import PackageNotFound
from pkgwidgets.core.events import Event, PackageChecked
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, ProjectAnswered, Report, no_report
from pkgwidgets.core.names import checked_name
from pkgwidgets.core.packages import PackageDependencies, PackageInfo

from .package_rows import PackageRowBuilder

_CHECKED_ORIGINS = frozenset({Origin.INDEX, Origin.CONDA, Origin.SYSTEM})
"""Where the index may know something newer; what lives elsewhere has no releases there."""


def get_packages(
    backend: Backend, *, check_updates: bool = False, report: Report = no_report
) -> tuple[PackageInfo, ...]:
    """List everything installed; with `check_updates` the index is asked for every row."""
    if check_updates:
        return check_for_updates(backend, report=report)
    installed = backend.environment.distributions()
    facts = PackageRowBuilder.of(backend, installed)
    return tuple(facts.row(id) for id in installed)


def get_package(backend: Backend, name: str, *, check_updates: bool = False) -> PackageInfo:
    """Return one package by any spelling of its name; raises `PackageNotFound`."""
    return get_package_by_id(backend, checked_name(name), check_updates=check_updates)


def get_package_by_id(backend: Backend, id: str, *, check_updates: bool = False) -> PackageInfo:
    """Return one package by its normalised name; raises `PackageNotFound`."""
    id = checked_name(id)
    if check_updates:
        return check_for_updates(backend, id)[0]
    installed = backend.environment.distributions()
    return PackageRowBuilder.of(backend, installed).row(_lookup(id, installed))


def check_for_updates(
    backend: Backend, name: str | None = None, *, refresh: bool = False, report: Report = no_report
) -> tuple[PackageInfo, ...]:
    """Ask the index for the newest eligible releases of everything, or of one package.

    `report` gets each row, in its event, as soon as the index has answered for it.
    A project that fails has the reason in its row's `error`, and no latest version: unknown is
    never shown as up to date. Raises `PackageNotFound` for a name that is not installed.
    """
    wanted = None if name is None else checked_name(name)
    installed = backend.environment.distributions()
    ids = tuple(installed) if wanted is None else (_lookup(wanted, installed),)
    facts = PackageRowBuilder.of(backend, installed)
    asked = [id for id in ids if _can_check(installed[id])]
    query = IndexQuery(
        asked, refresh=refresh, stop_at=facts.can_stop_at, skip_version=facts.can_skip
    )
    answers = backend.index.releases_of(query, _with_rows(report, facts))
    return tuple(facts.row(id, answers.get(id)) for id in ids)


def get_relations(backend: Backend, name: str) -> PackageDependencies:
    """Return whom a package needs, who needs it, and its size; raises `PackageNotFound`."""
    installed = backend.environment.distributions()
    id = _lookup(checked_name(name), installed)
    owners = PackageRowBuilder.of(backend, installed).owners
    return PackageDependencies(
        requires=_spelled((other for other, needed in owners.items() if id in needed), installed),
        required_by=_spelled(owners.get(id, ()), installed),
        size=backend.records.sizes([id]).get(id),
    )


def _spelled(
    ids: Iterable[NormalizedName], installed: dependency_graph.Installed
) -> tuple[str, ...]:
    found = ((id, installed.get(id)) for id in sorted(ids))
    return tuple(each.name if isinstance(each, Distribution) else id for id, each in found)


def _with_rows(report: Report, facts: PackageRowBuilder) -> Report:
    """Make rows of the answers that are reported."""

    def told(event: Event) -> None:
        if event.id is None:
            facts.prepare()
        report(_with_row(event, facts) if isinstance(event, ProjectAnswered) else event)

    return told


def _with_row(event: ProjectAnswered, facts: PackageRowBuilder) -> PackageChecked:
    row = facts.row(event.id, event.answer)
    return PackageChecked(
        stage=event.stage, id=event.id, package=row, done=event.done, total=event.total
    )


def _lookup(id: str, installed: dependency_graph.Installed) -> NormalizedName:
    known = checked_name(id)
    if known not in installed:
        raise PackageNotFound(id)
    return known


def _can_check(found: Distribution | Unreadable) -> bool:
    return isinstance(found, Distribution) and found.origin in _CHECKED_ORIGINS
