"""Transactions as folders with a plan and a journal: changes, initiator and outcome."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from pkgwidgets.backends.processes import process
from pkgwidgets.backends.store import filesystem, forks, lock
from pkgwidgets.backends.store.journal_file import (
    RESERVE_BYTES,
    JournalFiles,
    Line,
    as_disk_failed,
    is_transaction_id,
    step_of,
)
from pkgwidgets.backends.worker import initiator
from pkgwidgets.core.errors import DiskFailed, RollbackFailed
from pkgwidgets.core.plan_json import plan_from_text, plan_to_text
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

from .transaction_cache import TransactionCache, stat_key

_TIMESTAMP_FORMAT = "%Y%m%dT%H%M%S%f"
_OUTCOMES = {
    "COMMIT": Outcome.COMMITTED,
    "ROLLED_BACK": Outcome.ROLLED_BACK,
    "ABORTED": Outcome.ABORTED,
    "INCOMPLETE": Outcome.INCOMPLETE,
}
"""The steps that end a transaction."""
_RECOVERY_SECONDS = 600.0
_DAMAGED = "its journal is damaged"
_OTHER_VERSION = "made by another version of pkgwidgets, which alone can undo it"
_NO_PLAN = "its plan cannot be read"


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
        now = datetime.now(UTC)
        transaction_id = f"{self._next_timestamp(now):{_TIMESTAMP_FORMAT}}-{secrets.token_hex(3)}"
        folder = self.folder(transaction_id)
        with as_disk_failed(transaction_id):
            filesystem.make_folders(self._transactions, is_data=True)
            filesystem.sync_path(self._data_folder.parent)  # the first lock made the folder
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
        newest_time = _parse_timestamp(self.newest_id())
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
        with forks.inheritable(lock.descriptor_of(self._data_folder)) as keep:
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
        is_past = transaction_id not in open_ids
        if not is_past or transaction_id in self._undecided:
            return self._read_transaction(transaction_id, is_past=is_past)
        return self._cache.get(
            self.folder(transaction_id),
            lambda: self._read_transaction(transaction_id, is_past=True),
        )

    def _read_transaction(self, transaction_id: str, *, is_past: bool) -> Transaction | None:
        try:
            lines = self.lines(transaction_id)
        except DiskFailed:
            lines = []
        # Only the open one may lack an end: in any other, the end was lost by damage.
        if lines and self.is_other_format(transaction_id):
            outcome = Outcome.OTHER_VERSION if is_past else Outcome.STARTED
            return self._unread(transaction_id, outcome, _OTHER_VERSION)
        if lines:
            return self._parse_transaction(transaction_id, lines, must_have_ended=is_past)
        if is_past and self.has_records(transaction_id):
            return self._unread(transaction_id, Outcome.INCOMPLETE, _DAMAGED)
        return None

    def _parse_transaction(
        self, transaction_id: str, lines: list[Line], *, must_have_ended: bool
    ) -> Transaction:
        facts = {name: value for line in lines for name, value in line.items()}
        end = next((line for line in reversed(lines) if step_of(line) in _OUTCOMES), None)
        if end is None and must_have_ended:
            end = {"t": "INCOMPLETE", "error": _DAMAGED}
        started, plan = _line_time(lines[0]), self._read_plan(transaction_id)
        staged = any(line["t"] == "STAGED" for line in lines)
        errors = [end.get("error") if end is not None else None, None if plan else _NO_PLAN]
        return Transaction(
            id=transaction_id,
            plan=plan if plan is not None else _unreadable_plan(started),
            started=started,
            finished=_line_time(end) if end is not None and "at" in end else None,
            outcome=_OUTCOMES[step_of(end)] if end is not None else Outcome.STARTED,
            error="; ".join(filter(None, errors)) or None,
            failure=end.get("failure") if end is not None else None,
            user=facts.get("user"),
            requested_by=facts.get("requested_by", facts.get("user")),
            process=facts.get("process"),
            saved_bytes=facts.get("bytes"),
            downloaded_bytes=plan.download_size if staged and plan else None,
            dismissed=tuple(
                canonicalize_name(line["dismissed"])
                for line in lines
                if step_of(line) == "DISMISSED" and isinstance(line.get("dismissed"), str)
            ),
        )

    def _unread(self, transaction_id: str, outcome: Outcome, error: str) -> Transaction:
        """Return a transaction whose journal has no readable line."""
        timestamp = _parse_timestamp(transaction_id)
        started = timestamp if timestamp is not None else datetime.fromtimestamp(0, UTC)
        plan = self._read_plan(transaction_id) or _unreadable_plan(started)
        return Transaction(
            id=transaction_id, plan=plan, started=started, outcome=outcome, error=error
        )

    def _read_plan(self, transaction_id: str) -> Plan | None:
        try:
            return plan_from_text((self.folder(transaction_id) / "plan.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None


def _unreadable_plan(started: datetime) -> Plan:
    """Return a plan without changes, in place of an unreadable one."""
    return Plan(
        requested=(), changes=(), environment_fingerprint="", python=Path(), created=started
    )


def _parse_timestamp(transaction_id: str) -> datetime | None:
    try:
        timestamp = transaction_id.partition("-")[0]
        return datetime.strptime(timestamp, _TIMESTAMP_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def _line_time(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])
