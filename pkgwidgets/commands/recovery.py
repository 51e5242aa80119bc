"""Recovery of an environment from outside, whatever state its interpreter is in."""

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
    """A transaction that had been cut off: how it ended, in a word and in a sentence."""

    id: str
    outcome: str
    said: str


def recover_environment(python: str | None) -> RecoveredTransaction | None:
    """Bring the unfinished transaction of an environment to its end; None if there is none.

    An interpreter that does not start any more is not needed: where its environment lies is seen
    from its path. Raises `EnvironmentBusy`, `RollbackFailed`, and `EnvironmentRefused` for what
    is neither an interpreter nor an environment that we changed.
    """
    try:
        changed = connect(python)
    except EnvironmentRefused:
        place = data_folder(Path(python or sys.executable))
        if not place.is_dir():
            raise
        return _ended(RecoveryEnvironment.at(place))
    return _ended(changed)


def _ended(changed: Recoverable) -> RecoveredTransaction | None:
    found = recovery.recover_if_needed(changed)
    if not found:
        return None
    (id,) = found
    committed = "COMMIT" in changed.journal.steps(id)
    outcome = Outcome.COMMITTED if committed else Outcome.ROLLED_BACK
    return RecoveredTransaction(
        id=id, outcome=outcome.value, said=outcome_text(changed.journal, id)
    )
