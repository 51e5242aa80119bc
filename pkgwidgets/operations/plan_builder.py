"""Turn a resolution into the changes of a plan, each with its wheel and hashes."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import compatible_wheels, why_incompatible
from pkgwidgets.core.environment import Unreadable
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    StillNeeded,
)
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import REINSTALLED, Report
from pkgwidgets.core.plans import AllowPolicy, Change, HeldBack, Plan
from pkgwidgets.core.projects import ProjectChange
from pkgwidgets.core.releases import ReleaseList
from pkgwidgets.core.text import escape_hidden, shorten_names

from . import undo
from .snapshot import EnvironmentSnapshot, ProjectResults

_MAX_NAMED_FILES = 5
"""A plan names so many edited files."""


def build_changes(
    snapshot: EnvironmentSnapshot,
    after: Mapping[NormalizedName, Version | None],
    targets: Collection[NormalizedName],
    answers: ProjectResults,
    report: Report,
) -> tuple[Change, ...]:
    """Turn a resolution into changes with their files, the requested ones first.

    Raises `PlanImpossible` if they would break a requirement that is met now: the resolver's
    answer is checked. Raises `EnvironmentRefused` for a change to an unreadable distribution.
    """
    changes = []
    base_distributions = snapshot.base_distributions
    startup_files = snapshot.backend.records.startup_files(tuple(after))
    for name, version in sorted(after.items(), key=lambda item: (item[0] not in targets, item[0])):
        distribution = snapshot.distributions.get(name)
        if distribution is not None and distribution.version == version:
            continue  # installed already, in a folder that the installer does not see
        if name in base_distributions:
            if snapshot.hides_environment(name):
                reason = (
                    f"{name} cannot be changed: {snapshot.pinned[name]}. Python imports it first"
                )
                raise EnvironmentRefused(snapshot.python, reason)
            distribution = None  # it stays, and the one in the environment takes its place
        unreadable = snapshot.installed.get(name)
        if isinstance(unreadable, Unreadable):
            reason = f"{name} cannot be changed: unreadable metadata ({unreadable.reason})"
            raise EnvironmentRefused(snapshot.python, reason)
        changes.append(
            Change(
                id=name,
                name=distribution.name if distribution is not None else name,
                before=distribution.version if distribution is not None else None,
                after=version,
                requested=name in targets,
                requested_after=distribution.requested
                if distribution is not None
                else name in targets,
                reason="" if name in targets else _side_effect_reason(name, after, snapshot),
                startup_files=startup_files.get(name, ()) if version is not None else (),
            )
        )
    _check_unbroken(snapshot, changes)
    missing = [change.id for change in changes if change.id not in answers]
    other_answers = (
        snapshot.backend.index.releases_of(IndexQuery(missing), report) if missing else {}
    )
    return attach_wheels(snapshot, changes, {**answers, **other_answers})


def attach_wheels(
    snapshot: EnvironmentSnapshot, changes: Iterable[Change], answers: ProjectResults
) -> tuple[Change, ...]:
    """Add to each change the expected wheel and the hashes of all compatible wheels.

    Raises the error of the index, `PlanImpossible` if no wheel is compatible, `ProjectNotFound`
    if the index lacks the version.
    """
    interpreter = snapshot.backend.environment.interpreter
    out = []
    for change in changes:
        if change.after is not None:
            answer = answers[change.id]
            if isinstance(answer, PkgwidgetsError):
                raise answer
            if isinstance(answer, ReleaseList) and answer.status.is_quarantined:
                why = f"{change.id} cannot be installed: the index lists it as {answer.status}."
                raise PlanImpossible((f"{change.id}=={change.after}",), why, has_no_release=True)
            release = next((r for r in answer if r.version == change.after), None)
            wheels = compatible_wheels(release, interpreter) if release is not None else ()
            if release is not None and not wheels:
                why = f"{change.id} {change.after} {why_incompatible(release, interpreter)}."
                raise PlanImpossible((f"{change.id}=={change.after}",), why, has_no_release=True)
            if not wheels:
                url = snapshot.backend.index.url
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


def build_plan(
    snapshot: EnvironmentSnapshot,
    requested: tuple[str, ...],
    changes: Sequence[Change],
    *,
    held_back: tuple[HeldBack, ...] = (),
    allow: AllowPolicy = "dependencies",
    undoes: str | None = None,
    from_save_point: bool = False,
    notes: tuple[str, ...] = (),
    project: ProjectChange | None = None,
) -> Plan:
    """Return the plan of these changes, tied to the environment as it is now.

    Its notes warn of a project whose tool would revert them, unless they change the `project`, too.
    An undo may do the same as the tool.
    """
    is_reverted = bool(changes) and undoes is None and project is None
    owner = snapshot.backend.project() if is_reverted else None
    return Plan(
        requested=requested,
        changes=tuple(changes),
        held_back=held_back,
        environment_fingerprint=snapshot.fingerprint(changes),
        python=snapshot.python,
        created=datetime.now(UTC),
        allow=allow,
        commands=equivalent_commands(snapshot, changes),
        undoes=undoes,
        from_save_point=from_save_point,
        notes=(
            *(snapshot.access_notes if changes else ()),
            *notes,
            *(() if from_save_point else _notes(snapshot, changes)),
            *(() if owner is None else (owner.warning,)),
        ),
        project=project,
    )


def _notes(snapshot: EnvironmentSnapshot, changes: Sequence[Change]) -> Iterator[str]:
    """Yield what the changes clear away or overwrite, and what about them is unknown."""
    replaced = [change.id for change in changes if change.before is not None]
    for name in replaced:
        for leftover in snapshot.distributions[name].leftovers:
            text = escape_hidden(leftover.name)
            yield f"{text} is removed too: an interrupted uninstallation left it"
    unreadable = [
        name
        for name, distribution in snapshot.installed.items()
        if isinstance(distribution, Unreadable) and not distribution.requires
    ]
    if replaced and unreadable:
        names = shorten_names(unreadable)
        yield f"What {names} requires is unknown: the metadata cannot be read"
    yield from map(_prerelease_note, filter(_enters_prerelease, changes))
    edited = _edited_file_notes(snapshot, replaced)
    for clause in undo.later_changes(snapshot.backend, changes):
        if REINSTALLED in clause or not edited:
            yield clause
    yield from edited


def _enters_prerelease(change: Change) -> bool:
    """Return whether a pre-release comes after a final release, or after none."""
    was_prerelease = change.before is not None and change.before.is_prerelease
    return change.after is not None and change.after.is_prerelease and not was_prerelease


def _prerelease_note(change: Change) -> str:
    """Name a pre-release: uv takes one if no final release meets the requirements."""
    return f"{change.name} {change.after} is a pre-release"


def _edited_file_notes(
    snapshot: EnvironmentSnapshot, names: Sequence[NormalizedName]
) -> tuple[str, ...]:
    """Name the edited files that the plan replaces or removes."""
    edited = snapshot.backend.records.edited_files(names)
    prefix = snapshot.backend.environment.interpreter.prefix
    notes = []
    for path, kept in [*edited.items()][:_MAX_NAMED_FILES]:
        what_happens = f"kept as {kept.name!a}" if kept is not None else "not kept"
        notes.append(
            f"{str(path.relative_to(prefix))!a} was edited: your version is {what_happens}"
        )
    if len(edited) > _MAX_NAMED_FILES:
        notes.append(f"{len(edited) - _MAX_NAMED_FILES} more files were edited")
    return tuple(notes)


def equivalent_commands(
    snapshot: EnvironmentSnapshot, changes: Sequence[Change]
) -> tuple[str, ...]:
    """Return the shell commands that would make the same changes."""
    python = shlex.quote(str(snapshot.python))
    uninstalled = [change.id for change in changes if change.after is None]
    pins = [f"{change.id}=={change.after}" for change in changes if change.after is not None]
    commands = []
    if uninstalled:
        commands.append(f"uv pip uninstall --python {python} {' '.join(uninstalled)}")
    if pins:
        commands.append(f"uv pip install --python {python} --no-deps {' '.join(pins)}")
    return tuple(commands)


def check_still_met(
    snapshot: EnvironmentSnapshot,
    changes: Sequence[Change],
    required: dependency_graph.ActiveRequirements,
) -> None:
    """Raise `StillNeeded` if the changes leave a requirement of other packages unmet."""
    broken = dependency_graph.broken_by(changes, required, snapshot.versions)
    if broken:
        required_names = {canonicalize_name(Requirement(p.requirement).name) for p in broken}
        names = tuple(change.id for change in changes if change.id in required_names)
        owners = tuple(sorted({problem.id for problem in broken}))
        kept = {change.id for change in changes if change.after is not None}
        requirements = {f"{p.id} requires {p.requirement}" for p in broken} if kept else ()
        raise StillNeeded(names, owners, tuple(sorted(requirements)))


def raise_first_error(answers: ProjectResults) -> None:
    """Raise the first answer that is an error; for names that the user gave one by one."""
    for answer in answers.values():
        if isinstance(answer, PkgwidgetsError):
            raise answer


def raise_if_all_failed(answers: ProjectResults, kind: type[PkgwidgetsError]) -> None:
    """Raise the first answer if all are errors of a kind; else the others can be planned."""
    if all(isinstance(answer, kind) for answer in answers.values()):
        raise_first_error(answers)


def _side_effect_reason(
    name: NormalizedName,
    after: Mapping[NormalizedName, Version | None],
    snapshot: EnvironmentSnapshot,
) -> str:
    """Name the changing package that needs a side effect."""
    owners = [
        owner
        for owner in dependency_graph.dependents([name], snapshot.active_requirements)
        if owner in after
    ]
    return f"needed by {owners[0]}" if len(owners) == 1 else "needed by the other changes"


def _check_unbroken(snapshot: EnvironmentSnapshot, changes: Sequence[Change]) -> None:
    broken = dependency_graph.broken_by(changes, snapshot.active_requirements, snapshot.versions)
    if broken:
        names = tuple(sorted(change.id for change in changes))
        raise PlanImpossible(names, f"{'; '.join(sorted(map(str, broken)))}.")
