"""Plan to return to the packages of a lock, or of a day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import has_compatible_wheel, why_incompatible
from pkgwidgets.core.drift import Drift, find_drift
from pkgwidgets.core.errors import (
    InvalidRequest,
    LockUnreadable,
    PkgwidgetsError,
    ProjectNotFound,
)
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.lock import Export, Lock, LockedPackage
from pkgwidgets.core.lock_reader import read_lock_text
from pkgwidgets.core.origins import KNOWN_TO_INDEXES
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.releases import Release
from pkgwidgets.core.requirements_text import hashes_of
from pkgwidgets.core.updates import eligible_releases

from .day_planning import checked_day, plan_day
from .listing import list_names
from .plan_builder import attach_wheels, build_plan, check_still_met
from .release_ages import ReleaseAges
from .release_notes import release_notes
from .snapshot import EnvironmentSnapshot, ProjectResults

_KEPT_BY_EXACT = (NormalizedName("ipykernel"), NormalizedName("pip"), NormalizedName("pkgwidgets"))
"""What an exact plan keeps, with its dependencies: a notebook and this plan's undo need it."""


def drift(backend: Backend, source: str | Path | Export) -> Drift:
    """Compare what is installed with a lock; raises `LockUnreadable`."""
    lock = read_source(backend, source)
    installed = {
        name: package.version
        for name, package in list_names(backend).items()
        if package.version is not None
    }
    return find_drift(lock, installed, source_name(source))


def read_source(backend: Backend, source: object) -> Lock:
    """Return the lock of a file, a notebook, another environment or an export.

    Raises `LockUnreadable`, and `InvalidRequest` for what is neither a path nor an export.
    """
    if isinstance(source, Export):
        markers = backend.environment.interpreter.markers
        return read_lock_text(source.text, source_name(source), markers)
    if not isinstance(source, str | Path) or not str(source):
        raise InvalidRequest("source", source, "give the path of a lock, notebook or environment")
    return backend.lock_sources.read(Path(source))


def source_name(source: str | Path | Export) -> str:
    """Return what messages call a source: its file name."""
    if isinstance(source, Export):
        return source.file_name or "the given lock"
    return Path(source).name


def plan_restore(
    backend: Backend,
    source: str | Path | Export | None = None,
    *,
    exact: bool = False,
    as_of: date | str | None = None,
    report: Report = no_report,
) -> Plan:
    """Plan to return to the packages of a lock, or of the end of a day in UTC.

    With `exact`, packages that the lock lacks are uninstalled. Raises `LockUnreadable` also if the
    index has other files than the lock, by their hashes. Raises `InvalidRequest`, `StillNeeded`,
    `EnvironmentRefused`, `IndexUnavailable` and, for a day, what `plan_upgrade` raises.
    """
    if (source is None) is (as_of is None):
        raise InvalidRequest("source", None, "give the path of a lock, or `as_of` and a day")
    if as_of is not None:
        if exact:
            raise InvalidRequest("exact", exact, "give it with a lock, not with a day")
        return plan_day(backend, checked_day(as_of), report)
    lock = read_source(backend, source)
    name = source_name(source) if isinstance(source, Export) else str(source)
    return _Restoration(backend, lock, name, report).plan(exact=exact)


@dataclass
class _Restoration:
    """One plan to return to a lock, and what it cannot bring back."""

    backend: Backend
    lock: Lock
    source: str
    report: Report
    held_back: list[HeldBack] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def plan(self, *, exact: bool) -> Plan:
        snapshot = EnvironmentSnapshot.of(self.backend)
        self.notes += [f"left out: {text}" for text in self.lock.left_out]
        wanted = dict(self._wanted(snapshot))
        answers = self.backend.index.releases_of(IndexQuery(tuple(wanted)), self.report)
        versions = self._versions(snapshot, wanted, answers)
        changes = [_change_to(snapshot, wanted[name], v) for name, v in versions.items()]
        changes += self._removals(snapshot) if exact else []
        replaced = [change.id for change in changes if change.before is not None]
        removed = [change.id for change in changes if change.after is None]
        snapshot.check_changeable(replaced, removed)
        kept = {
            name: required
            for name, required in snapshot.active_requirements.items()
            if name not in versions and name not in removed
        }
        check_still_met(snapshot, changes, kept)
        with_wheels = attach_wheels(snapshot, changes, answers)
        checked = tuple(self._with_locked_hashes(c, wanted, answers) for c in with_wheels)
        return build_plan(
            snapshot,
            tuple(change.id for change in checked),
            checked,
            held_back=tuple(self.held_back),
            notes=(*self.notes, *release_notes(self.backend, checked, answers)),
        )

    def _wanted(
        self, snapshot: EnvironmentSnapshot
    ) -> Iterator[tuple[NormalizedName, LockedPackage]]:
        """Yield the packages that differ and may change; note the others."""
        for package in self.lock.packages:
            installed = snapshot.versions.get(package.name)
            if package.source is not None or package.version is None:
                if installed is None:
                    self.notes.append(f"{package.name} cannot be had here: it is not of an index")
                elif snapshot.distributions[package.name].origin in KNOWN_TO_INDEXES:
                    self.notes.append(f"{package.name} stays: the lock has it from an address")
            elif installed == package.version:
                continue
            elif package.name in snapshot.pinned:
                self.held_back.append(snapshot.held_back(package.name, package.version))
            else:
                yield package.name, package

    def _versions(
        self,
        snapshot: EnvironmentSnapshot,
        wanted: Mapping[NormalizedName, LockedPackage],
        answers: ProjectResults,
    ) -> dict[NormalizedName, Version]:
        """Return the version of each package: the locked one, else the nearest of a missing one."""
        ages = ReleaseAges.of(self.backend)
        limited = snapshot.with_limits(ages.limits(answers, snapshot.versions))
        locked = {name: p.version for name, p in wanted.items() if p.version is not None}
        markers = self.backend.environment.interpreter.markers
        settings = limited.limits.by_setting({**snapshot.versions, **locked}, markers)
        found = {}
        for name, version in locked.items():
            answer = answers[name]
            if isinstance(answer, PkgwidgetsError) and not isinstance(answer, ProjectNotFound):
                raise answer
            releases: Sequence[Release] = () if isinstance(answer, PkgwidgetsError) else answer
            owners = dependency_graph.blockers(name, version, settings)
            why = (
                "; ".join(f"{owner} ({limit})" for owner, limit in owners.items())
                if owners
                else self._why_not(version, releases)
            )
            if not why:
                found[name] = version
                continue
            nearest = None if owners else self._nearest(version, releases)
            if name in snapshot.versions:
                self._hold_back(snapshot, name, version, f"{why}{_nearest_text(nearest)}")
            elif nearest is None:
                self.notes.append(f"{name} {version} cannot be had here: {why}")
            else:
                self.notes.append(f"{name} {version} cannot be had here: {why}; {nearest} instead")
                found[name] = nearest
        return found

    def _hold_back(
        self, snapshot: EnvironmentSnapshot, name: NormalizedName, version: Version, why: str
    ) -> None:
        self.held_back.append(
            HeldBack(
                id=name,
                name=snapshot.distributions[name].name,
                kept_version=snapshot.versions[name],
                latest=version,
                reason=why,
            )
        )

    def _why_not(self, version: Version, releases: Sequence[Release]) -> str:
        """Return why the index has nothing to install of a version; "" if it has."""
        release = next((release for release in releases if release.version == version), None)
        if release is None:
            return "the index does not have it"
        interpreter = self.backend.environment.interpreter
        if has_compatible_wheel(release, interpreter):
            return ""
        return f"it {why_incompatible(release, interpreter)}"

    def _nearest(self, version: Version, releases: Sequence[Release]) -> Version | None:
        """Return the eligible version nearest to a missing one; one of its own series first."""
        interpreter = self.backend.environment.interpreter
        eligible = sorted(
            release.version
            for release in eligible_releases(releases, interpreter, installed=version)
        )
        series = [other for other in eligible if other.release[:2] == version.release[:2]]
        for versions in (series, eligible):
            above = [other for other in versions if other > version]
            below = [other for other in versions if other < version]
            if above or below:
                return above[0] if above else below[-1]
        return None

    def _removals(self, snapshot: EnvironmentSnapshot) -> list[Change]:
        """Return the removal of each package that the lock lacks, but for what must stay."""
        roots = [name for name in _KEPT_BY_EXACT if name in snapshot.distributions]
        needed = dependency_graph.dependencies(roots, snapshot.active_requirements)
        kept = {*roots, *needed, *snapshot.pinned, *(p.name for p in self.lock.packages)}
        return [
            Change(id=name, name=distribution.name, before=distribution.version, requested=True)
            for name, distribution in snapshot.distributions.items()
            if name not in kept
        ]

    def _with_locked_hashes(
        self,
        change: Change,
        wanted: Mapping[NormalizedName, LockedPackage],
        answers: ProjectResults,
    ) -> Change:
        """Accept only files of the lock; another platform has other files of the same release."""
        package = wanted.get(change.id)
        locked = set(() if package is None else hashes_of(package))
        if package is None or not locked or change.after != package.version:
            return change
        answer = answers[change.id]
        releases: Sequence[Release] = () if isinstance(answer, PkgwidgetsError) else answer
        release = next(release for release in releases if release.version == change.after)
        if not any(wheel.sha256 in locked for wheel in release.wheels):
            what = "has other files, by their sha256" if change.hashes else "gives no sha256"
            raise LockUnreadable(self.source, f"{change.id} {change.after}: the index {what}")
        hashes = tuple(digest for digest in change.hashes if digest in locked)
        if not hashes:
            self.notes.append(f"{change.name} {change.after}: this platform has another file")
            return change
        wheel = next(wheel for wheel in release.wheels if wheel.sha256 == hashes[0])
        return replace(
            change, hashes=hashes, wheel=wheel.filename, sha256=wheel.sha256, size=wheel.size
        )


def _nearest_text(nearest: Version | None) -> str:
    return "" if nearest is None else f"; the nearest is {nearest}"


def _change_to(snapshot: EnvironmentSnapshot, package: LockedPackage, version: Version) -> Change:
    distribution = snapshot.distributions.get(package.name)
    return Change(
        id=package.name,
        name=package.name if distribution is None else distribution.name,
        before=snapshot.versions.get(package.name),
        after=version,
        requested=True,
        requested_after=package.requested if distribution is None else distribution.requested,
    )
