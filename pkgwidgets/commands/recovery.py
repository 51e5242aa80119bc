"""Recover an environment from outside, also if its interpreter does not start."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from pkgwidgets.connect import connect, data_folder
from pkgwidgets.core.errors import EnvironmentRefused
from pkgwidgets.core.interfaces import Recoverable
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
        return _recover(RecoveryEnvironment.at(folder))
    return _recover(backend)


def _recover(environment: Recoverable) -> RecoveredTransaction | None:
    recovered = recovery.recover_if_needed(environment)
    if not recovered:
        return None
    (transaction_id,) = recovered
    committed = "COMMIT" in environment.journal.steps(transaction_id)
    outcome = Outcome.COMMITTED if committed else Outcome.ROLLED_BACK
    return RecoveredTransaction(
        id=transaction_id,
        outcome=outcome.value,
        message=outcome_text(environment.journal, transaction_id),
    )
