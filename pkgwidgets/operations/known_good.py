"""The way back to the versions with which a notebook last ran clean."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import InvalidRequest, StillNeeded
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Change, HeldBack, Plan

from .plan_builder import attach_wheels, equivalent_commands
from .snapshot import EnvironmentSnapshot


def plan_known_good(
    backend: Backend, stand: RehearsalBackend, notebook: Path, *, report: Report = no_report
) -> Plan:
    """Plan to return to the versions with which a notebook last ran clean.

    What was installed since stays. What is not ours to change is held back. Raises
    `InvalidRequest` for a notebook that never did, `StillNeeded` if what stays needs the newer
    versions, and what the index said of a version that is no longer there.
    """
    good = stand.known_good.recall(stand.notebook_runner.read(notebook))
    if good is None:
        raise InvalidRequest("notebook", str(notebook), "it was never rehearsed without an error")
    situation = EnvironmentSnapshot.of(backend)
    wanted = {
        id: version
        for id, version in good.versions.items()
        if situation.versions.get(id) != version
    }
    fixed = {id: why for id, why in situation.pinned.items() if id in wanted}
    moved = [
        Change(
            id=id,
            name=situation.distributions[id].name if id in situation.distributions else id,
            before=situation.versions.get(id),
            after=version,
            requested=True,
            requested_after=id not in situation.distributions
            or situation.distributions[id].requested,
        )
        for id, version in sorted(wanted.items())
        if id not in fixed
    ]
    situation.check_changeable([change.id for change in moved if change.before is not None])
    _check_requirements(situation, moved)
    found = attach_wheels(
        situation, moved, backend.index.releases_of([change.id for change in moved], report)
    )
    return Plan(
        requested=tuple(change.id for change in found),
        changes=found,
        held_back=tuple(
            HeldBack(
                id=id,
                name=situation.distributions[id].name,
                kept_version=situation.versions[id],
                latest=wanted[id],
                reason=why,
            )
            for id, why in sorted(fixed.items())
        ),
        environment_fingerprint=situation.fingerprint(found),
        python=situation.python,
        created=datetime.now(UTC),
        commands=equivalent_commands(situation, found),
    )


def _check_requirements(situation: EnvironmentSnapshot, moved: list[Change]) -> None:
    """Refuse to take from what stays what it needs."""
    ids = {change.id for change in moved}
    staying = {id: needs for id, needs in situation.active_requirements.items() if id not in ids}
    after = dependency_graph.versions_after(situation.versions, moved)
    missed = dependency_graph.unmet(staying, after) - situation.unmet
    if missed:
        raise StillNeeded(tuple(sorted(ids)), tuple(sorted({each.id for each in missed})))
