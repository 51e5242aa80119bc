"""Transactions as append-only JSON lines, each with a checksum and the hash of the line before."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any

from pkgwidgets.core.canonical import plan_from_text, plan_to_text
from pkgwidgets.core.model import Outcome, Plan, Transaction

_FORMAT = 1
_STAMP = "%Y%m%dT%H%M%S%f"
_ENDS = {
    "COMMIT": Outcome.COMMITTED,
    "ROLLED_BACK": Outcome.ROLLED_BACK,
    "ABORTED": Outcome.ROLLED_BACK,
    "RB_INCOMPLETE": Outcome.BROKEN,
}
"""The records that end a transaction; an aborted one never touched the environment."""

_Line = dict[str, Any]


class FolderJournal:
    """One folder a transaction under `place/txn`: `plan.json` and `journal`.

    History is these journals: there is no second record that could disagree with what happened.
    """

    def __init__(self, place: Path) -> None:
        self._all = place / "txn"

    def start(self, plan: Plan) -> Transaction:
        """Begin the record of a plan; its id sorts after all others, whatever the clock says."""
        now = datetime.now(UTC)
        id = f"{self._later_than_all(now):{_STAMP}}-{secrets.token_hex(3)}"
        folder = self.folder(id)
        folder.mkdir(parents=True, mode=0o700)
        with (folder / "plan.json").open("w", encoding="utf-8") as file:
            file.write(plan_to_text(plan))
            file.flush()
            os.fsync(file.fileno())
        self.record(id, "PLAN", plan=plan.id)
        return Transaction(id=id, plan=plan, started=now)

    def _later_than_all(self, now: datetime) -> datetime:
        """Return the time, or the moment after the newest id: a clock may have been put back."""
        newest = (
            max((path.name for path in self._all.iterdir()), default="")
            if self._all.is_dir()
            else ""
        )
        try:
            last = datetime.strptime(newest.partition("-")[0], _STAMP).replace(tzinfo=UTC)
        except ValueError:
            return now
        return max(now, last + timedelta(microseconds=1))

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one line and make it durable before returning."""
        path = self.folder(transaction) / "journal"
        with path.open("a+b") as file:
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            if lines and _good(lines[-1]) is None:  # torn: it was never written
                file.truncate(sum(map(len, lines[:-1])))
                lines.pop()
            line: _Line = {
                "v": _FORMAT,
                "n": len(lines),
                "t": step,
                "txn": transaction,
                "at": datetime.now(UTC).isoformat(),
                "prev": hashlib.sha256(lines[-1]).hexdigest() if lines else "",
                **{name: value for name, value in facts.items() if value is not None},
            }
            line["crc"] = _checksum(line)
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def transactions(self) -> Sequence[Transaction]:
        """Read all, oldest first; one without a plan that reads is no transaction of ours."""
        try:
            ids = sorted(path.name for path in self._all.iterdir())
        except (FileNotFoundError, PermissionError):
            return ()  # who may not read what was done here may not change anything either
        found = []
        for id in ids:
            try:
                plan = plan_from_text((self._all / id / "plan.json").read_text("utf-8"))
            except (OSError, ValueError):
                continue
            lines = self._lines(id)
            if lines:
                found.append(_transaction(id, plan, lines))
        # The next begins only when the last has ended: how it did is not known here any more.
        ended = [_damaged(t) if t.outcome is Outcome.STARTED else t for t in found[:-1]]
        return (*ended, *found[-1:])

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the steps recorded so far, oldest first, up to the first that is damaged."""
        lines = self._lines(transaction)
        whole = takewhile(lambda pair: pair[0] == pair[1]["n"], enumerate(lines))
        return tuple(str(line["t"]) for _, line in whole)

    def folder(self, transaction: str) -> Path:
        """Return where a transaction keeps its files."""
        return self._all / transaction

    def _lines(self, transaction: str) -> list[_Line]:
        """Read the lines that have their checksum: damage to one hides no other."""
        try:
            raw = (self.folder(transaction) / "journal").read_bytes()
        except OSError:
            return []
        lines = [_good(text) for text in raw.splitlines(keepends=True)]
        return [line for line in lines if line is not None and line.get("txn") == transaction]


def _damaged(transaction: Transaction) -> Transaction:
    return replace(transaction, outcome=Outcome.BROKEN, error="its journal is damaged")


def _good(text: bytes) -> _Line | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not text.endswith(b"\n") or not isinstance(line, dict):
        return None
    return line if line.pop("crc", None) == _checksum(line) else None


def _checksum(line: _Line) -> str:
    return f"{zlib.crc32(json.dumps(line).encode()):08x}"


def _transaction(id: str, plan: Plan, lines: list[_Line]) -> Transaction:
    end = next((line for line in reversed(lines) if line["t"] in _ENDS), None)
    return Transaction(
        id=id,
        plan=plan,
        started=datetime.fromisoformat(lines[0]["at"]),
        finished=datetime.fromisoformat(end["at"]) if end is not None else None,
        outcome=_ENDS[end["t"]] if end is not None else Outcome.STARTED,
        error=end.get("error") if end is not None else None,
    )
