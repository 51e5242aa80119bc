"""Transactions as folders of their plan and their journal: what was done, by whom, how it ended."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pkgwidgets.backends.processes import process
from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.journal_file import RESERVE, JournalFiles, Line, as_disk_failed
from pkgwidgets.backends.worker import initiator
from pkgwidgets.core.errors import DiskFailed, RollbackFailed
from pkgwidgets.core.plan_json import plan_from_text, plan_to_text
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

_TIMESTAMP = "%Y%m%dT%H%M%S%f"
_ENDS = {
    "COMMIT": Outcome.COMMITTED,
    "ROLLED_BACK": Outcome.ROLLED_BACK,
    "ABORTED": Outcome.ROLLED_BACK,
    "RB_INCOMPLETE": Outcome.INCOMPLETE,
}
"""The records that end a transaction; an aborted one never touched the environment."""
_RECOVERY_SECONDS = 600.0
_DAMAGED = "its journal is damaged"
_NO_PLAN = "its plan cannot be read"


class FolderJournal(JournalFiles):
    """One folder a transaction under `place/txn`: `plan.json`, `journal`, the save point.

    While it is open there is `recover.pyz`, too, which can end it without us: what
    `recovery_archive` returns. History is these
    journals: there is no second record that could disagree with what happened. `asked_by` is the
    kind of process that wants what is started here, this one's own by default.
    """

    def __init__(
        self, place: Path, recovery_archive: Callable[[], bytes], asked_by: str | None = None
    ) -> None:
        super().__init__(place)
        self._recovery_archive = recovery_archive
        self._asked_by = asked_by if asked_by is not None else initiator.kind(sys.argv[0])

    def start(self, plan: Plan) -> Transaction:
        """Begin the record of a plan; its id sorts after all others, whatever the clock says.

        Raises `DiskFailed`; nothing has begun then.
        """
        now = datetime.now(UTC)
        id = f"{self._later_than_all(now):{_TIMESTAMP}}-{secrets.token_hex(3)}"
        folder = self.folder(id)
        with as_disk_failed(id):
            filesystem.make_folders(self._all, 0o700)
            filesystem.sync_path(self._place.parent)  # whoever locked first made our folder there
            filesystem.write_whole(self._marker, id.encode())
            filesystem.make_folders(folder, 0o700)
            filesystem.write_whole(folder / "plan.json", plan_to_text(plan).encode())
            filesystem.write_whole(folder / "recover.pyz", self._recovery_archive())
            filesystem.reserve(folder / "reserve", RESERVE)
        user = initiator.user()
        self.record(id, "PLAN", plan=plan.id, user=user, process=self._asked_by)
        return Transaction(id=id, plan=plan, started=now, user=user, process=self._asked_by)

    def _later_than_all(self, now: datetime) -> datetime:
        """Return the time, or the moment after the newest id: a clock may have been put back."""
        newest = max(self.ids(), default="")
        last = _timestamp(newest)
        return now if last is None else max(now, last + timedelta(microseconds=1))

    def delegated(self, transaction: str) -> bool:
        """Let the transaction's own copy of recovery end what another version of us wrote.

        That copy knows the rules it was made by. To be called with the environment locked. Raises
        `RollbackFailed` with what it said.
        """
        if not self.is_other_format(transaction):
            return False
        folder = self.folder(transaction)
        argv = [sys.executable, "-I", "-S", str(folder / "recover.pyz"), "--held"]
        done = process.run(argv, timeout=_RECOVERY_SECONDS)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).strip().splitlines() or ["it gave no answer"]
            raise RollbackFailed(transaction, (said[-1],), str(folder))
        return True

    def transactions(self) -> Sequence[Transaction]:
        """Read all, oldest first; one that cannot be read any more says so and is not left out."""
        try:
            open = self.unfinished()
        except DiskFailed:
            open = None
        found = []
        for id in self.ids():
            try:
                lines = self.lines(id)
            except DiskFailed:
                lines = []
            # The next begins only when the last has ended: how it did may not be known any more.
            if lines:
                found.append(self._transaction(id, lines, damaged=id != open))
            elif id != open and self.has_records(id):
                found.append(self._lost(id))
        return tuple(found)

    def _transaction(self, id: str, lines: list[Line], *, damaged: bool) -> Transaction:
        facts = {name: value for line in lines for name, value in line.items()}
        end = next((line for line in reversed(lines) if line["t"] in _ENDS), None)
        if end is None and damaged:
            end = {"t": "RB_INCOMPLETE", "error": _DAMAGED}
        started, plan = _time(lines[0]), self._plan(id)
        staged = any(line["t"] == "STAGED" for line in lines)
        errors = [end.get("error") if end is not None else None, None if plan else _NO_PLAN]
        return Transaction(
            id=id,
            plan=plan if plan is not None else _unreadable_plan(started),
            started=started,
            finished=_time(end) if end is not None and "at" in end else None,
            outcome=_ENDS[end["t"]] if end is not None else Outcome.STARTED,
            error="; ".join(filter(None, errors)) or None,
            failure=end.get("failure") if end is not None else None,
            user=facts.get("user"),
            process=facts.get("process"),
            saved_bytes=facts.get("bytes"),
            downloaded_bytes=plan.download_size if staged and plan else None,
        )

    def _lost(self, id: str) -> Transaction:
        """Return a transaction of whose journal nothing is left."""
        stamp = _timestamp(id)
        started = stamp if stamp is not None else datetime.fromtimestamp(0, UTC)
        plan = self._plan(id) or _unreadable_plan(started)
        return Transaction(
            id=id, plan=plan, started=started, outcome=Outcome.INCOMPLETE, error=_DAMAGED
        )

    def _plan(self, id: str) -> Plan | None:
        try:
            return plan_from_text((self.folder(id) / "plan.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None


def _unreadable_plan(started: datetime) -> Plan:
    """Return a plan without changes, to stand for one that cannot be read."""
    return Plan(
        requested=(), changes=(), environment_fingerprint="", python=Path(), created=started
    )


def _timestamp(id: str) -> datetime | None:
    try:
        return datetime.strptime(id.partition("-")[0], _TIMESTAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def _time(line: Line) -> datetime:
    return datetime.fromisoformat(line["at"])
