"""What a plan says of the releases that it installs: status, yanks and publishers."""

from __future__ import annotations

from collections.abc import Sequence

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Change

from .publishers import publisher_notes
from .release_ages import index_notes
from .snapshot import ProjectResults


def release_notes(
    backend: Backend, changes: Sequence[Change], answers: ProjectResults
) -> tuple[str, ...]:
    """Return what the index says of the planned releases, for a plan from it of any kind."""
    return (*index_notes(changes, answers), *publisher_notes(backend, changes, answers))
