"""Recovery on its own: joined to one environment by the standard library alone.

Each transaction carries a copy: `python -I -S <folder>/recover.pyz` ends it when no kernel starts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pkgwidgets.backends.store.journal_file import JournalFiles
from pkgwidgets.backends.store.lock import hold_lock
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.errors import PkgwidgetsError, RollbackFailed
from pkgwidgets.operations import recovery

if TYPE_CHECKING:
    from pkgwidgets.core.interfaces import UnfinishedTransactions


@dataclass(frozen=True, slots=True)
class EnvironmentLock:
    """The lock of the environment that a place belongs to."""

    place: Path

    @contextmanager
    def locked(self, holder: str) -> Iterator[None]:
        """Hold it; raises `EnvironmentBusy` at once if another does."""
        with hold_lock(self.place, holder):
            yield


class StandaloneJournal(JournalFiles):
    """The journals as this copy understands them."""

    def delegated(self, transaction: str) -> bool:
        """Refuse what another version wrote: it left a copy that understands it."""
        if not self.is_other_format(transaction):
            return False
        folder = self.folder(transaction)
        reason = f"{folder / 'journal'}: another version of pkgwidgets wrote it"
        raise RollbackFailed(transaction, (reason,), str(folder))


@dataclass(frozen=True, slots=True)
class RecoveryEnvironment:
    """An environment with what was left in it."""

    environment: EnvironmentLock
    journal: StandaloneJournal
    save_point: Callable[[str], FolderSavePoint]

    @classmethod
    def at(cls, place: Path) -> RecoveryEnvironment:
        """Join what lies in an environment's `.pkgwidgets` folder."""
        journal = StandaloneJournal(place)
        return cls(
            EnvironmentLock(place),
            journal,
            lambda id: FolderSavePoint(journal.folder(id), place.parent),
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Recover the environment in which this file lies, and say in one line what was done.

    Returns 0 when there was nothing to do or it was done, 1 when it could not be: what is said
    then names the paths. `--held` is for a caller that has locked the environment itself.
    """
    program, *options = sys.argv if argv is None else argv
    left = RecoveryEnvironment.at(Path(program).absolute().parent.parent.parent)
    already = "--held" in options
    try:
        id = left.journal.unfinished()
        if id is None:
            print("There was nothing to recover.")
            return 0
        with nullcontext() if already else left.environment.locked("recovery"):
            recovery.recover(left)
        print(outcome_text(left.journal, id))
    except PkgwidgetsError as error:
        print(error)
        return 1
    return 0


def outcome_text(journal: UnfinishedTransactions, id: str) -> str:
    """Say in one sentence how a transaction ended."""
    steps = journal.steps(id)
    if "COMMIT" in steps:
        return f"Transaction {id} was complete: the environment is the new one."
    if "ROLLED_BACK" in steps:
        return f"Transaction {id} was rolled back: the environment is the old one."
    return f"Transaction {id} had changed nothing: the environment is the old one."
