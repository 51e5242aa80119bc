"""One package as a row: computed from its distribution, its newest releases and the journal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from weakref import WeakKeyDictionary

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import is_eligible, why_no_release
from pkgwidgets.core.environment import Distribution, Interpreter, Unreadable
from pkgwidgets.core.errors import Cancelled, PkgwidgetsError
from pkgwidgets.core.history import committed
from pkgwidgets.core.interfaces import Backend, Environment, ProjectResult
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plans import ChangeKind
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.core.transactions import Outcome, Transaction
from pkgwidgets.core.versions import may_be_newest, version_step

_LAST_BUILDERS: WeakKeyDictionary[Environment, PackageRowBuilder] = WeakKeyDictionary()
"""The facts of each environment as they were the last time that somebody asked."""


class PackageRowBuilder:
    """What rows are computed from; gathered once for all of them, each thing when it is needed.

    A row is computed anew only for another answer, and a version looked at once: facts are kept
    while nothing of the environment changes. Threads share them: what is kept is only replaced.
    """

    def __init__(
        self,
        installed: dependency_graph.Installed,
        interpreter: Interpreter,
        history: Sequence[Transaction],
    ) -> None:
        self.installed = installed
        self.history = history
        self._interpreter = interpreter
        self._forbidden: dict[tuple[NormalizedName, Version], bool] = {}
        self._bounds: dict[NormalizedName, list[Requirement]] = {}
        self._fitting: dict[tuple[NormalizedName, Version], tuple[Release, bool]] = {}
        self._rows: dict[NormalizedName, tuple[ProjectResult | None, PackageInfo]] = {}

    @classmethod
    def of(cls, backend: Backend, installed: dependency_graph.Installed) -> PackageRowBuilder:
        """Gather them, or return those of the last time if they are the same still."""
        history = backend.journal.transactions()
        known = _LAST_BUILDERS.get(backend.environment)
        if known is None or not known.are_of(installed, history):
            known = _LAST_BUILDERS[backend.environment] = cls(
                installed, backend.environment.interpreter, history
            )
        return known

    def are_of(self, installed: dependency_graph.Installed, history: Sequence[Transaction]) -> bool:
        """Tell whether they are those of these very distributions and this history."""
        return (
            len(installed) == len(self.installed)
            and all(self.installed.get(id) is found for id, found in installed.items())
            and history == self.history
        )

    def prepare(self) -> None:
        """Find out, while there is nothing else to do, what the first answer needs."""
        _ = self.owners

    @cached_property
    def owners(self) -> Mapping[NormalizedName, Mapping[NormalizedName, Sequence[Requirement]]]:
        """Of each project, who requires what of it."""
        return dependency_graph.reverse_requirements(
            dependency_graph.active_requirements(self.installed, self._interpreter.markers)
        )

    @cached_property
    def last(self) -> Mapping[NormalizedName, Transaction]:
        """The newest transaction that touches each package."""
        return {change.id: done for done in self.history for change in done.changes}

    @cached_property
    def upgraded(self) -> Mapping[NormalizedName, datetime | None]:
        """When each package last got another version."""
        return {
            change.id: done.finished
            for done in committed(self.history)
            for change in done.changes
            if change.before is not None
        }

    def can_stop_at(self, id: NormalizedName, release: Release) -> bool:
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

    def can_skip(self, id: NormalizedName, version: Version, seen: Sequence[Release]) -> bool:
        """Tell whether a version says nothing that a row would show.

        So it is with a pre-release that does not count; and with one that is forbidden, if the
        newest that counts was seen and is forbidden, too.
        """
        found = self.installed[id]
        if not isinstance(found, Distribution):
            return False
        if not may_be_newest(version, found.version):
            return True
        return (
            version > found.version
            and self._is_forbidden(id, version)
            and any(self._counts(found, release) for release in seen)
        )

    def row(self, id: NormalizedName, answer: ProjectResult | None = None) -> PackageInfo:
        """Return one row; what could not be read or asked says why in its `error`."""
        known = self._rows.get(id)
        if known is None or not _is_same_result(known[0], answer):
            known = self._rows[id] = (answer, self._row(id, answer))
        return known[1]

    def _row(self, id: NormalizedName, answer: ProjectResult | None) -> PackageInfo:
        found = self.installed[id]
        if isinstance(found, Unreadable):
            return _unreadable_row(id, found)
        status, failed = self._status(id)
        newest = self._newest(found, answer)
        latest, compatible = newest.latest, newest.compatible
        return PackageInfo(
            name=found.name,
            version=str(found.version),
            latest_version=None if latest is None else str(latest.version),
            compatible_version=None if compatible is None else str(compatible),
            change=None if latest is None else _version_step(found.version, latest.version),
            blocked_by=", ".join(f"{owner} ({why})" for owner, why in newest.blockers.items()),
            released=None if latest is None else latest.uploaded,
            status=status,
            requested=found.requested,
            installed=found.installed,
            last_upgraded=self.upgraded.get(id),
            install_path=found.path.parent,
            origin=found.origin,
            summary=found.summary,
            links=found.links,
            error=redact("; ".join(filter(None, (failed, newest.problem)))) or None,
        )

    def _newest(self, found: Distribution, answer: ProjectResult | None) -> _Newest:
        """Find the newest release in an answer, and the newest that nothing installed forbids."""
        if answer is None:
            return _Newest()
        if isinstance(answer, PkgwidgetsError):
            return _Newest(problem=answer.sentence())
        stale = answer.stale_reason if isinstance(answer, ReleaseList) else ""
        latest = next((each for each in answer if self._counts(found, each)), None)
        if latest is None:
            return _Newest(problem=stale or why_no_release(answer))
        blockers = self._forbidding(found.id, latest.version)
        compatible = self._compatible(found, answer) if blockers else latest.version
        return _Newest(latest=latest, compatible=compatible, blockers=blockers, problem=stale)

    def _counts(self, found: Distribution, release: Release) -> bool:
        if not may_be_newest(release.version, found.version):
            return False
        key = found.id, release.version
        known = self._fitting.get(key)
        if known is None or known[0] is not release:  # another page may say otherwise of it
            known = self._fitting[key] = (release, is_eligible(release, self._interpreter))
        return known[1]

    def _forbidding(self, id: NormalizedName, version: Version) -> dict[NormalizedName, str]:
        return dependency_graph.conflicting(id, version, self.owners.get(id, {}))

    def _is_forbidden(self, id: NormalizedName, version: Version) -> bool:
        known = self._forbidden.get((id, version))
        if known is None:
            known = self._forbidden[id, version] = self._forbids(id, version)
        return known

    def _forbids(self, id: NormalizedName, version: Version) -> bool:
        """Ask first who forbade another version: an upper bound forbids many in a row."""
        bounds = self._bounds.get(id)
        if bounds is None:
            owners = self.owners.get(id, {})
            bounds = self._bounds[id] = [r for required in owners.values() for r in required]
        for place, requirement in enumerate(bounds):
            if not requirement.specifier.contains(version, prereleases=True):
                # A new list: another thread may be going through this one.
                self._bounds[id] = [requirement, *bounds[:place], *bounds[place + 1 :]]
                return True
        return False

    def _compatible(self, found: Distribution, releases: Sequence[Release]) -> Version:
        """Return the newest eligible version that nothing installed forbids, else what is there."""
        for release in releases:
            if release.version <= found.version:
                break
            if not self._is_forbidden(found.id, release.version) and self._counts(found, release):
                return release.version
        return found.version

    def _status(self, id: NormalizedName) -> tuple[PackageStatus, str | None]:
        """Compute the status from the newest transaction that touches the package."""
        last = self.last.get(id)
        if last is None or last.outcome is Outcome.COMMITTED or _was_cancelled(last):
            return PackageStatus.INSTALLED, None
        if last.outcome is Outcome.STARTED:
            kinds = [change.kind for change in last.changes if change.id == id]
            installing = kinds == [ChangeKind.INSTALL]
            return PackageStatus.INSTALLING if installing else PackageStatus.UPGRADING, None
        return PackageStatus.ERROR, last.error


@dataclass(frozen=True, kw_only=True, slots=True)
class _Newest:
    """What an answer of the index means for one row; `problem` says what is unknown, and why."""

    latest: Release | None = None
    compatible: Version | None = None
    blockers: Mapping[NormalizedName, str] = field(default_factory=dict)
    problem: str = ""


def _unreadable_row(id: NormalizedName, found: Unreadable) -> PackageInfo:
    return PackageInfo(
        name=id,
        version="",
        status=PackageStatus.ERROR,
        install_path=found.path.parent,
        error=redact(f"its metadata cannot be read: {found.reason}"),
    )


def _was_cancelled(done: Transaction) -> bool:
    """Tell what somebody cancelled from what failed."""
    try:
        failure = json.loads(done.failure or "{}")
        return done.outcome is Outcome.ROLLED_BACK and failure.get("code") == Cancelled.code
    except (ValueError, AttributeError):
        return False


def _is_same_result(one: ProjectResult | None, other: ProjectResult | None) -> bool:
    """Tell whether two answers are one; releases are compared by identity: they are many."""
    if isinstance(one, ReleaseList) and isinstance(other, ReleaseList):
        return one.releases is other.releases and one.stale_reason == other.stale_reason
    return one is other


def _version_step(before: Version, after: Version) -> VersionStep | None:
    return version_step(before, after) if after > before else None
