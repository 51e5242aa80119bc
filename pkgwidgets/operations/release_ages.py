"""The limits that a minimum age sets: they leave out the releases that are too young."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from packaging.utils import NormalizedName

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.limits import Limit
from pkgwidgets.core.policy import MinimumAge, policy_time
from pkgwidgets.core.releases import Release, ReleaseList

if TYPE_CHECKING:
    from packaging.version import Version

    from pkgwidgets.core.interfaces import Backend, ProjectResult
    from pkgwidgets.core.plans import Change

    from .snapshot import ProjectResults


@dataclass(frozen=True, slots=True)
class ReleaseAges:
    """The minimum age at the time of one plan, or of one check.

    `exempt` maps releases (`pea==1.2`) that may be young to the reasons.
    """

    minimum: MinimumAge
    now: datetime | None = None
    exempt: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, backend: Backend, exempt: Mapping[str, str] | None = None) -> ReleaseAges:
        """Read the minimum age of an environment; raises `PolicyUnreadable`."""
        minimum = backend.policy.policy().minimum_age
        return cls(minimum, policy_time(), exempt or {}) if minimum else NO_AGES

    def __bool__(self) -> bool:
        return bool(self.minimum)

    def may_hold(self, name: NormalizedName, release: Release) -> bool:
        """Tell whether a release is too young, on some index."""
        if self.now is None:
            return False
        return not self.minimum.is_old_enough(name, release, self.now)

    def blockers(
        self, name: NormalizedName, release: Release, answer: Sequence[Release]
    ) -> dict[NormalizedName, str]:
        """Return the minimum age as what forbids a release of an answer; {} if it does not.

        The quarantine of a project forbids all its releases.
        """
        if _is_quarantined(answer):
            return {NormalizedName(_quarantine(answer)): f"{name}!={release.version}"}
        why = self._why_young(name, release, answer)
        if not why:
            return {}
        return {NormalizedName(self.minimum.setting(why)): f"{name}!={release.version}"}

    def _why_young(self, name: NormalizedName, release: Release, answer: Sequence[Release]) -> str:
        if self.now is None:
            return ""
        index = answer.index_url if isinstance(answer, ReleaseList) else ""
        return self.minimum.why_young(name, release, self.now, index)

    def limits(
        self, answers: ProjectResults, versions: Mapping[NormalizedName, Version]
    ) -> tuple[Limit, ...]:
        """Return a limit for each young release; none for one that is installed."""
        if not self.minimum and not any(map(_is_quarantined, answers.values())):
            return ()
        return tuple(
            limit
            for name, answer in answers.items()
            if not isinstance(answer, PkgwidgetsError)
            for limit in self._limits_of(name, answer, versions.get(name))
        )

    def _limits_of(
        self, name: NormalizedName, releases: Sequence[Release], installed: Version | None
    ) -> Iterator[Limit]:
        kept = f"=={installed.public}" if installed is not None else "<0.dev0"
        if _is_quarantined(releases):
            yield Limit(requirement=f"{name}{kept}", setting=_quarantine(releases))
            return
        others = [release for release in releases if release.version != installed]
        held = {
            release.version: why
            for release in others
            if (why := self._why_young(name, release, releases))
            and f"{name}=={release.version}" not in self.exempt
        }
        reasons = {*held.values()}
        if len(reasons) == 1 and len(held) == len(others) and not self._is_exempt(name):
            # One limit, because an index without upload times may list thousands of releases.
            yield Limit(requirement=f"{name}{kept}", setting=self.minimum.setting(*reasons))
            return
        for version, why in held.items():
            setting = self.minimum.setting(why)
            yield Limit(requirement=f"{name}!={version.public}", setting=setting)

    def _is_exempt(self, name: NormalizedName) -> bool:
        return any(pin.partition("==")[0] == name for pin in self.exempt)

    def notes(self, changes: Sequence[Change], answers: ProjectResults) -> tuple[str, ...]:
        """Return for each change to an exempt release that is young why it passes."""
        return tuple(
            f"{change.name} {change.after} passes {self.minimum.setting(why)}: {reason}"
            for change in changes
            if (reason := self.exempt.get(f"{change.id}=={change.after}"))
            and not isinstance(answer := answers.get(change.id, ()), PkgwidgetsError)
            for release in answer
            if release.version == change.after
            and (why := self._why_young(change.id, release, answer))
        )


def _is_quarantined(answer: ProjectResult) -> bool:
    return isinstance(answer, ReleaseList) and answer.status.is_quarantined


def _quarantine(answer: ProjectResult) -> str:
    """Return the quarantine of a project as the owner of a limit."""
    reason = answer.status.reason if isinstance(answer, ReleaseList) else ""
    return f"its quarantine on the index{f': {reason}' if reason else ''}"


def index_notes(changes: Sequence[Change], answers: ProjectResults) -> tuple[str, ...]:
    """Return what the index says of the projects and releases that a plan installs.

    That is a status other than active (PEP 792), and that a release was yanked (PEP 592).
    """
    notes = []
    for change in changes:
        answer = answers.get(change.id)
        if change.after is None or not isinstance(answer, ReleaseList):
            continue
        if answer.status.status:
            notes.append(f"The project {change.name} is {answer.status}")
        notes += [
            f"{change.name} {change.after} was yanked"
            f"{f': {release.yanked_reason}' if release.yanked_reason else ''}"
            for release in answer
            if release.version == change.after and release.yanked
        ]
    return tuple(notes)


NO_AGES = ReleaseAges(MinimumAge())
