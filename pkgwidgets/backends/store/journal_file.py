"""Journals as append-only JSON lines, each with a checksum and the hash of the line before.

Standard library only: recovery runs on it when nothing else runs.
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

from pkgwidgets.core.errors import DiskFailed, OtherVersion, RollbackFailed

from . import fail_points, filesystem, manifest, room

FORMAT = 1
ROLLBACK_STEPS = ("RB_BEGIN", "ROLLED_BACK", "INCOMPLETE", "ABORTED")
"""The steps of a rollback, which may use the reserved space."""
RESERVE_BYTES = 64 << 10
"""Space that is reserved for them when a transaction starts."""
_OLD_NAMES = {"RB_INCOMPLETE": "INCOMPLETE"}
"""Steps that older versions named otherwise."""
_NAME = re.compile(r"[0-9A-Za-z-]{1,100}")

Line = dict[str, Any]


class JournalFiles:
    """The journals under `place/txn`, and `place/open`, which names the open transactions.

    `place/open` exists only while a transaction is open, so looking for work to recover is one
    read. It is durable before the transaction's folder is made, and is removed at the very end.
    A leftover file names a transaction that has ended, which does no harm. Beside the running
    transaction it names those whose rollback is incomplete, one on each line, oldest first.
    """

    def __init__(self, place: Path) -> None:
        self._transactions = place / "txn"
        self.data_folder = place
        """The folder of all that belongs to pkgwidgets in the environment."""
        self._marker = place / "open"
        self._undecided: dict[str, bytes] = {}

    def folder(self, transaction: str) -> Path:
        """Return the folder of a transaction."""
        return self._transactions / transaction

    def unfinished(self) -> tuple[str, ...]:
        """Return the transactions that are open, oldest first; the last one may be running.

        Raises `DiskFailed` if the marker cannot be read, also for want of permission.
        """
        try:
            lines = self._marker.read_bytes().decode("ascii", "replace").split("\n")
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise DiskFailed("", str(self._marker), filesystem.os_error_text(error)) from error
        if all(_NAME.fullmatch(line) for line in lines):
            return tuple(lines)
        # A damaged marker named the newest transaction, and perhaps incomplete ones.
        return self._incomplete_ids() or (max(self.ids(), default="damaged"),)

    def _incomplete_ids(self) -> tuple[str, ...]:
        """Return the transactions that have not ended, by their journals, and the newest one."""
        ids = self.ids()
        ends = {id_: self.steps(id_)[-1:] for id_ in ids[:-1]}
        return tuple(id_ for id_ in ids[:-1] if ends[id_] == ("INCOMPLETE",)) + tuple(ids[-1:])

    def incomplete_paths(self, transaction: str) -> tuple[str, ...]:
        """Return the paths that its last rollback did not restore; () if they are unknown."""
        lines = [line for line in self.lines(transaction) if step_of(line) == "INCOMPLETE"]
        try:
            return tuple(map(str, json.loads(lines[-1]["paths"]))) if lines else ()
        except (KeyError, ValueError, TypeError):
            return ()

    def mark_open(self, transaction: str) -> None:
        """Name one more open transaction, durably; before it has a folder."""
        names = (*self.unfinished(), transaction)
        filesystem.write_whole(self._marker, "\n".join(names).encode())

    def _mark_ended(self, transaction: str) -> None:
        names = [name for name in self.unfinished() if name != transaction]
        if names:
            filesystem.write_whole(self._marker, "\n".join(names).encode())
        else:
            filesystem.remove(self._marker)

    def ids(self) -> list[str]:
        """Return all transactions that have a folder, oldest first."""
        try:
            return sorted(path.name for path in self._transactions.iterdir())
        except OSError:
            return []

    def steps(self, transaction: str) -> tuple[str, ...]:
        """Return the recorded steps, oldest first; damaged lines are left out."""
        return tuple(map(step_of, self.lines(transaction)))

    def lines(self, transaction: str) -> list[Line]:
        """Read the lines with a valid checksum; a damaged line does not hide the others.

        Raises `DiskFailed` if the journal cannot be read.
        """
        with as_disk_failed(transaction):
            raw = self._read(transaction)
        parsed = [parse_line(text) for text in raw.splitlines(keepends=True)]
        return [line for line in parsed if line is not None and line.get("txn") == transaction]

    def is_other_format(self, transaction: str) -> bool:
        """Return whether a version of pkgwidgets wrote it whose journal, plan or manifest differs.

        The lines of all formats have `v`, `txn` and `crc`.
        """
        if any(line.get("v") != FORMAT for line in self.lines(transaction)):
            return True
        folder = self.folder(transaction)
        return manifest.is_other_format(_content(folder / "manifest.json")) or _is_other_plan(
            _content(folder / "plan.json")
        )

    def unfinished_elsewhere(self) -> OtherVersion | None:
        """Return the error if only another version can finish the open transaction; else None."""
        try:
            others = [name for name in self.unfinished() if self.is_other_format(name)]
        except DiskFailed:
            return None
        errors = [error for error in map(self.other_version, others) if not error.can_finish]
        return errors[0] if errors else None

    def other_version(self, transaction: str) -> OtherVersion:
        """Return the error for an unfinished transaction of another version."""
        folder = self.folder(transaction)
        return OtherVersion(transaction, str(folder), (folder / "recover.pyz").is_file())

    def record(self, transaction: str, step: str, **facts: str | int | None) -> None:
        """Append one line, durably; raise `DiskFailed` if that fails.

        A failed line may be on the disk or not, so it is removed. A COMMIT that was reported as an
        error must not be found later. If the removal cannot be made durable, either, COMMIT is
        undecided. Then `RollbackFailed` is raised and nothing is rolled back; the next session
        trusts what it reads. Both the old and the new files are whole in that case.
        """
        with as_disk_failed(transaction):
            try:
                self._append(transaction, step, facts)
            except OSError as error:
                if error.errno not in filesystem.NO_SPACE_ERRNOS or step not in ROLLBACK_STEPS:
                    raise
                filesystem.release(self.folder(transaction) / "reserve")
                self._append(transaction, step, facts)

    def clean_up(self, transaction: str) -> None:
        """Remove what only an open transaction needs; the marker last.

        If something cannot be removed, the marker stays for the next recovery.
        """
        folder = self.folder(transaction)
        with suppress(OSError):
            filesystem.remove_tree(folder / "stage")
            filesystem.remove_tree(self.data_folder / "trash")
            room.clean_up(folder, self.data_folder.parent)
            filesystem.remove(folder / "recover.pyz")
            if not self.has_records(transaction):
                filesystem.remove_tree(folder)
            # Without a sync, a power cut could restore these files but not the marker.
            for parent in (folder, self._transactions, self.data_folder):
                if parent.is_dir():
                    filesystem.sync_path(parent)
            self._mark_ended(transaction)

    def has_records(self, transaction: str) -> bool:
        """Return whether a transaction has a journal that is not empty, or a save point."""
        folder = self.folder(transaction)
        journal = folder / "journal"
        return (folder / "manifest.json").exists() or (
            journal.exists() and journal.stat().st_size > 0
        )

    def _append(self, transaction: str, step: str, facts: dict[str, str | int | None]) -> None:
        self._rewrite_undecided(transaction)
        path = self.folder(transaction) / "journal"
        raw = self._read(transaction)
        lines = raw.splitlines(keepends=True)
        if lines and parse_line(lines[-1]) is None:  # torn: it does not count
            raw = b"".join(lines[:-1])
            filesystem.write_whole(path, raw)
            lines.pop()
        text = _encode_line(transaction, step, facts, lines)
        fail_points.reach(f"{step}:before")
        try:
            with filesystem.opened(path) as file:
                filesystem.write(file, text)
                fail_points.reach(f"{step}:written")
                filesystem.sync(file)
            if not lines:
                filesystem.sync_path(path.parent)
        except OSError:
            self._remove_failed_line(transaction, step, raw)
            raise
        fail_points.reach(f"{step}:synced")

    def _remove_failed_line(self, transaction: str, step: str, raw: bytes) -> None:
        """Remove a line that failed, durably; only a failed COMMIT must be removed."""
        if step == "COMMIT":
            self._undecided[transaction] = raw
            self._rewrite_undecided(transaction)
            return
        with suppress(OSError):
            self._rewrite(transaction, raw)

    def _rewrite_undecided(self, transaction: str) -> None:
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
        # A new file: after a failed fsync, another fsync of the same file proves nothing.
        folder = self.folder(transaction)
        filesystem.release(folder / "reserve")
        filesystem.write_whole(folder / "journal", raw)

    def _read(self, transaction: str) -> bytes:
        if transaction in self._undecided:  # only what is durable is committed
            return self._undecided[transaction]
        try:
            return (self.folder(transaction) / "journal").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return b""


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _is_other_plan(text: bytes) -> bool:
    """Return whether a plan says that it has another format; ours says nothing."""
    try:
        plan = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(plan, dict) and plan.get("format", FORMAT) != FORMAT


@contextmanager
def as_disk_failed(transaction: str) -> Iterator[None]:
    """Turn an OSError into `DiskFailed`, with the file and the reason."""
    try:
        yield
    except OSError as error:
        path = error.filename if isinstance(error.filename, str) else str(error.filename or "")
        raise DiskFailed(transaction, path, filesystem.os_error_text(error)) from error


def step_of(line: Line) -> str:
    """Return the step that a line records."""
    step = str(line.get("t"))
    return _OLD_NAMES.get(step, step)


def is_transaction_id(text: str) -> bool:
    """Tell whether a text can be the id of a transaction: never a path to another folder."""
    return _NAME.fullmatch(text) is not None


def parse_line(text: bytes) -> Line | None:
    """Return the values of a line; None if it is torn, damaged or no journal line."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not text.endswith(b"\n") or not isinstance(line, dict):
        return None
    return line if line.pop("crc", None) == _checksum(line) else None


def _encode_line(
    transaction: str, step: str, facts: dict[str, str | int | None], earlier: list[bytes]
) -> bytes:
    line: Line = {
        "v": FORMAT,
        "n": len(earlier),
        "t": step,
        "txn": transaction,
        "at": datetime.now(UTC).isoformat(),
        "prev": hashlib.sha256(earlier[-1]).hexdigest() if earlier else "",
        **{name: value for name, value in facts.items() if value is not None},
    }
    line["crc"] = _checksum(line)
    return json.dumps(line).encode() + b"\n"


def _checksum(line: Line) -> str:
    return f"{zlib.crc32(json.dumps(line).encode()):08x}"
