"""The paths of an environment that a plan removes, keeps or writes."""

from __future__ import annotations

from pathlib import Path

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan


def removed_paths(backend: Backend, plan: Plan) -> frozenset[Path]:
    """Return the files that a plan removes, without those that another distribution owns, too."""
    touched = backend.records.touched_paths(plan, None)
    return touched - backend.records.shared_paths(plan, touched)
