"""Find the smallest safe release: without a known vulnerability, and allowed by the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from packaging.requirements import Requirement
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.advisories import Effect, group_by_alias, worst_effect
from pkgwidgets.core.advisory_sources import AdvisoryAnswer, AdvisorySource
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, ProjectResult, Report
from pkgwidgets.core.last_check import AnswerTimes
from pkgwidgets.core.limits import Limits, without_repeats
from pkgwidgets.core.updates import eligible_releases

from .known_advisories import KnownAdvisories, ask_sources
from .known_rows import answer_times

_MAX_CONFIRMATIONS = 20
"""Releases of one package for which a source is asked that knows only single versions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SafeStep:
    """The smallest safe release of a package; what blocks a smaller one; what is unknown."""

    version: Version | None = None
    blocked_by: str = ""
    problem: str = ""


class SafeSteps:
    """The smallest safe releases of the packages that have a known vulnerability."""

    def __init__(
        self,
        backend: Backend,
        sources: Sequence[AdvisorySource],
        suspects: Mapping[NormalizedName, Version],
        known: Mapping[NormalizedName, KnownAdvisories],
        report: Report,
    ) -> None:
        self._backend, self._report, self._suspects = backend, report, suspects
        self._whole = [source for source in sources if source.knows_projects]
        self._partial = [source for source in sources if not source.knows_projects]
        self._known = dict(known)
        self._holds_until: list[datetime | None] = [None] if self._partial and suspects else []
        self._answers: Mapping[NormalizedName, ProjectResult] = {}
        if suspects:
            self._ask_for_all_versions()
            self._answers = backend.index.releases_of(IndexQuery(tuple(suspects)), report)
        self._steps: dict[NormalizedName, SafeStep] = {}
        self._confirmations = Counter[NormalizedName]()

    @cached_property
    def _limits(self) -> Limits:
        return self._backend.limits()

    @cached_property
    def _installed(self) -> dependency_graph.Installed:
        """What is installed, with requirements: read only if a package needs a step."""
        return self._backend.environment.distributions()

    @cached_property
    def _settings(self) -> dict[NormalizedName, tuple[Requirement, ...]]:
        markers = self._backend.environment.interpreter.markers
        versions = dependency_graph.installed_versions(self._installed)
        return dict(self._limits.by_setting(versions, markers))

    @cached_property
    def _requirements_on(
        self,
    ) -> Mapping[NormalizedName, Mapping[NormalizedName, Sequence[Requirement]]]:
        """What limits each project. It takes half of an audit, so only if there is a candidate."""
        markers = self._backend.environment.interpreter.markers
        required = dependency_graph.active_requirements(
            self._installed, markers, self._limits.requires_of
        )
        return dependency_graph.reverse_requirements({**required, **self._settings})

    def _ask_for_all_versions(self) -> None:
        """Ask for the advisories of every version: later ones may have others."""
        now = datetime.now(UTC)
        answers = ask_sources(self._whole, dict.fromkeys(self._suspects), now, self._report)
        for name, whole in answers.items():
            partial = self._known[name]
            self._holds_until.append(whole.holds_until)
            records = [
                advisory
                for group in (*partial.groups, *whole.groups)
                for advisory in group.advisories
            ]
            self._known[name] = KnownAdvisories(
                groups=group_by_alias(records), failures=(*partial.failures, *whole.failures)
            )

    @property
    def holds_until(self) -> tuple[datetime | None, ...]:
        """Until when the sources would say the same of all versions; None is unknown."""
        return tuple(self._holds_until)

    @property
    def index_times(self) -> AnswerTimes | None:
        """The times of the answers of the index; None if its cache does not hold all of them."""
        return answer_times(self._answers)

    def of(self, name: NormalizedName) -> SafeStep:
        """Return the step of a package, computed once."""
        if name not in self._steps:
            self._steps[name] = self._find(name)
        return self._steps[name]

    def _find(self, name: NormalizedName) -> SafeStep:
        answer = self._answers.get(name, ())
        if isinstance(answer, PkgwidgetsError):
            return SafeStep(problem=answer.clause())
        if self._known[name].failures:
            return SafeStep(problem="so no version is known to be safe")
        blocked_by = ""
        candidates = self._candidates(name, answer)
        limits = self._requirements_on.get(name, {}) if candidates else {}
        for version in candidates:
            if not self._is_unaffected(name, version):
                continue
            owners = dependency_graph.conflicting(name, version, limits)
            if not owners:
                return SafeStep(version=version, blocked_by=blocked_by)
            named = without_repeats(owners, self._settings)
            blocked_by = blocked_by or ", ".join(f"{owner} ({why})" for owner, why in named.items())
        return SafeStep(blocked_by=blocked_by)

    def _candidates(self, name: NormalizedName, answer: ProjectResult) -> list[Version]:
        """Return the eligible releases above the installed one, the smallest first."""
        if isinstance(answer, PkgwidgetsError):
            return []
        installed = self._suspects[name]
        releases = eligible_releases(
            answer,
            self._backend.environment.interpreter,
            counts=lambda version: self._limits.counts(name, version, installed),
        )
        return sorted(release.version for release in releases if release.version > installed)

    def _is_unaffected(self, name: NormalizedName, version: Version) -> bool:
        """Tell whether no advisory affects a version; partial sources are queried about it."""
        if worst_effect(self._known[name].groups, name, version) is not Effect.NOT_AFFECTED:
            return False
        for source in self._partial:
            self._confirmations[name] += 1
            if self._confirmations[name] > _MAX_CONFIRMATIONS:
                return False
            answer = source.advisories_of({name: version}, self._report).get(name)
            if not isinstance(answer, AdvisoryAnswer):
                return False
            groups = group_by_alias(answer.advisories)
            if worst_effect(groups, name, version) is not Effect.NOT_AFFECTED:
                return False
        return True
