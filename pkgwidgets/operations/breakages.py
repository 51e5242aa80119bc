"""Find the new versions to leave out, so that all packages can be imported."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.breakages import Breakage, reported_breakages
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Change, Plan, StepLimit
from pkgwidgets.core.restart import KERNEL_PACKAGES
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.updates import eligible_releases
from pkgwidgets.core.version_steps import exceeds

from .snapshot import EnvironmentSnapshot, ProjectResults

KERNEL_START = "a kernel"
"""The name under which a check reports that no kernel starts."""
_Modules = Mapping[NormalizedName, tuple[str, ...]]
_NAMED = re.compile(
    r"(?:No module named|cannot import name '\w+' from|^AttributeError: module)"
    r" (?:partially initialized module )?'([\w.]+)'"
)
"""The module that is missing, or that lacks a name: it may have been removed."""
_WORD = re.compile(r"[A-Za-z_][\w.]*")
_FIRST_NAME = re.compile(r":? ")
_PINNED = re.compile(r"([\w.-]+)==([^\s`'\",;)]+)")
_WHEEL = re.compile(r"([\w.]+)-([^\s/-]+)-[^\s/]*\.whl")
_NO_FAULT = re.compile(
    r"os error|error sending request|HTTP|timed? ?out|did not finish", re.IGNORECASE
)
"""Signs that not a release is at fault, but the disk, the network or a login."""
_MAX_CHARACTERS = 300
"""Characters of the installer's error that are kept with a release."""


def find_breakages(
    backend: Backend,
    plan: Plan,
    stage: Path | None,
    errors: Mapping[str, str],
    modules: _Modules,
) -> tuple[Breakage, ...]:
    """Return which new versions cause the errors of a check, by module, where that is known.

    It is the package that had the missing module or name, required or not. Else it is the package
    that cannot be imported, if its version is new. Else it is one of those that it requires.
    """
    search = _Search(backend, plan, stage)
    found = dict[tuple[NormalizedName, NormalizedName], Breakage]()
    for module, error in errors.items():
        owner = next((name for name, names in modules.items() if module in names), None)
        if module == KERNEL_START:
            owner = NormalizedName("ipykernel")
        for breakage in search.breakages(owner, error) if owner is not None else ():
            found.setdefault((breakage.culprit, breakage.broken), breakage)
    return tuple(found.values())


def failed_upgrades(
    snapshot: EnvironmentSnapshot, answers: ProjectResults, step: StepLimit | None = None
) -> Mapping[NormalizedName, str]:
    """Return the packages whose upgrade failed a check, with the reasons.

    An upgrade is tried again after a new release of either package, or if what it broke is newer.
    Where an index has no upload times, a release above those that the failed plan knew is new.
    A version that exceeds the `step` holds no smaller one back.
    """
    reasons = dict[NormalizedName, str]()
    for transaction in snapshot.backend.journal.transactions():
        for breakage in reported_breakages(transaction):
            installed = snapshot.versions.get(breakage.culprit)
            if installed is not None and exceeds(installed, breakage.culprit_version, step):
                continue
            if _still_applies(breakage, transaction, snapshot, answers):
                reasons[breakage.culprit] = breakage.reason
    return reasons


def blame_problems(plan: Plan, problems: Iterable[str]) -> tuple[Breakage, ...]:
    """Return the new versions that problems begin with, by name: those that are not intact."""
    texts = {canonicalize_name(_FIRST_NAME.split(text, maxsplit=1)[0]): text for text in problems}
    return tuple(
        _not_installed(change.id, version, texts[change.id])
        for change, version in _upgrades(plan)
        if change.id in texts
    )


def blame_installer(plan: Plan, output: str) -> tuple[Breakage, ...]:
    """Return the new versions that the installer names in its error.

    None if the disk, the network or a login is at fault.
    """
    if _NO_FAULT.search(output):
        return ()
    named = {
        (canonicalize_name(name.replace("_", "-")), version)
        for name, version in (*_PINNED.findall(output), *_WHEEL.findall(output))
    }
    text = " ".join(output.split()).rstrip(".")[:_MAX_CHARACTERS]
    return tuple(
        _not_installed(change.id, version, text)
        for change, version in _upgrades(plan)
        if (change.id, str(version)) in named
    )


def _upgrades(plan: Plan) -> Iterator[tuple[Change, Version]]:
    """Yield the changes that can be left out, of packages that could stay, with new versions."""
    for change in plan.changes:
        if change.before is not None and change.after is not None:
            yield change, change.after


def _not_installed(name: NormalizedName, version: Version, error: str) -> Breakage:
    return Breakage(
        culprit=name,
        culprit_version=version,
        broken=name,
        broken_version=version,
        error=error,
        is_installed=False,
    )


@dataclass(frozen=True)
class _Search:
    """The packages before and after a plan."""

    backend: Backend
    plan: Plan
    stage: Path | None

    def breakages(self, owner: NormalizedName, error: str) -> Iterator[Breakage]:
        """Yield the new versions with which `owner` has this error."""
        broken_version = self._versions_after.get(owner)
        if broken_version is None:
            return
        for culprit in sorted(self._culprits(owner, error)):
            yield Breakage(
                culprit=culprit,
                culprit_version=self._replaced[culprit],
                broken=owner,
                broken_version=broken_version,
                error=error,
            )

    def _culprits(self, owner: NormalizedName, error: str) -> Collection[NormalizedName]:
        named = self._owners(_NAMED.findall(error))
        if named or owner in self._replaced:
            return named or {owner}
        required = self._required(owner) & self._replaced.keys()
        if owner == "ipykernel":
            required |= {name for name in self._replaced if name in KERNEL_PACKAGES}
        if required:
            return required & self._owners(_WORD.findall(error)) or required
        return self._users_of(owner)

    def _owners(self, modules: Collection[str]) -> set[NormalizedName]:
        """Return the replaced packages that had one of these modules, or what contains it.

        Of `a.b.c`, the owner of `a.b` counts and not that of `a`, which may be a namespace.
        """
        owners = set[NormalizedName]()
        for module in modules:
            names, found = module, set[NormalizedName]()
            while names and not found:
                found = {owner for owner, had in self._old_modules.items() if names in had}
                names = names.rpartition(".")[0]
            owners |= found
        return owners

    def _users_of(self, owner: NormalizedName) -> set[NormalizedName]:
        """Return the replaced packages that bring a new one."""
        users, pending = {owner}, {owner}
        while pending and not users & self._replaced.keys():
            pending = {
                name for name in self._requirements if self._required(name) & pending
            } - users
            users |= pending
        return users & self._replaced.keys()

    def _required(self, name: NormalizedName) -> set[NormalizedName]:
        return set(dependency_graph.dependencies([name], {name: self._requirements.get(name, ())}))

    @cached_property
    def _replaced(self) -> dict[NormalizedName, Version]:
        """The new versions of packages that could stay as they are."""
        return {
            change.id: change.after
            for change in self.plan.changes
            if change.before is not None and change.after is not None
        }

    @cached_property
    def _old_modules(self) -> _Modules:
        return self.backend.records.modules(list(self._replaced))

    @cached_property
    def _versions_after(self) -> Mapping[NormalizedName, Version]:
        before = dependency_graph.installed_versions(self.backend.environment.distributions())
        return dependency_graph.versions_after(before, self.plan.changes)

    @cached_property
    def _requirements(self) -> dependency_graph.ActiveRequirements:
        staged = self.backend.records.staged(self.stage) if self.stage is not None else {}
        return dependency_graph.active_requirements(
            {**self.backend.environment.distributions(), **staged},
            self.backend.environment.interpreter.markers,
        )


def _still_applies(
    breakage: Breakage,
    transaction: Transaction,
    snapshot: EnvironmentSnapshot,
    answers: ProjectResults,
) -> bool:
    culprit = snapshot.versions.get(breakage.culprit)
    broken = snapshot.versions.get(breakage.broken)
    if culprit is None or culprit >= breakage.culprit_version:
        return False
    was_new = any(c.id == breakage.broken and c.before is None for c in transaction.changes)
    if not was_new if broken is None else broken > breakage.broken_version:
        return False
    held_back = {item.id: item.latest for item in transaction.plan.held_back}
    newest_known = max(
        breakage.culprit_version, held_back.get(breakage.culprit) or breakage.culprit_version
    )
    return not any(
        _has_release_since(snapshot, answers, name, transaction.started, tried)
        for name, tried in ((breakage.broken, None), (breakage.culprit, newest_known))
    )


def _has_release_since(
    snapshot: EnvironmentSnapshot,
    answers: ProjectResults,
    name: NormalizedName,
    since: datetime,
    newest_known: Version | None,
) -> bool:
    answer = answers.get(name, ())
    if isinstance(answer, PkgwidgetsError):
        return False
    interpreter = snapshot.backend.environment.interpreter
    releases = eligible_releases(answer, interpreter, installed=snapshot.versions.get(name))
    return any(
        release.uploaded > since
        if release.uploaded is not None
        else newest_known is not None and release.version > newest_known
        for release in releases
    )
