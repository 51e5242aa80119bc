"""Transactions as folders with a plan and a journal: changes, initiator and outcome."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pkgwidgets.backends.processes import process
from pkgwidgets.backends.store import filesystem, forks, lock
from pkgwidgets.backends.store.journal_file import (
    RESERVE_BYTES,
    JournalFiles,
    as_disk_failed,
    is_transaction_id,
)
from pkgwidgets.backends.worker import initiator
from pkgwidgets.core.errors import DiskFailed, RollbackFailed

from .timestamps import FORMAT as TIMESTAMP_FORMAT
from .timestamps import parse_timestamp
from .transaction_cache import TransactionCache, stat_key

if TYPE_CHECKING:
    from pkgwidgets.core.plans import Plan
    from pkgwidgets.core.transactions import Transaction

# A listing that is kept needs only the stat key: what reads and writes transactions is imported
# where it is used.

_RECOVERY_SECONDS = 600.0


class FolderJournal(JournalFiles):
    """One folder per transaction under `place/txn`: `plan.json`, `journal`, the save point.

    An open transaction also has `recover.pyz`, which can end it without pkgwidgets;
    `recovery_archive` returns its bytes. These journals are the history: there is no second record
    that could contradict them. `initiator_kind` is the kind of process that requests the
    transactions, by default this process's own; `requested_by` is the user.
    """

    def __init__(
        self,
        place: Path,
        recovery_archive: Callable[[], bytes],
        initiator_kind: str | None = None,
        requested_by: str | None = None,
    ) -> None:
        super().__init__(place)
        self._recovery_archive = recovery_archive
        if initiator_kind is None:
            initiator_kind = initiator.kind(sys.argv[0])
        self._initiator_kind = initiator_kind
        self._cache = TransactionCache()
        self._requested_by = requested_by

    def start(self, plan: Plan) -> Transaction:
        """Start a transaction; its id sorts after all others, whatever the clock says.

        Raises `DiskFailed`; then no transaction was started.
        """
        from pkgwidgets.core.plan_json import plan_to_text
        from pkgwidgets.core.transactions import Transaction

        now = datetime.now(UTC)
        transaction_id = f"{self._next_timestamp(now):{TIMESTAMP_FORMAT}}-{secrets.token_hex(3)}"
        folder = self.folder(transaction_id)
        with as_disk_failed(transaction_id):
            filesystem.make_folders(self._transactions, is_data=True)
            filesystem.sync_path(self.data_folder.parent)  # the first lock made the folder
            self.mark_open(transaction_id)
            filesystem.make_folders(folder, is_data=True)
            filesystem.write_whole(folder / "plan.json", plan_to_text(plan).encode())
            filesystem.write_whole(folder / "recover.pyz", self._recovery_archive())
            filesystem.reserve(folder / "reserve", RESERVE_BYTES)
        started_by: dict[str, Any] = {
            "user": initiator.user(),
            "requested_by": self._requested_by or initiator.requester(),
            "process": self._initiator_kind,
        }
        self.record(transaction_id, "PLAN", plan=plan.id, **started_by)
        return Transaction(id=transaction_id, plan=plan, started=now, **started_by)

    def start_again(self, transaction: Transaction) -> None:
        """Make the folder of a transaction again, after a user deleted it; it is not open.

        Raises `DiskFailed`.
        """
        from pkgwidgets.core.plan_json import plan_to_text

        folder = self.folder(transaction.id)
        self._undecided.pop(transaction.id, None)
        with as_disk_failed(transaction.id):
            filesystem.make_folders(folder, is_data=True)
            filesystem.write_whole(folder / "plan.json", plan_to_text(transaction.plan).encode())
        plan = transaction.plan
        started_by: dict[str, Any] = {
            "user": transaction.user,
            "requested_by": transaction.requested_by,
            "process": transaction.process,
        }
        self.record(transaction.id, "PLAN", plan=plan.id, **started_by)

    def _next_timestamp(self, now: datetime) -> datetime:
        """Return `now`, or the moment after the newest id if the clock was set back."""
        newest_time = parse_timestamp(self.newest_id())
        return now if newest_time is None else max(now, newest_time + timedelta(microseconds=1))

    def delegated(self, transaction: str) -> bool:
        """Let the transaction's own `recover.pyz` end it if another version of pkgwidgets wrote it.

        That copy knows its version's format. Call this with the environment locked. Returns whether
        the copy ended it; raises `RollbackFailed` with the copy's last line if it failed, and
        `OtherVersion` if there is no copy.
        """
        if not self.is_other_format(transaction):
            return False
        folder = self.folder(transaction)
        if not (folder / "recover.pyz").is_file():
            raise self.other_version(transaction)
        argv = [str(process.this_python()), "-I", "-S", str(folder / "recover.pyz"), "--held"]
        with forks.inheritable(lock.descriptor_of(self.data_folder)) as keep:
            completed = process.run(argv, timeout=_RECOVERY_SECONDS, keep=keep)
        if completed.returncode != 0:
            output = (
                completed.stdout + completed.stderr
            ).strip() or "recover.pyz failed without an error message"
            raise RollbackFailed(transaction, (output.splitlines()[-1],), str(folder))
        if transaction in self.unfinished():
            raise self.other_version(transaction)
        return True

    def transactions(self) -> Sequence[Transaction]:
        """Read all, oldest first; an unreadable one is included, with an error."""
        open_ids = self._find_open()
        found = (self._find_transaction(transaction_id, open_ids) for transaction_id in self.ids())
        return tuple(transaction for transaction in found if transaction is not None)

    def stat_key(self) -> str:
        """Return a text that changes with the history; "" while a transaction is open or new."""
        if self._undecided or self._find_open():
            return ""
        return stat_key(map(self.folder, ids)) if (ids := self.ids()) else "no transactions"

    def transaction(self, transaction_id: str) -> Transaction | None:
        """Read one and no other; None if there is none of this id.

        So a follower reads the same files, however long the history is.
        """
        if not is_transaction_id(transaction_id) or not self.folder(transaction_id).is_dir():
            return None
        return self._find_transaction(transaction_id, self._find_open())

    def newest_id(self) -> str:
        """Return the id of the transaction that was started last; "" if there is none."""
        return max(self.ids(), default="")

    def _find_open(self) -> Collection[str]:
        try:
            return self.unfinished()
        except DiskFailed:
            return ()

    def _find_transaction(
        self, transaction_id: str, open_ids: Collection[str]
    ) -> Transaction | None:
        """Read a transaction; None if its folder has no records."""
        from .transaction_reader import read_transaction

        is_past = transaction_id not in open_ids
        if not is_past or transaction_id in self._undecided:
            return read_transaction(self, transaction_id, is_past=is_past)
        return self._cache.get(
            self.folder(transaction_id),
            lambda: read_transaction(self, transaction_id, is_past=True),
        )
