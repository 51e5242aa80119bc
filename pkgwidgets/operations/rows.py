"""One package as a row: computed from its distribution, its newest releases and the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from packaging.requirements import Requirement
from packaging.version import Version

from pkgwidgets.core import changes
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.history import committed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.model import (
    Bump,
    Distribution,
    Id,
    Interpreter,
    Kind,
    Listing,
    Outcome,
    PackageInfo,
    PackageStatus,
    Release,
    Transaction,
    Unreadable,
)
from pkgwidgets.core.versions import bump, eligible_releases, is_eligible, why_none

Answer = Sequence[Release] | PkgwidgetsError | None
"""What the index said of one project; None if it was not asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What rows are computed from; gathered once for all of them."""

    installed: changes.Installed
    interpreter: Interpreter
    owners: Mapping[Id, Mapping[Id, Sequence[Requirement]]]
    """Of each project, who requires what of it."""
    forbidden: dict[tuple[Id, Version], bool]
    """Whether a version is forbidden, as far as it was asked: it is asked of a page and a row."""
    last: Mapping[Id, Transaction]
    """The newest transaction that touches each package."""
    upgraded: Mapping[Id, datetime | None]
    """When each package last got another version."""

    @classmethod
    def of(cls, backend: Backend, installed: changes.Installed, *, asked: bool = False) -> Facts:
        """Gather them; who requires what only where the index is `asked`."""
        interpreter = backend.environment.interpreter
        history = backend.journal.transactions()
        needs = changes.needs(installed, interpreter.markers) if asked else {}
        return cls(
            installed=installed,
            interpreter=interpreter,
            owners=changes.constraints(needs),
            forbidden={},
            last={change.id: done for done in history for change in done.changes},
            upgraded={
                change.id: done.finished
                for done in committed(history)
                for change in done.changes
                if change.before is not None
            },
        )

    def is_enough(self, id: Id, release: Release) -> bool:
        """Tell whether releases older than this one say nothing that a row would show.

        So it is with the newest eligible one, unless an installed package forbids it; then with
        the newest that none forbids, or that is no upgrade.
        """
        found = self.installed[id]
        if not isinstance(found, Distribution):
            return False
        if release.version > found.version and self._is_forbidden(id, release.version):
            return False
        return self._counts(found, release)

    def row(self, id: Id, answer: Answer = None) -> PackageInfo:
        """Compute one row; what could not be read or asked says why in its `error`."""
        found = self.installed[id]
        if isinstance(found, Unreadable):
            return PackageInfo(
                name=id,
                version="",
                status=PackageStatus.ERROR,
                install_path=found.path.parent,
                error=f"its metadata cannot be read: {found.reason}",
            )
        status, failed = self._status(id)
        unknown = None
        latest, compatible, owners = None, None, dict[Id, str]()
        if isinstance(answer, PkgwidgetsError):
            unknown = answer.sentence()
        elif answer is not None:
            newest = next(iter(self._eligible(found, answer)), None)
            if newest is None:
                unknown = why_none(answer)
            else:
                latest, owners = newest, self._forbidding(id, newest.version)
                compatible = self._compatible(found, answer) if owners else newest.version
            if isinstance(answer, Listing) and answer.stale:
                unknown = answer.stale
        return PackageInfo(
            name=found.name,
            version=str(found.version),
            latest_version=None if latest is None else str(latest.version),
            compatible_version=None if compatible is None else str(compatible),
            change=None if latest is None else _step(found.version, latest.version),
            blocked_by=", ".join(f"{owner} ({why})" for owner, why in owners.items()),
            released=None if latest is None else latest.uploaded,
            status=status,
            requested=found.requested,
            installed=found.installed,
            last_upgraded=self.upgraded.get(id),
            install_path=found.path.parent,
            origin=found.origin,
            summary=found.summary,
            error="; ".join(filter(None, (failed, unknown))) or None,
        )

    def _counts(self, found: Distribution, release: Release) -> bool:
        if release.version.is_prerelease and not found.version.is_prerelease:
            return False
        return is_eligible(release, self.interpreter)

    def _eligible(self, found: Distribution, releases: Sequence[Release]) -> Iterable[Release]:
        return eligible_releases(releases, self.interpreter, installed=found.version)

    def _forbidding(self, id: Id, version: Version) -> dict[Id, str]:
        return changes.forbidding(id, version, self.owners.get(id, {}))

    def _is_forbidden(self, id: Id, version: Version) -> bool:
        known = self.forbidden.get((id, version))
        if known is None:
            known = changes.is_forbidden(version, self.owners.get(id, {}))
            self.forbidden[id, version] = known
        return known

    def _compatible(self, found: Distribution, releases: Sequence[Release]) -> Version:
        """Return the newest eligible version that nothing installed forbids, else what is there."""
        for release in releases:
            if release.version <= found.version:
                break
            if not self._is_forbidden(found.id, release.version) and self._counts(found, release):
                return release.version
        return found.version

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


def _step(before: Version, after: Version) -> Bump | None:
    return bump(before, after) if after > before else None
