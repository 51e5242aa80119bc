"""Plan to return to the versions with which a notebook last ran clean."""

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
from .release_notes import release_notes
from .snapshot import EnvironmentSnapshot


def plan_known_good(
    backend: Backend,
    rehearsal_backend: RehearsalBackend,
    notebook: Path,
    *,
    report: Report = no_report,
) -> Plan:
    """Plan to return to the versions with which a notebook last ran clean.

    Packages installed since are kept; packages that must not change are held back.

    Raises `InvalidRequest` for a notebook that never ran clean, and `StillNeeded` if a kept package
    needs a newer version. Raises the error of the index for a version that it no longer has.
    """
    good = rehearsal_backend.known_good.recall(rehearsal_backend.notebook_runner.read(notebook))
    if good is None:
        raise InvalidRequest("notebook", str(notebook), "no rehearsal of it ran without an error")
    snapshot = EnvironmentSnapshot.of(backend)
    versions = {
        name: version
        for name, version in sorted(good.versions.items())
        if snapshot.versions.get(name) != version
    }
    held_back = tuple(
        snapshot.held_back(name, version)
        for name, version in versions.items()
        if name in snapshot.pinned
    )
    changes = _changes_to(snapshot, versions)
    snapshot.check_changeable([change.id for change in changes if change.before is not None])
    check_still_met(snapshot, changes, snapshot.active_requirements)
    answers = backend.index.releases_of(IndexQuery([change.id for change in changes]), report)
    with_wheels = attach_wheels(snapshot, changes, answers)
    return build_plan(
        snapshot,
        tuple(change.id for change in with_wheels),
        with_wheels,
        held_back=held_back,
        notes=release_notes(backend, with_wheels, answers),
    )


def _changes_to(
    snapshot: EnvironmentSnapshot, versions: Mapping[NormalizedName, Version]
) -> list[Change]:
    """Return the changes to these versions, without pinned packages."""
    installed = snapshot.distributions
    return [
        Change(
            id=name,
            name=installed[name].name if name in installed else name,
            before=snapshot.versions.get(name),
            after=version,
            requested=True,
            requested_after=name not in installed or installed[name].requested,
        )
        for name, version in versions.items()
        if name not in snapshot.pinned
    ]
