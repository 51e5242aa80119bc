"""End a change whose folder was deleted while it was in progress: nothing can be rolled back."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import DiskFailed, SavedFilesLost
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Transaction

from . import verification


def end(backend: Backend, transaction: Transaction) -> SavedFilesLost:
    """Check what the environment has, record this in a new journal, and return the error.

    If the new packages are complete, the transaction is committed.
    """
    error = saved_files_lost(backend, transaction)
    journal = backend.journal
    with suppress(DiskFailed):  # without a journal, others learn it from the environment
        journal.start_again(transaction)
        if error.problems:
            failure = json.dumps(error_to_json(error))
            journal.record(transaction.id, "INCOMPLETE", error=error.sentence(), failure=failure)
        else:
            journal.record(transaction.id, "COMMIT", error=error.sentence())
    return error


def saved_files_lost(backend: Backend, transaction: Transaction) -> SavedFilesLost:
    """Return the error about the deleted folder, with what the environment has now."""
    plan = transaction.plan
    return SavedFilesLost(
        transaction.id,
        str(backend.journal.folder(transaction.id)),
        plan.change_texts,
        verification.missing_changes(backend, plan),
        _repair_command(backend, plan),
    )


def _repair_command(backend: Backend, plan: Plan) -> str:
    python = str(backend.environment.interpreter.python)
    pins = [f"{change.id}=={change.after}" for change in plan.changes if change.after is not None]
    if pins:
        return shlex.join(["uv", "pip", "install", "--python", python, "--reinstall", *pins])
    names = [str(change.id) for change in plan.changes]
    return shlex.join(["uv", "pip", "uninstall", "--python", python, *names])
