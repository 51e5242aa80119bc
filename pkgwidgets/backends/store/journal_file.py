"""Journals as append-only JSON lines, each with a checksum and the hash of the line before.

Standard library only: recovery runs on it when nothing else does.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pkgwidgets.core.errors import DiskFailed, RollbackFailed

from . import filesystem

FORMAT = 1
BACKWARDS = ("RB_BEGIN", "ROLLED_BACK", "RB_INCOMPLETE", "ABORTED")
"""The records of a way back; for them the reserved room is there."""
RESERVE = 64 << 10
"""So many bytes are kept free for them from the start."""
_NAME = re.compile(r"[0-9A-Za-z-]+")

Line = dict[str, Any]


class JournalFiles:
    """The journals under `place/txn`, and `place/open`, which names the one that has not ended.

    That file is there only while a transaction is open: whether there is anything to recover is
    one look at it. It is durable before the transaction's folder is made, and is removed when all
    is done; one that is left over names a transaction that has ended, which does no harm.
    """

    def __init__(self, place: Path) -> None:
        self._all = place / "txn"
        self._place = place
        self._marker = place / "open"
        self._undecided: dict[str, bytes] = {}

    def folder(self, transaction: str) -> Path:
        """Return where a transaction keeps its files."""
        return self._all / transaction

    def unfinished(self) -> str | None:
        """Return the transaction that is under way, or that a crash left; None as a rule.

        Raises `DiskFailed` if the disk does not tell.
        """
        try:
            id = self._marker.read_bytes().decode("ascii", "replace")
        except (FileNotFoundError, PermissionError, NotADirectoryError):
            return None  # who may not read what was done here may not change anything either
        except OSError as error:
            raise DiskFailed("", str(self._marker), filesystem.os_error_text(error)) from error
        # A name that is damaged was that of the newest.
        return id if _NAME.fullmatch(id) else max(self.ids(), default="damaged")

    def ids(self) -> list[str]:
        """Return all transactions that have a folder, oldest first."""
        try:
            return sorted(path.name for path in self._all.iterdir())
        except OSError:
            return []

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the steps recorded so far, oldest first; those that are damaged are left out."""
        return tuple(str(line.get("t")) for line in self.lines(transaction))

    def lines(self, transaction: str) -> list[Line]:
        """Read the lines that have their checksum: damage to one hides no other.

        Raises `DiskFailed` if the disk does not give them.
        """
        with as_disk_failed(transaction):
            raw = self._read(transaction)
        found = [valid_lines(text) for text in raw.splitlines(keepends=True)]
        return [line for line in found if line is not None and line.get("txn") == transaction]

    def is_other_format(self, transaction: str) -> bool:
        """Tell whether another version than ours wrote it, by other rules perhaps.

        What stays in all versions are `v`, `txn` and `crc`.
        """
        return any(line.get("v") != FORMAT for line in self.lines(transaction))

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one line, durable when this returns; raises `DiskFailed` if it cannot be.

        A line that failed is taken back, for it may be on the disk or not: nobody may find a
        COMMIT later that was answered with an error. If even that cannot be made durable, COMMIT
        is undecided: `RollbackFailed` is raised, nothing is put back, and the next session goes
        by what it reads. Old and new are both whole then.
        """
        with as_disk_failed(transaction):
            try:
                self._append(transaction, step, facts)
            except OSError as error:
                if error.errno not in filesystem.FULL or step not in BACKWARDS:
                    raise
                filesystem.release(self.folder(transaction) / "reserve")
                self._append(transaction, step, facts)

    def close(self, transaction: str) -> None:
        """Clear away what only an open transaction needs; the marker goes last.

        It stays, for the next recovery, while anything does that could not be removed.
        """
        folder = self.folder(transaction)
        with suppress(OSError):
            filesystem.remove_tree(folder / "stage")
            filesystem.remove_tree(self._place / "trash")
            for name in ("reserve", "recover.pyz"):
                filesystem.remove(folder / name)
            if not self.has_records(transaction):
                filesystem.remove_tree(folder)
            # Else what is cleared away might be there again after a power cut, and unmarked.
            for place in (folder, self._all, self._place):
                if place.is_dir():
                    filesystem.sync_path(place)
            filesystem.remove(self._marker)

    def has_records(self, transaction: str) -> bool:
        """Tell whether there is anything of a transaction that counts: a journal, old files."""
        folder = self.folder(transaction)
        journal = folder / "journal"
        return (folder / "manifest.json").exists() or (
            journal.exists() and journal.stat().st_size > 0
        )

    def _append(self, transaction: str, step: str, facts: dict[str, str | int | None]) -> None:
        self._settle(transaction)
        path = self.folder(transaction) / "journal"
        raw = self._read(transaction)
        lines = raw.splitlines(keepends=True)
        if lines and valid_lines(lines[-1]) is None:  # torn: it was never written
            raw = b"".join(lines[:-1])
            filesystem.write_whole(path, raw)
            lines.pop()
        text = _line(transaction, step, facts, lines)
        filesystem.reach(f"{step}:before")
        try:
            with filesystem.opened(path) as file:
                filesystem.write(file, text)
                filesystem.reach(f"{step}:written")
                filesystem.sync(file)
            if not lines:
                filesystem.sync_path(path.parent)
        except OSError:
            self._take_back(transaction, step, raw)
            raise
        filesystem.reach(f"{step}:synced")

    def _take_back(self, transaction: str, step: str, raw: bytes) -> None:
        """Make a line that failed not there, durably; only for COMMIT it has to be."""
        if step == "COMMIT":
            self._undecided[transaction] = raw
            self._settle(transaction)
            return
        with suppress(OSError):
            self._rewrite(transaction, raw)

    def _settle(self, transaction: str) -> None:
        if transaction not in self._undecided:
            return
        try:
            self._rewrite(transaction, self._undecided[transaction])
        except OSError as error:
            folder = self.folder(transaction)
            reason = f"{folder / 'journal'}: {filesystem.os_error_text(error)}"
            raise RollbackFailed(transaction, (reason,), str(folder)) from error
        del self._undecided[transaction]

    def _rewrite(self, transaction: str, raw: bytes) -> None:
        # A new file: after an fsync that failed, another one of the same file proves nothing.
        folder = self.folder(transaction)
        filesystem.release(folder / "reserve")
        filesystem.write_whole(folder / "journal", raw)

    def _read(self, transaction: str) -> bytes:
        if transaction in self._undecided:  # committed is only what is durable
            return self._undecided[transaction]
        try:
            return (self.folder(transaction) / "journal").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""


@contextmanager
def as_disk_failed(transaction: str) -> Iterator[None]:
    """Turn what the disk refuses into `DiskFailed`, with the file and the reason."""
    try:
        yield
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else str(error.filename or "")
        raise DiskFailed(transaction, path, filesystem.os_error_text(error)) from error


def valid_lines(text: bytes) -> Line | None:
    """Return a line that is whole; None for one that is torn, damaged or none of ours."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not text.endswith(b"\n") or not isinstance(line, dict):
        return None
    return line if line.pop("crc", None) == _checksum(line) else None


def _line(
    transaction: str, step: str, facts: dict[str, str | int | None], before: list[bytes]
) -> bytes:
    line: Line = {
        "v": FORMAT,
        "n": len(before),
        "t": step,
        "txn": transaction,
        "at": datetime.now(UTC).isoformat(),
        "prev": hashlib.sha256(before[-1]).hexdigest() if before else "",
        **{name: value for name, value in facts.items() if value is not None},
    }
    line["crc"] = _checksum(line)
    return json.dumps(line).encode() + b"\n"


def _checksum(line: Line) -> str:
    return f"{zlib.crc32(json.dumps(line).encode()):08x}"
