"""Turn the resolver's answer into the changes of a plan, each with its wheel and hashes."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.compatibility import compatible_wheels
from pkgwidgets.core.environment import Unreadable
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    StillNeeded,
)
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import AllowPolicy, Change, HeldBack, Plan
from pkgwidgets.operations.snapshot import EnvironmentSnapshot, ProjectResults


def build_changes(
    snapshot: EnvironmentSnapshot,
    after: Mapping[NormalizedName, Version | None],
    targets: Collection[NormalizedName],
    answers: ProjectResults,
    report: Report,
) -> tuple[Change, ...]:
    """Turn what would change into changes with their files, the requested first.

    Raises `PlanImpossible` if it would break what is whole now: the last word is our own.
    """
    moved = []
    starts = snapshot.backend.records.startup_files(tuple(after))
    for id, version in sorted(after.items(), key=lambda item: (item[0] not in targets, item[0])):
        known = snapshot.distributions.get(id)
        if known is not None and known.version == version:
            continue  # it is there, in a folder that the installer does not see
        spoilt = snapshot.installed.get(id)
        if isinstance(spoilt, Unreadable):
            reason = f"{id} would be installed over what cannot be read: {spoilt.reason}"
            raise EnvironmentRefused(snapshot.python, reason)
        moved.append(
            Change(
                id=id,
                name=known.name if known is not None else id,
                before=known.version if known is not None else None,
                after=version,
                requested=id in targets,
                requested_after=known.requested if known is not None else id in targets,
                reason="" if id in targets else _side_effect_reason(id, after, snapshot),
                startup_files=starts.get(id, ()) if version is not None else (),
            )
        )
    _check_unbroken(snapshot, moved)
    missing = [change.id for change in moved if change.id not in answers]
    more = snapshot.backend.index.releases_of(IndexQuery(missing), report) if missing else {}
    return attach_wheels(snapshot, moved, {**answers, **more})


def attach_wheels(
    snapshot: EnvironmentSnapshot, moved: Iterable[Change], answers: ProjectResults
) -> tuple[Change, ...]:
    """Add the wheel that is expected and the hashes of all that fit; raises what the index said."""
    interpreter = snapshot.backend.environment.interpreter
    out = []
    for change in moved:
        if change.after is not None:
            answer = answers[change.id]
            if isinstance(answer, PkgwidgetsError):
                raise answer
            release = next((r for r in answer if r.version == change.after), None)
            wheels = compatible_wheels(release, interpreter) if release is not None else ()
            if release is not None and not wheels:
                why = f"{change.id} {change.after} has no wheel for this Python."
                raise PlanImpossible((f"{change.id}=={change.after}",), why)
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
) -> Plan:
    """Return the plan of these changes, tied to the environment as it is now."""
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
    )


def equivalent_commands(snapshot: EnvironmentSnapshot, moved: Sequence[Change]) -> tuple[str, ...]:
    """Return what would do the same in a terminal."""
    python = shlex.quote(str(snapshot.python))
    gone = [change.id for change in moved if change.after is None]
    pins = [f"{change.id}=={change.after}" for change in moved if change.after is not None]
    said = []
    if gone:
        said.append(f"uv pip uninstall --python {python} {' '.join(gone)}")
    if pins:
        said.append(f"uv pip install --python {python} --no-deps {' '.join(pins)}")
    return tuple(said)


def check_still_met(
    snapshot: EnvironmentSnapshot,
    moved: Sequence[Change],
    required: dependency_graph.ActiveRequirements,
) -> None:
    """Raise `StillNeeded` if the changes take from others what these require."""
    broken = dependency_graph.broken_by(moved, required, snapshot.versions)
    if broken:
        names = tuple(change.id for change in moved)
        raise StillNeeded(names, tuple(sorted({problem.id for problem in broken})))


def raise_first_error(answers: ProjectResults) -> None:
    """Raise the first answer that is an error: for names that were asked for one by one."""
    for answer in answers.values():
        if isinstance(answer, PkgwidgetsError):
            raise answer


def _side_effect_reason(
    id: NormalizedName,
    after: Mapping[NormalizedName, Version | None],
    snapshot: EnvironmentSnapshot,
) -> str:
    """Name who needs a side effect, among what else changes."""
    owners = [
        owner
        for owner in dependency_graph.dependents([id], snapshot.active_requirements)
        if owner in after
    ]
    return f"{', '.join(owners)} needs it" if len(owners) == 1 else "it goes with the rest"


def _check_unbroken(snapshot: EnvironmentSnapshot, moved: Sequence[Change]) -> None:
    broken = dependency_graph.broken_by(moved, snapshot.active_requirements, snapshot.versions)
    if broken:
        names = tuple(sorted(change.id for change in moved))
        raise PlanImpossible(names, f"{'; '.join(sorted(map(str, broken)))}.")
