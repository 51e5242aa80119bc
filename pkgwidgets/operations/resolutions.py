"""Ask the installer for resolutions, and work around what it cannot read.

One page, file or METADATA must not stop every plan. After a failure the installer is asked again.
It is asked without the package whose page failed, or without the version whose file failed. Or it
gets pkgwidgets' own reading of the installed metadata. What failed is remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from time import monotonic
from typing import TypeVar

from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.dependency_graph import parse_requirement
from pkgwidgets.core.errors import (
    IndexUnavailable,
    PkgwidgetsError,
    PlanImpossible,
    ResolutionFailed,
)
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.installed_metadata import replaced_metadata
from pkgwidgets.core.interfaces import Backend, ProjectResult, ResolveRequest, mentioned_names
from pkgwidgets.core.limits import Limit, Limits
from pkgwidgets.core.plans import Change, HeldBack
from pkgwidgets.core.releases import ReleaseList
from pkgwidgets.core.updates import is_eligible

from .release_ages import ReleaseAges
from .snapshot import EnvironmentSnapshot

_MAX_WORKAROUNDS = 20
_MAX_WORKAROUND_SECONDS = 60.0
"""After that time no failure is worked around: the whole index may be slow."""

Resolution = Mapping[NormalizedName, Version | None]
"""The new version of each package that would change; None if it is uninstalled."""

_T = TypeVar("_T")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Resolutions:
    """The installer, as one plan asks it.

    Packages in `requested` are never left out. Releases that `ages` finds too young are not
    chosen. With `avoids_prereleases` a package rather stays
    behind than that another one becomes a pre-release that no setting allows.
    """

    def __init__(
        self,
        backend: Backend,
        requested: Collection[NormalizedName] = (),
        *,
        avoids_prereleases: bool = False,
        ages: ReleaseAges | None = None,
    ) -> None:
        self._backend = backend
        self._installer = backend.installer
        self._requested = frozenset(requested)
        self._avoids_prereleases = avoids_prereleases
        self._ages = ReleaseAges.of(backend) if ages is None else ages
        self._young: dict[NormalizedName, tuple[Limit, ...]] = {}
        """The limits of projects that resolutions chose, by the minimum age."""
        self._replaces_all_metadata = False
        self._until: float | None = None
        self.unreadable_pages: dict[NormalizedName, IndexUnavailable] = {}
        """Installed packages that are left out, with the failures."""
        self.unusable_files: dict[tuple[NormalizedName, Version], IndexUnavailable] = {}
        """Versions that are left out, with the failures."""

    def resolve(
        self,
        snapshot: EnvironmentSnapshot,
        *,
        configured: Limits,
        instead: Mapping[NormalizedName, str] | None = None,
        added: tuple[str, ...] = (),
        keep: tuple[str, ...] = (),
        prefer: tuple[str, ...] = (),
        upgrade: tuple[NormalizedName, ...] = (),
    ) -> Resolution:
        """Resolve everything that is installed, `added` requirements and `instead` of others.

        The requested ones come first: the installer gives them the newest versions it can.
        `prefer` are exact versions that change only if there is no solution with them. Raises
        `PlanImpossible`, `IndexUnavailable`, `ResolutionFailed`.
        """
        while True:
            limits = self._with_ages(configured)
            resolution = self._resolve(
                snapshot,
                limits,
                instead or {},
                added=added,
                keep=keep,
                prefer=prefer,
                upgrade=upgrade,
            )
            if not self._finds_young(snapshot, resolution):
                return resolution

    def _with_ages(self, configured: Limits) -> Limits:
        young = (limit for limits in self._young.values() for limit in limits)
        return replace(
            configured, constraints=tuple(dict.fromkeys((*configured.constraints, *young)))
        )

    def _finds_young(self, snapshot: EnvironmentSnapshot, resolution: Resolution) -> bool:
        """Look at the ages of chosen projects that were not looked at; tell whether one is young.

        The releases of a new dependency are known only after it was chosen.
        """
        chosen = [name for name, version in resolution.items() if version is not None]
        unknown = [name for name in chosen if name not in self._young] if self._ages else []
        if not unknown:
            return False
        answers = self._backend.index.releases_of(IndexQuery(unknown))
        found = False
        for name in unknown:
            limits = self._ages.limits({name: answers[name]}, snapshot.versions)
            self._young[name] = limits
            forbidden = (parse_requirement(limit.requirement) for limit in limits)
            found |= any(
                requirement is not None
                and not requirement.specifier.contains(str(resolution[name]), prereleases=True)
                for requirement in forbidden
            )
        return found

    def _resolve(
        self,
        snapshot: EnvironmentSnapshot,
        configured: Limits,
        instead: Mapping[NormalizedName, str],
        *,
        added: tuple[str, ...],
        keep: tuple[str, ...],
        prefer: tuple[str, ...],
        upgrade: tuple[NormalizedName, ...],
    ) -> Resolution:
        def resolve_once(limits: Limits, preferred: tuple[str, ...]) -> Resolution:
            ignored = tuple(self.unreadable_pages)
            request = ResolveRequest(
                requirements=(*added, *snapshot.requirements(instead, ignored)),
                keep=(*keep, *preferred),
                upgrade=tuple(name for name in upgrade if name not in self.unreadable_pages),
                constraints=(*snapshot.outside_requirements, *self._excluded_versions),
                configured=limits,
                ignored=ignored,
                metadata=replaced_metadata(
                    snapshot.installed,
                    snapshot.active_requirements,
                    snapshot.unmet,
                    everything=self._replaces_all_metadata,
                ),
            )
            return self._installer.resolve(request)

        limits = [configured]
        if self._avoids_prereleases:
            limits.insert(0, configured.without_fallback(snapshot.versions))
        *attempts, last_attempt = dict.fromkeys(product(limits, (prefer, ())))
        for attempt in attempts:
            with suppress(PlanImpossible):
                return self._with_our_reading(snapshot, partial(resolve_once, *attempt))
        return self._with_our_reading(snapshot, partial(resolve_once, *last_attempt))

    def _with_our_reading(
        self, snapshot: EnvironmentSnapshot, ask: Callable[[], Resolution]
    ) -> Resolution:
        """Ask once more with all metadata replaced if the installer reads it otherwise than we do.

        It may miss a requirement. Or it refuses an installed release that is for other Pythons.
        """
        may_differ = not self._replaces_all_metadata
        try:
            resolution = self._with_workarounds(snapshot, ask)
        except PlanImpossible:
            if not may_differ:
                raise
        else:
            if not (may_differ and _breaks(snapshot, resolution)):
                return resolution
        self.replace_all_metadata()
        return self._with_workarounds(snapshot, ask)

    def dependencies(
        self, snapshot: EnvironmentSnapshot, requirement: str, configured: Limits
    ) -> frozenset[NormalizedName]:
        """Return all direct and indirect dependencies of a requirement; raise as `resolve`.

        Installed ones of which the index no longer has that version may be missing.
        """
        gone: set[NormalizedName] = set()

        def ask() -> frozenset[NormalizedName]:
            ignored = (*self.unreadable_pages, *gone)
            return self._installer.dependencies(
                requirement,
                constraints=self._excluded_versions,
                ignored=ignored,
                configured=self._with_ages(configured),
            )

        while True:
            try:
                return self._with_workarounds(snapshot, ask)
            except PlanImpossible as error:
                # The installer looks at the index alone, and not at what is installed.
                more = self._gone(snapshot, error.explanation) - gone
                if not more:
                    raise
                gone.update(more)

    def _gone(self, snapshot: EnvironmentSnapshot, explanation: str) -> set[NormalizedName]:
        """Return the installed packages in an explanation whose version the index has not."""
        words = set(_NAME.findall(explanation))
        names = [name for name in snapshot.versions if name in words - self._requested]
        answers = self._backend.index.releases_of(IndexQuery(names)) if names else {}
        interpreter = self._backend.environment.interpreter
        return {
            name
            for name, answer in answers.items()
            if isinstance(answer, PkgwidgetsError)
            or not any(
                release.version == snapshot.versions[name] and is_eligible(release, interpreter)
                for release in answer
            )
        }

    def _page_failures(
        self, snapshot: EnvironmentSnapshot
    ) -> dict[NormalizedName, IndexUnavailable]:
        """Return the installed packages whose pages our client cannot read either.

        They are left out together: the installer names one failure each time. Raises
        `IndexUnavailable` if the index answers for no project, because then it is down.
        """
        names = tuple(dict.fromkeys((*snapshot.versions, *self._requested)))
        answers = self._backend.index.releases_of(IndexQuery(names))
        failures = {
            name: answer for name, answer in answers.items() if isinstance(answer, IndexUnavailable)
        }
        if failures and all(map(_is_failed, answers.values())):
            raise next(iter(failures.values()))
        return {
            name: error
            for name, error in failures.items()
            if name in snapshot.versions and name not in self._requested
        }

    def left_out_reports(
        self, snapshot: EnvironmentSnapshot, named: Collection[NormalizedName] = ()
    ) -> tuple[HeldBack, ...]:
        """Return the installed packages that were left out as held back, without `named` ones."""
        return tuple(
            HeldBack(
                id=name,
                name=snapshot.distributions[name].name,
                kept_version=snapshot.versions[name],
                latest=None,
                reason=error.clause(),
            )
            for name, error in self.unreadable_pages.items()
            if name not in named
        )

    def replace_all_metadata(self) -> None:
        """Let the installer read no METADATA of what is installed from now on."""
        self._replaces_all_metadata = True

    @property
    def _excluded_versions(self) -> tuple[str, ...]:
        return tuple(f"{name}!={version.public}" for name, version in self.unusable_files)

    def _with_workarounds(self, snapshot: EnvironmentSnapshot, ask: Callable[[], _T]) -> _T:
        if self._until is None:
            self._until = monotonic() + _MAX_WORKAROUND_SECONDS
        while True:
            try:
                return ask()
            except IndexUnavailable as error:
                if not self._leaves_out(snapshot, error):
                    raise
            except ResolutionFailed:
                if self._replaces_all_metadata:
                    raise
                self.replace_all_metadata()
            except PlanImpossible as error:
                # Without a version that was left out there may be no solution.
                for (name, _), failure in self.unusable_files.items():
                    if name in mentioned_names(error.explanation):
                        raise failure from error
                raise

    def _leaves_out(self, snapshot: EnvironmentSnapshot, error: IndexUnavailable) -> bool:
        """Remember to leave out the page or file of a failure; tell whether that may help."""
        count = len(self.unreadable_pages) + len(self.unusable_files)
        is_late = self._until is not None and monotonic() > self._until
        if not error.project or is_late or count >= _MAX_WORKAROUNDS:
            return False
        name = canonicalize_name(error.project)
        if name in self._requested:
            return False
        if not error.file:
            if name not in snapshot.versions or name in self.unreadable_pages:
                return False
            if not self.unreadable_pages:
                self.unreadable_pages |= self._page_failures(snapshot)
            self.unreadable_pages[name] = error
            return True
        version = _wheel_version(error.file)
        if version is None or (name, version) in self.unusable_files:
            return False
        self.unusable_files[name, version] = error
        return True


def _is_failed(answer: ProjectResult) -> bool:
    """Tell whether the index gave no new answer for a project."""
    if isinstance(answer, ReleaseList):
        return bool(answer.stale_reason)
    return isinstance(answer, IndexUnavailable)


def _breaks(snapshot: EnvironmentSnapshot, resolution: Resolution) -> bool:
    changes = [Change(id=name, name=name, after=version) for name, version in resolution.items()]
    return bool(
        dependency_graph.broken_by(changes, snapshot.active_requirements, snapshot.versions)
    )


def _wheel_version(file: str) -> Version | None:
    with suppress(InvalidWheelFilename, InvalidVersion, ValueError):
        return parse_wheel_filename(file)[1]
    return None
