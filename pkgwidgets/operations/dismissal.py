"""Dismiss the note that the last change of a package failed."""

from __future__ import annotations

from pkgwidgets.core.errors import PackageNotFound
from pkgwidgets.core.failed_changes import failure_notes
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.names import checked_name

from . import access


def dismiss_note(backend: Backend, name: str) -> None:
    """Dismiss the notes of all failed changes of a package; do nothing if it has none.

    The history keeps the changes, and a plan for everything still leaves out what failed. Raises
    `PackageNotFound`, `EnvironmentRefused` without permission to change the environment, and
    `DiskFailed`.
    """
    project = checked_name(name)
    if project not in backend.environment.distributions():
        raise PackageNotFound(name)
    noted = [
        transaction.id
        for transaction in backend.journal.transactions()
        if project in failure_notes(transaction)
    ]
    if noted:
        access.check_changeable(backend)
    for transaction_id in noted:
        backend.journal.record(transaction_id, "DISMISSED", dismissed=project)
