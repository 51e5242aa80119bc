"""What is installed, and what is newer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pkgwidgets.core import changes
from pkgwidgets.core.errors import PackageNotFound, PkgwidgetsError
from pkgwidgets.core.interfaces import Backend, Report, ignore
from pkgwidgets.core.model import (
    Distribution,
    Id,
    Interpreter,
    Kind,
    Origin,
    Outcome,
    PackageInfo,
    PackageStatus,
    Release,
    Transaction,
    Unreadable,
)
from pkgwidgets.core.versions import bump, checked_name, eligible_releases, why_none


def get_packages(
    backend: Backend, *, check_updates: bool = False, report: Report = ignore
) -> tuple[PackageInfo, ...]:
    """List everything installed; with `check_updates` the index is asked for every row."""
    if check_updates:
        return check_for_updates(backend, report=report)
    installed = backend.environment.distributions()
    facts = _Facts.of(backend, installed, {})
    return tuple(facts.info(id) for id in installed)


def get_package(backend: Backend, name: str, *, check_updates: bool = False) -> PackageInfo:
    """Return one package by any spelling of its name; raises `PackageNotFound`."""
    return get_package_by_id(backend, checked_name(name), check_updates=check_updates)


def get_package_by_id(backend: Backend, id: str, *, check_updates: bool = False) -> PackageInfo:
    """Return one package by its normalised name; raises `PackageNotFound`."""
    id = checked_name(id)
    if check_updates:
        return check_for_updates(backend, id)[0]
    installed = backend.environment.distributions()
    return _Facts.of(backend, installed, {}).info(_known(id, installed))


def check_for_updates(
    backend: Backend, name: str | None = None, *, refresh: bool = False, report: Report = ignore
) -> tuple[PackageInfo, ...]:
    """Ask the index for the newest eligible releases of everything, or of one package.

    A project that fails has the reason in its row's `error`, and no latest version: unknown is
    never shown as up to date. Raises `PackageNotFound` for a name that is not installed.
    """
    wanted = None if name is None else checked_name(name)
    installed = backend.environment.distributions()
    ids = tuple(installed) if wanted is None else (_known(wanted, installed),)
    asked = [id for id in ids if _askable(installed[id])]
    answers = backend.index.releases_of(asked, report, refresh=refresh)
    facts = _Facts.of(backend, installed, answers)
    return tuple(facts.info(id) for id in ids)


def last_transactions(transactions: Sequence[Transaction]) -> dict[Id, Transaction]:
    """Return the newest transaction that touches each name."""
    return {change.id: done for done in transactions for change in done.changes}


def _known(id: str, installed: changes.Installed) -> Id:
    known = checked_name(id)
    if known not in installed:
        raise PackageNotFound(id)
    return known


def _askable(found: Distribution | Unreadable) -> bool:
    return isinstance(found, Distribution) and found.origin in (
        Origin.INDEX,
        Origin.CONDA,
        Origin.SYSTEM,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """What a row is computed from; gathered once for all rows."""

    installed: changes.Installed
    answers: Mapping[Id, Sequence[Release] | PkgwidgetsError]
    transactions: Sequence[Transaction]
    last: Mapping[Id, Transaction]
    needs: changes.Needs
    interpreter: Interpreter

    @classmethod
    def of(
        cls,
        backend: Backend,
        installed: changes.Installed,
        answers: Mapping[Id, Sequence[Release] | PkgwidgetsError],
    ) -> _Facts:
        interpreter = backend.environment.interpreter
        transactions = backend.journal.transactions()
        return cls(
            installed=installed,
            answers=answers,
            transactions=transactions,
            last=last_transactions(transactions),
            # Only rows with releases are held against what others need.
            needs=changes.needs(installed, interpreter.markers) if answers else {},
            interpreter=interpreter,
        )

    def info(self, id: Id) -> PackageInfo:
        found = self.installed[id]
        if isinstance(found, Unreadable):
            return PackageInfo(
                name=id,
                version="",
                status=PackageStatus.ERROR,
                install_path=found.path,
                error=f"its metadata cannot be read: {found.reason}",
            )
        answer = self.answers.get(id)
        status, error = self._status(id)
        if isinstance(answer, PkgwidgetsError):
            return self._row(found, status, answer.sentence(), None)
        return self._row(found, status, error, answer)

    def _row(
        self,
        found: Distribution,
        status: PackageStatus,
        error: str | None,
        releases: Sequence[Release] | None,
    ) -> PackageInfo:
        asked, releases = releases is not None, releases or ()
        eligible = eligible_releases(releases, self.interpreter, installed=found.version)
        latest = next(iter(eligible), None)
        if asked and latest is None and error is None:
            error = why_none(releases)
        blockers = self._blockers(found.id, latest)
        return PackageInfo(
            name=found.name,
            version=str(found.version),
            latest_version=None if latest is None else str(latest.version),
            compatible_version=self._compatible(found, releases, latest, blocked=bool(blockers)),
            change=bump(found.version, latest.version)
            if latest is not None and latest.version > found.version
            else None,
            blocked_by=", ".join(f"{owner} ({why})" for owner, why in blockers.items()),
            released=None if latest is None else latest.uploaded,
            status=status,
            requested=found.requested,
            installed=found.installed,
            last_upgraded=self._last_upgraded(found.id),
            install_path=found.path.parent,
            origin=found.origin,
            summary=found.summary,
            error=error,
        )

    def _blockers(self, id: Id, latest: Release | None) -> dict[Id, str]:
        return {} if latest is None else changes.blockers(id, latest.version, self.needs)

    def _compatible(
        self,
        found: Distribution,
        releases: Sequence[Release],
        latest: Release | None,
        *,
        blocked: bool,
    ) -> str | None:
        if latest is None:
            return None
        if not blocked:
            return str(latest.version)
        for release in eligible_releases(releases, self.interpreter, installed=found.version):
            if release.version <= found.version:
                break
            if not changes.blockers(found.id, release.version, self.needs):
                return str(release.version)
        return str(found.version)

    def _status(self, id: Id) -> tuple[PackageStatus, str | None]:
        """Compute the status from the newest transaction that touches the package."""
        last = self.last.get(id)
        if last is None or last.outcome is Outcome.COMMITTED:
            return PackageStatus.INSTALLED, None
        if last.outcome is Outcome.STARTED:
            kinds = [change.kind for change in last.changes if change.id == id]
            installing = kinds == [Kind.INSTALL]
            return PackageStatus.INSTALLING if installing else PackageStatus.UPGRADING, None
        return PackageStatus.ERROR, last.error

    def _last_upgraded(self, id: Id) -> datetime | None:
        """Return when the newest committed transaction gave the package another version."""
        for done in reversed(self.transactions):
            if done.outcome is Outcome.COMMITTED and any(
                change.id == id and change.before is not None for change in done.changes
            ):
                return done.finished
        return None
