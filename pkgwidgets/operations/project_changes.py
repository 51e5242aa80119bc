"""The files of a project in a transaction: checked, replaced and verified with the packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction


def check_replaceable(backend: Backend, plan: Plan) -> None:
    """Raise `EnvironmentRefused` if this user may not replace the files of the project."""
    reason = None if plan.project is None else backend.project_files.refusal(plan.project)
    if reason is not None:
        python = backend.environment.interpreter.python
        raise EnvironmentRefused(python, f"The project cannot be changed: {reason}")


def edited_since_plan(backend: Backend, plan: Plan) -> tuple[str, ...]:
    """Return which files of the project were edited since the plan was made, one clause each."""
    return () if plan.project is None else backend.project_files.edited(plan.project)


def edited_since(backend: Backend, transaction: Transaction) -> tuple[str, ...]:
    """Return which files of the project were edited since a transaction, one clause each."""
    change = transaction.plan.project
    return () if change is None else backend.project_files.edited(change.reversed())


def write(backend: Backend, plan: Plan) -> None:
    """Replace the files of the project, if they are still those that the plan was made for.

    Do it before the installation, a moment after they were saved: then an edit in between is
    unlikely. Raises `StalePlan` for one, and `DiskFailed`.
    """
    if plan.project is not None:
        backend.project_files.write(plan.project)


def new_digests(plan: Plan) -> Mapping[Path, str]:
    """Return the files that a plan changes in a project, with the SHA-256 of their new content."""
    return {} if plan.project is None else {file.path: file.after for file in plan.project.files}
