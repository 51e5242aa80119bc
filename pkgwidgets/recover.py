"""Recovery that needs only the standard library.

Each transaction has a copy: `python -I -S <folder>/recover.pyz` ends it when no kernel starts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pkgwidgets.backends.store import trial
from pkgwidgets.backends.store.journal_file import JournalFiles
from pkgwidgets.backends.store.lock import hold_lock
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.operations import recovery

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import UnfinishedTransactions


@dataclass(frozen=True, slots=True)
class EnvironmentLock:
    """The lock of the environment with the data folder `place`."""

    place: Path

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Lock it; raise `EnvironmentBusy` at once if another process has the lock."""
        with hold_lock(self.place, holder):
            yield


class StandaloneJournal(JournalFiles):
    """The journals, in the format of this copy only."""

    def delegated(self, transaction: str) -> bool:
        """Raise `OtherVersion` if another version wrote it; that version left its own copy."""
        if self.is_other_format(transaction):
            raise self.other_version(transaction)
        return False


@dataclass(frozen=True, slots=True)
class RecoveryEnvironment:
    """An environment with its transactions, for recovery."""

    environment: EnvironmentLock
    journal: StandaloneJournal
    save_point: Callable[[str], FolderSavePoint]

    @classmethod
    def at(cls, place: Path) -> RecoveryEnvironment:
        """Open the environment whose `.pkgwidgets` folder is `place`."""
        journal = StandaloneJournal(place)
        return cls(
            EnvironmentLock(place),
            journal,
            lambda transaction_id: FolderSavePoint(journal.folder(transaction_id), place.parent),
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Recover the environment in which this file lies, and print one line about the outcome.

    Returns 0 if it succeeded or there was nothing to do, and 1 if it failed; then the error names
    the paths. `--held` is for a caller that has locked the environment itself.
    """
    program, *options = sys.argv if argv is None else argv
    place = Path(program).absolute().parent.parent.parent
    backend = RecoveryEnvironment.at(place)
    is_locked = "--held" in options
    _remove_old_trials(place.parent)
    try:
        transaction_ids = backend.journal.unfinished()
        if not transaction_ids:
            print("There was nothing to recover.")
            return 0
        lock = backend.environment.locked("the recovery of an interrupted change")
        with nullcontext() if is_locked else lock:
            recovery.recover(backend)
        for transaction_id in transaction_ids:
            print(outcome_text(backend.journal, transaction_id))
    except PkgwidgetsError as error:
        print(error)
        return 1
    return 0


def _remove_old_trials(prefix: Path) -> None:
    """Remove what a killed process left that tried whether it may change the environment."""
    folders = (prefix, prefix / "bin", *prefix.glob("lib*/python*/site-packages"))
    for folder in folders:
        with suppress(OSError):
            trial.remove_old_trials(folder)


def outcome_text(journal: UnfinishedTransactions, transaction_id: str, changes: str = "") -> str:
    """Return how an interrupted transaction ended; it is named by its changes, else by its id."""
    change = f"The interrupted change {f'({changes})' if changes else transaction_id}"
    steps = journal.steps(transaction_id)
    if "COMMIT" in steps:
        return f"{change} was already complete. It is kept."
    if "ROLLED_BACK" in steps:
        return f"{change} was rolled back. The environment is unchanged."
    return f"{change} had not changed any file. The environment is unchanged."
