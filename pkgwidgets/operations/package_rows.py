"""Compute the row of a package from its distribution, its newest releases and the journal."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution, Interpreter, Unreadable
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.failed_changes import failure_notes
from pkgwidgets.core.history import committed
from pkgwidgets.core.limits import NO_LIMITS, Limits, without_repeats
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plans import ChangeKind
from pkgwidgets.core.redaction import redact
from pkgwidgets.core.releases import Release, ReleaseList
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome, Transaction
from pkgwidgets.core.updates import is_eligible, why_no_release
from pkgwidgets.core.versions import version_step

from .incomplete import incomplete_packages
from .release_ages import NO_AGES, ReleaseAges

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.utils import NormalizedName
    from packaging.version import Version

    from pkgwidgets.core.interfaces import Backend, Environment, ProjectResult

_LAST_BUILDERS: WeakKeyDictionary[Environment, PackageRowBuilder] = WeakKeyDictionary()
"""The last builder of each environment."""


class PackageRowBuilder:
    """Computes rows; what they share is computed once, when it is first needed.

    Results are cached while the environment is unchanged: a row until the index gives another
    answer, a version for good. Threads share the caches: entries are only replaced, never edited.
    """

    def __init__(
        self,
        installed: dependency_graph.Installed,
        interpreter: Interpreter,
        history: Sequence[Transaction],
        limits: Limits = NO_LIMITS,
        incomplete: Collection[NormalizedName] = (),
        ages: ReleaseAges = NO_AGES,
    ) -> None:
        self.installed = installed
        self.history = history
        self.limits = limits
        self.ages = ages
        self._interpreter = interpreter
        self._forbidden: dict[tuple[NormalizedName, Version], bool] = {}
        self._bounds: dict[NormalizedName, list[Requirement]] = {}
        self._eligible: dict[tuple[NormalizedName, Version], tuple[Release, bool]] = {}
        self._notes: dict[str, Mapping[NormalizedName, str]] = {}
        self._incomplete = incomplete
        self._rows: dict[NormalizedName, tuple[ProjectResult | None, PackageInfo]] = {}

    @classmethod
    def of(
        cls,
        backend: Backend,
        installed: dependency_graph.Installed,
        *,
        with_limits: bool = True,
    ) -> PackageRowBuilder:
        """Return the builder of an environment: the last one, if nothing changed since.

        A row without an answer of the index depends on no limits: they need not be read for it.
        Raises `PolicyUnreadable` only if they are.
        """
        history = backend.journal.transactions()
        builder = _LAST_BUILDERS.get(backend.environment)
        if with_limits:
            limits, ages = backend.limits(), ReleaseAges.of(backend)
        else:
            limits = NO_LIMITS if builder is None else builder.limits
            ages = NO_AGES if builder is None else builder.ages
        if builder is None or not builder.is_current(installed, history, limits, ages):
            interpreter, incomplete = backend.environment.interpreter, incomplete_packages(backend)
            builder = cls(installed, interpreter, history, limits, incomplete, ages)
            _LAST_BUILDERS[backend.environment] = builder
        return builder

    def is_current(
        self,
        installed: dependency_graph.Installed,
        history: Sequence[Transaction],
        limits: Limits = NO_LIMITS,
        ages: ReleaseAges = NO_AGES,
    ) -> bool:
        """Tell whether it is of these distributions (by identity), this history and limits."""
        limiting = limits == self.limits and ages == self.ages
        return self._is_of(installed) and history == self.history and limiting

    def _is_of(self, installed: dependency_graph.Installed) -> bool:
        return installed is self.installed or (
            len(installed) == len(self.installed)
            and all(
                self.installed.get(name) is distribution for name, distribution in installed.items()
            )
        )

    @cached_property
    def unchecked_rows(self) -> tuple[PackageInfo, ...]:
        """The rows of all packages without answers of the index."""
        return tuple(self._row(name, None) for name in self.installed)

    def prepare(self) -> None:
        """Compute what the first row needs, while the caller waits for the index."""
        _ = self.owners

    @cached_property
    def owners(self) -> Mapping[NormalizedName, Mapping[NormalizedName, Sequence[Requirement]]]:
        """The requirements on each project, by the distribution or setting that has them."""
        required = dependency_graph.active_requirements(
            self.installed, self._interpreter.markers, self.limits.requires_of
        )
        return dependency_graph.reverse_requirements({**required, **self._settings})

    @cached_property
    def _settings(self) -> dependency_graph.ActiveRequirements:
        versions = dependency_graph.installed_versions(self.installed)
        return self.limits.by_setting(versions, self._interpreter.markers)

    @cached_property
    def last_transactions(self) -> Mapping[NormalizedName, Transaction]:
        """The newest transaction that touches each package."""
        return {
            change.id: transaction for transaction in self.history for change in transaction.changes
        }

    @cached_property
    def upgrade_times(self) -> Mapping[NormalizedName, datetime | None]:
        """When each package last got another version."""
        return {
            change.id: transaction.finished
            for transaction in committed(self.history)
            for change in transaction.changes
            if change.before is not None
        }

    def can_stop_at(self, name: NormalizedName, release: Release) -> bool:
        """Tell whether a row needs no release older than this one.

        That is the latest release, unless an installed package forbids it. Then it is the newest
        compatible one, or the first that is no upgrade.
        """
        distribution = self.installed[name]
        if not isinstance(distribution, Distribution):
            return False
        if release.version > distribution.version and (
            self._is_forbidden(name, release.version) or self.ages.may_hold(name, release)
        ):
            return False
        return self._is_candidate(distribution, release)

    def can_skip(self, name: NormalizedName, version: Version, seen: Sequence[Release]) -> bool:
        """Tell whether a row does not need this version.

        It may be a pre-release that does not count. Or an installed package forbids it, and the
        latest release, forbidden too, is among `seen`.
        """
        distribution = self.installed[name]
        if not isinstance(distribution, Distribution):
            return False
        if not self.limits.counts(name, version, distribution.version):
            return True
        return (
            version > distribution.version
            and self._is_forbidden(name, version)
            and any(self._is_candidate(distribution, release) for release in seen)
        )

    def row(self, name: NormalizedName, answer: ProjectResult | None = None) -> PackageInfo:
        """Return one row; its `error` says what could not be read or asked, and why."""
        cached = self._rows.get(name)
        if cached is None or not _is_same_result(cached[0], answer):
            cached = self._rows[name] = (answer, self._row(name, answer))
        return cached[1]

    def _row(self, name: NormalizedName, answer: ProjectResult | None) -> PackageInfo:
        distribution = self.installed[name]
        if isinstance(distribution, Unreadable):
            return _unreadable_row(name, distribution)
        status = self._status(name)
        is_incomplete = status is PackageStatus.ERROR
        failed = self.last_transactions[name].error if is_incomplete else None
        newest = self._newest(distribution, answer)
        latest, compatible = newest.latest, newest.compatible
        return PackageInfo(
            name=distribution.name,
            version=str(distribution.version),
            latest_version=None if latest is None else str(latest.version),
            compatible_version=None if compatible is None else str(compatible),
            change=None if latest is None else _version_step(distribution.version, latest.version),
            blocked_by=", ".join(f"{owner} ({why})" for owner, why in newest.blockers.items()),
            released=None if latest is None else latest.uploaded,
            status=status,
            requested=self._is_requested(distribution),
            installed=distribution.installed,
            last_upgraded=self.upgrade_times.get(name),
            install_path=distribution.path.parent,
            origin=distribution.origin,
            summary=distribution.summary,
            links=distribution.links,
            project_status=str(answer.status) if isinstance(answer, ReleaseList) else None,
            yanked=_yanked_text(distribution.version, answer),
            attestations=None if latest is None else latest.attested,
            license=distribution.license,
            error=redact("; ".join(filter(None, (failed, newest.problem)))) or None,
            failed_change=redact(self._failure_note(distribution)),
            has_incomplete_rollback=is_incomplete,
        )

    def _is_requested(self, distribution: Distribution) -> bool:
        """Return whether a package was installed for the user.

        uv marks everything that it installs. Where all are marked, the marks say nothing: then the
        packages that no other one requires count. The marks of what a plan installed always count.
        """
        if self._roots is None or distribution.id in self._installed_here:
            return distribution.requested
        return distribution.id in self._roots

    @cached_property
    def _installed_here(self) -> frozenset[NormalizedName]:
        """The packages that plans installed; an undo brings back the mark that was there before."""
        return frozenset(
            change.id
            for transaction in committed(self.history)
            for change in transaction.changes
            if change.before is None and not transaction.plan.undoes
        )

    @cached_property
    def _roots(self) -> frozenset[NormalizedName] | None:
        """The packages that no other requires, where all are marked as requested; else None.

        What plans installed does not count: there a mark is missing where it should be.
        """
        distributions = dependency_graph.readable_distributions(self.installed)
        others = [d for name, d in distributions.items() if name not in self._installed_here]
        if len(others) < 2 or not all(d.requested for d in others):
            return None
        # By their own metadata: a row without an answer of the index depends on no settings.
        required = dependency_graph.active_requirements(self.installed, self._interpreter.markers)
        return dependency_graph.roots(required)

    def _newest(self, distribution: Distribution, answer: ProjectResult | None) -> _Newest:
        """Find the latest and the newest compatible release in an answer."""
        if answer is None:
            return _Newest()
        if isinstance(answer, PkgwidgetsError):
            return _Newest(problem=answer.sentence())
        stale = answer.stale_reason if isinstance(answer, ReleaseList) else ""
        latest = next(
            (release for release in answer if self._is_candidate(distribution, release)), None
        )
        if latest is None:
            return _Newest(problem=stale or why_no_release(answer))
        blockers = self._blockers(distribution.id, latest.version)
        if latest.version > distribution.version:
            blockers |= self.ages.blockers(distribution.id, latest, answer)
        compatible = self._compatible(distribution, answer) if blockers else latest.version
        return _Newest(latest=latest, compatible=compatible, blockers=blockers, problem=stale)

    def _is_candidate(self, distribution: Distribution, release: Release) -> bool:
        if not self.limits.counts(distribution.id, release.version, distribution.version):
            return False
        key = distribution.id, release.version
        cached = self._eligible.get(key)
        if cached is None or cached[0] is not release:  # another page may describe it otherwise
            cached = self._eligible[key] = (release, is_eligible(release, self._interpreter))
        return cached[1]

    def _blockers(self, name: NormalizedName, version: Version) -> dict[NormalizedName, str]:
        blockers = dependency_graph.conflicting(name, version, self.owners.get(name, {}))
        return without_repeats(blockers, self._settings)

    def _is_forbidden(self, name: NormalizedName, version: Version) -> bool:
        cached = self._forbidden.get((name, version))
        if cached is None:
            cached = self._forbidden[name, version] = self._compute_forbidden(name, version)
        return cached

    def _compute_forbidden(self, name: NormalizedName, version: Version) -> bool:
        """Try first the requirement that forbade the last version: a bound forbids many."""
        bounds = self._bounds.get(name)
        if bounds is None:
            owners = self.owners.get(name, {})
            bounds = self._bounds[name] = [r for required in owners.values() for r in required]
        for place, requirement in enumerate(bounds):
            if not requirement.specifier.contains(version, prereleases=True):
                # A new list: another thread may be going through this one.
                self._bounds[name] = [requirement, *bounds[:place], *bounds[place + 1 :]]
                return True
        return False

    def _compatible(self, distribution: Distribution, releases: Sequence[Release]) -> Version:
        """Return the newest compatible version, else the installed one."""
        for release in releases:
            if release.version <= distribution.version:
                break
            if (
                not self._is_forbidden(distribution.id, release.version)
                and self._is_candidate(distribution, release)
                and not self.ages.blockers(distribution.id, release, releases)
            ):
                return release.version
        return distribution.version

    def _status(self, name: NormalizedName) -> PackageStatus:
        """Compute the status from the newest transaction that touches the package.

        A change that was rolled back leaves a healthy package: that is a note, and no status.
        """
        last = self.last_transactions.get(name)
        if last is not None and last.outcome is Outcome.STARTED:
            kinds = [change.kind for change in last.changes if change.id == name]
            installing = kinds == [ChangeKind.INSTALL]
            return PackageStatus.INSTALLING if installing else PackageStatus.UPGRADING
        is_incomplete = last is not None and last.outcome is Outcome.INCOMPLETE
        if is_incomplete and name in self._incomplete:
            return PackageStatus.ERROR
        return PackageStatus.INSTALLED

    def _failure_note(self, distribution: Distribution) -> str:
        """Return why the last change failed; "" if another program changed the package since."""
        last = self.last_transactions.get(distribution.id)
        if last is None or last.outcome not in UNCHANGED_OUTCOMES:
            return ""
        if last.id not in self._notes:
            self._notes[last.id] = failure_notes(last)
        before = next(change.before for change in last.changes if change.id == distribution.id)
        is_same = before in (None, distribution.version)
        return self._notes[last.id].get(distribution.id, "") if is_same else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Newest:
    """The part of a row that the index determines; `problem` says what is unknown, and why."""

    latest: Release | None = None
    compatible: Version | None = None
    blockers: Mapping[NormalizedName, str] = field(default_factory=dict)
    problem: str = ""


def _unreadable_row(name: NormalizedName, distribution: Unreadable) -> PackageInfo:
    return PackageInfo(
        name=name,
        version="",
        status=PackageStatus.ERROR,
        install_path=distribution.path.parent,
        error=redact(f"its metadata cannot be read: {distribution.reason}"),
    )


def _yanked_text(installed: Version, answer: ProjectResult | None) -> str | None:
    """Return that the installed release was yanked, and why; "" if not, None if unknown."""
    if answer is None or isinstance(answer, PkgwidgetsError):
        return None
    release = next((release for release in answer if release.version == installed), None)
    if release is None:
        return None
    reason = f": {release.yanked_reason}" if release.yanked_reason else ""
    return f"{installed} was yanked{reason}" if release.yanked else ""


def _is_same_result(first: ProjectResult | None, second: ProjectResult | None) -> bool:
    """Tell whether two answers are the same; many releases are compared by identity, for speed."""
    if isinstance(first, ReleaseList) and isinstance(second, ReleaseList):
        return first.releases is second.releases and (
            (first.stale_reason, first.status) == (second.stale_reason, second.status)
        )
    return first is second


def _version_step(before: Version, after: Version) -> VersionStep | None:
    return version_step(before, after) if after > before else None
