"""The environment that a plan is made for, read once, and what can be said of changes to it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.core import changes
from pkgwidgets.core.distributions import DIRECT_URL, Distribution, Id, Origin, Unreadable
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
)
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Change, HeldBack, Plan
from pkgwidgets.core.releases import Release
from pkgwidgets.core.versions import fitting_wheels

from . import recovery

FOREIGN = {
    Origin.EDITABLE: "it is editable: changed where it lives",
    Origin.URL: "it was installed from a URL",
    Origin.VCS: "it was installed from a repository",
    Origin.CONDA: "it belongs to conda",
    Origin.SYSTEM: "it belongs to the system",
}
"""Why a distribution that did not come from an index is listed and never changed."""
_OUTSIDE = "it lies outside of this environment, in {}"
_LEGACY = "it has no RECORD, being an egg-info: its files are unknown"

Answers = Mapping[Id, Sequence[Release] | PkgwidgetsError]
"""What the index said of each project."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The environment that a plan is made for, read once."""

    backend: Backend
    installed: changes.Installed
    distributions: Mapping[Id, Distribution]
    versions: Mapping[Id, Version]
    needs: changes.Needs
    unmet: frozenset[changes.Unmet]
    fixed: Mapping[Id, str]
    """What is listed and never changed, and why."""

    @classmethod
    def of(cls, backend: Backend) -> Situation:
        """Read it; raises `EnvironmentRefused` if nothing may be changed, `EnvironmentBusy`.

        What a crash left is put back first: no plan is made on half an environment. A spoilt
        direct_url.json stops every plan, because the installer reads them all and stops, too.
        """
        reason = backend.environment.refusal()
        if reason is not None:
            raise EnvironmentRefused(backend.environment.interpreter.python, reason)
        recovery.recover_left(backend)
        installed = backend.environment.distributions()
        needs = changes.needs(installed, backend.environment.interpreter.markers)
        versions = changes.versions(installed)
        distributions = changes.readable(installed)
        unmet = changes.unmet(needs, versions)
        own = set(backend.environment.interpreter.scheme.values())
        _raise_if_spoilt(backend, installed, own)
        fixed = {
            id: _foreign(found, own)
            for id, found in distributions.items()
            if found.origin is not Origin.INDEX
        }
        return cls(backend, installed, distributions, versions, needs, unmet, fixed)

    def fingerprint(self, moved: Iterable[Change]) -> str:
        """Return what a plan of these changes is tied to: what is installed, and its files."""
        ids = [change.id for change in moved if change.before is not None]
        return changes.fingerprint(self.installed, stamps(self.backend, ids))

    @property
    def python(self) -> Path:
        """The interpreter whose environment it is."""
        return self.backend.environment.interpreter.python

    def upgradable(self, ids: Collection[Id] | None) -> tuple[Id, ...]:
        """Return what may be changed of these; a named one that may not is an error."""
        if ids is None:
            return tuple(id for id in self.distributions if id not in self.fixed)
        for id in ids:
            found = self.installed.get(id)
            if found is None:
                raise PackageNotFound(id)
            if isinstance(found, Unreadable):
                reason = f"{id} cannot be changed: it is unreadable ({found.reason})"
                raise EnvironmentRefused(self.python, reason)
            if id in self.fixed:
                reason = f"{id} cannot be changed: {self.fixed[id]}"
                raise EnvironmentRefused(self.python, reason)
        return tuple(ids)

    def raise_if_fixed(self, ids: Collection[Id], leaving: Collection[Id] = ()) -> None:
        """Raise `EnvironmentRefused` if the files of any of these cannot be changed."""
        known = [id for id in ids if id in self.distributions]
        for id, reason in self.backend.records.refusals(known, leaving).items():
            raise EnvironmentRefused(self.python, f"{id} cannot be changed: {reason}")

    def without(self, reasons: Mapping[Id, str]) -> Situation:
        """Return the same with more that is never changed."""
        return replace(self, fixed={**self.fixed, **reasons})

    def foreign(self, known: Situation | None = None) -> tuple[HeldBack, ...]:
        """Return what is never changed, with the reasons; only what was not so in `known`."""
        new = {id: why for id, why in self.fixed.items() if known is None or id not in known.fixed}
        return tuple(
            HeldBack(
                id=id,
                name=self.distributions[id].name,
                stays=self.versions[id],
                latest=None,
                reason=reason,
            )
            for id, reason in sorted(new.items())
        )

    def requirements(self, instead: Mapping[Id, str]) -> tuple[str, ...]:
        """Name everything installed, so that the resolver protects it.

        A distribution that is broken already is represented by those of its requirements that
        are met: what is whole stays so, and what is not stands in nobody's way.
        """
        broken = {problem.id for problem in self.unmet}
        broken |= {
            id for id, d in self.distributions.items() if None in map(changes.parsed, d.requires)
        }
        broken -= set(instead)
        # What depends on a broken one would lead the resolver back to it.
        while more := set(changes.dependents(broken, self.needs)) - broken - set(instead):
            broken |= more
        broken |= self._elsewhere
        unmet = {(problem.id, problem.requirement) for problem in self.unmet}
        lines = [instead.get(id, id) for id in self.distributions if id not in broken]
        for id in sorted(broken - self._elsewhere):
            lines += [
                text
                for requirement in self.needs[id]
                if (id, text := changes.plain(requirement)) not in unmet
                and canonicalize_name(requirement.name) not in broken
            ]
        return tuple(lines)

    @property
    def _elsewhere(self) -> set[Id]:
        """What lies outside of this environment's own folders: the installer does not see it."""
        return {id for id, d in self.distributions.items() if d.origin is Origin.SYSTEM}

    def pins(self, movable: Collection[Id], *, free: bool = False) -> tuple[str, ...]:
        """Return exact versions for all that may not move; with `free`, for what never may."""
        return tuple(
            f"{id}=={found.version}"
            for id, found in self.distributions.items()
            if id in self.fixed or not (free or id in movable)
        )


def _raise_if_spoilt(backend: Backend, installed: changes.Installed, own: set[Path]) -> None:
    for id, found in installed.items():
        spoilt = isinstance(found, Unreadable) and found.reason.startswith(DIRECT_URL)
        if isinstance(found, Unreadable) and spoilt and found.path.parent in own:
            reason = f"{found.path.name}/{found.reason}; mend it, or install {id} anew"
            raise EnvironmentRefused(backend.environment.interpreter.python, reason)


def _foreign(found: Distribution, own: Collection[Path]) -> str:
    """Say why a distribution that did not come from an index is never changed."""
    if found.path.parent not in own:
        return _OUTSIDE.format(found.path.parent)
    return _LEGACY if found.path.name.endswith(".egg-info") else FOREIGN[found.origin]


def stamps(backend: Backend, ids: Collection[Id]) -> Mapping[str, str]:
    """Return what else must not have changed: the environment's own, and the files of these."""
    files = {f"a file of {id}": text for id, text in backend.records.stamps(ids).items()}
    return {**backend.environment.stamps(), **files}


def moved_since(backend: Backend, plan: Plan) -> tuple[str, ...]:
    """Say what is not as it was when the plan was made; nothing, if all is."""
    ids = [change.id for change in plan.changes if change.before is not None]
    installed = backend.environment.distributions()
    return changes.moved_since(plan.environment, installed, stamps(backend, ids))


def described(
    situation: Situation,
    after: Mapping[Id, Version | None],
    targets: Collection[Id],
    answers: Answers,
    report: Report,
) -> tuple[Change, ...]:
    """Turn what would change into changes with their files, the requested first.

    Raises `PlanImpossible` if it would break what is whole now: the last word is our own.
    """
    moved = []
    starts = situation.backend.records.starts(tuple(after))
    for id, version in sorted(after.items(), key=lambda item: (item[0] not in targets, item[0])):
        known = situation.distributions.get(id)
        if known is not None and known.version == version:
            continue  # it is there, in a folder that the installer does not see
        spoilt = situation.installed.get(id)
        if isinstance(spoilt, Unreadable):
            reason = f"{id} would be installed over what cannot be read: {spoilt.reason}"
            raise EnvironmentRefused(situation.python, reason)
        moved.append(
            Change(
                id=id,
                name=known.name if known is not None else id,
                before=known.version if known is not None else None,
                after=version,
                requested=id in targets,
                marked=known.requested if known is not None else id in targets,
                because="" if id in targets else _because(id, after, situation),
                starts=starts.get(id, ()) if version is not None else (),
            )
        )
    _raise_if_broken(situation, moved)
    missing = [change.id for change in moved if change.id not in answers]
    more = situation.backend.index.releases_of(missing, report) if missing else {}
    return with_files(situation, moved, {**answers, **more})


def with_files(
    situation: Situation, moved: Iterable[Change], answers: Answers
) -> tuple[Change, ...]:
    """Add the wheel that is expected and the hashes of all that fit; raises what the index said."""
    interpreter = situation.backend.environment.interpreter
    out = []
    for change in moved:
        if change.after is not None:
            answer = answers[change.id]
            if isinstance(answer, PkgwidgetsError):
                raise answer
            release = next((r for r in answer if r.version == change.after), None)
            wheels = fitting_wheels(release, interpreter) if release is not None else ()
            if release is not None and not wheels:
                why = f"{change.id} {change.after} has no wheel for this Python."
                raise PlanImpossible((f"{change.id}=={change.after}",), why)
            if not wheels:
                url = situation.backend.index.url
                raise ProjectNotFound(f"{change.id} {change.after}", url)
            change = replace(
                change,
                wheel=wheels[0].filename,
                sha256=wheels[0].sha256,
                size=wheels[0].size,
                hashes=tuple(w.sha256 for w in wheels if w.sha256),
            )
        out.append(change)
    return tuple(out)


def commands(situation: Situation, moved: Sequence[Change]) -> tuple[str, ...]:
    """Return what would do the same in a terminal."""
    python = shlex.quote(str(situation.python))
    gone = [change.id for change in moved if change.after is None]
    pins = [f"{change.id}=={change.after}" for change in moved if change.after is not None]
    said = []
    if gone:
        said.append(f"uv pip uninstall --python {python} {' '.join(gone)}")
    if pins:
        said.append(f"uv pip install --python {python} --no-deps {' '.join(pins)}")
    return tuple(said)


def raise_first(answers: Answers) -> None:
    """Raise the first answer that is an error: for names that were asked for one by one."""
    for answer in answers.values():
        if isinstance(answer, PkgwidgetsError):
            raise answer


def _because(id: Id, after: Mapping[Id, Version | None], situation: Situation) -> str:
    """Name who needs a side effect, among what else changes."""
    owners = [owner for owner in changes.dependents([id], situation.needs) if owner in after]
    return f"{', '.join(owners)} needs it" if len(owners) == 1 else "it goes with the rest"


def _raise_if_broken(situation: Situation, moved: Sequence[Change]) -> None:
    ids = {change.id for change in moved}
    fixed = {id: required for id, required in situation.needs.items() if id not in ids}
    broken = changes.unmet(fixed, changes.applied(situation.versions, moved)) - situation.unmet
    if broken:
        raise PlanImpossible(tuple(sorted(ids)), f"{'; '.join(sorted(map(str, broken)))}.")
