"""The way back to the versions with which a notebook last ran clean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.analysis.rehearsal_backend import RehearsalBackend
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.index_query import IndexQuery
from pkgwidgets.core.interfaces import Backend, Report, no_report
from pkgwidgets.core.plans import Change, Plan

from .plan_builder import attach_wheels, build_plan, check_still_met
from .snapshot import EnvironmentSnapshot


def plan_known_good(
    backend: Backend, stand: RehearsalBackend, notebook: Path, *, report: Report = no_report
) -> Plan:
    """Plan to return to the versions with which a notebook last ran clean.

    What was installed since stays, and what may not be changed is held back. Raises
    `InvalidRequest` for a notebook that never ran clean, `StillNeeded` if what stays needs the
    newer versions, and the error of the index for a version that it no longer has.
    """
    good = stand.known_good.recall(stand.notebook_runner.read(notebook))
    if good is None:
        raise InvalidRequest("notebook", str(notebook), "it was never rehearsed without an error")
    snapshot = EnvironmentSnapshot.of(backend)
    wanted = {
        id: version
        for id, version in sorted(good.versions.items())
        if snapshot.versions.get(id) != version
    }
    held_back = tuple(
        snapshot.held_back(id, version) for id, version in wanted.items() if id in snapshot.pinned
    )
    moved = _changes_to(snapshot, wanted)
    snapshot.check_changeable([change.id for change in moved if change.before is not None])
    check_still_met(snapshot, moved, snapshot.active_requirements)
    answers = backend.index.releases_of(IndexQuery([change.id for change in moved]), report)
    found = attach_wheels(snapshot, moved, answers)
    return build_plan(snapshot, tuple(change.id for change in found), found, held_back=held_back)


def _changes_to(
    snapshot: EnvironmentSnapshot, wanted: Mapping[NormalizedName, Version]
) -> list[Change]:
    """Return the changes to these versions; what is pinned is left out."""
    installed = snapshot.distributions
    return [
        Change(
            id=id,
            name=installed[id].name if id in installed else id,
            before=snapshot.versions.get(id),
            after=version,
            requested=True,
            requested_after=id not in installed or installed[id].requested,
        )
        for id, version in wanted.items()
        if id not in snapshot.pinned
    ]
