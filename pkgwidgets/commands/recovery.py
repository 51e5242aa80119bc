"""Recover an environment, even if its interpreter does not start."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pkgwidgets.connect import connect, data_folder
from pkgwidgets.core.errors import DiskFailed, EnvironmentBusy, EnvironmentRefused
from pkgwidgets.core.interfaces import Backend, Recoverable
from pkgwidgets.core.text import shorten_names
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.operations import recovery
from pkgwidgets.recover import RecoveryEnvironment, outcome_text


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoveredTransaction:
    """A recovered transaction: its outcome, and a sentence about it."""

    id: str
    outcome: str
    message: str


def recover_environment(python: str | None) -> RecoveredTransaction | None:
    """Finish or roll back the interrupted transaction of an environment; None if there is none.

    The interpreter need not start: its path shows where the environment lies. Raises
    `EnvironmentBusy`, `RollbackFailed`, and `EnvironmentRefused` if `python` is no interpreter
    and its environment was never changed by pkgwidgets.
    """
    try:
        backend = connect(python)
    except EnvironmentRefused:
        folder = data_folder(Path(python or sys.executable))
        if not folder.is_dir():
            raise
        environment = RecoveryEnvironment.at(folder)
        return _recover(environment, lambda recovered: outcome_text(environment.journal, recovered))
    return _recover(backend, partial(recovery_message, backend))


def recovery_message(backend: Backend, transaction_id: str) -> str:
    """Return how a recovered transaction ended, with its changes."""
    transaction = backend.journal.transaction(transaction_id)
    changes = () if transaction is None else transaction.change_texts
    return outcome_text(backend.journal, transaction_id, shorten_names(changes))


def _open_data_folder(environment: Recoverable) -> None:
    """Give the data folder the owner and mode of the environment: the lock does that."""
    if environment.journal.data_folder.is_dir():
        with suppress(EnvironmentBusy, DiskFailed), environment.environment.locked("recovery"):
            pass


def _recover(
    environment: Recoverable, describe: Callable[[str], str]
) -> RecoveredTransaction | None:
    recovered = recovery.recover_if_needed(environment)
    if not recovered:
        _open_data_folder(environment)
        return None
    transaction_id = recovered[0]
    return RecoveredTransaction(
        id=transaction_id,
        outcome=_outcome(environment.journal.steps(transaction_id)).value,
        message=" ".join(map(describe, recovered)),
    )


def _outcome(steps: Collection[str]) -> Outcome:
    if "COMMIT" in steps:
        return Outcome.COMMITTED
    return Outcome.ROLLED_BACK if "ROLLED_BACK" in steps else Outcome.ABORTED
