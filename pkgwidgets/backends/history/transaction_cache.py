"""Keep what was read of past transactions while their files are unchanged.

A long history is then a few stats for each transaction, not two files to parse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from time import time_ns
from typing import TYPE_CHECKING

from pkgwidgets.backends.store.file_times import SETTLED_NS

if TYPE_CHECKING:
    from pkgwidgets.core.transactions import Transaction

_FILES = ("journal", "plan.json")

_Stamp = tuple[tuple[int, int, int, int], ...]


class TransactionCache:
    """The transactions that were read, by folder, with the state of their files."""

    def __init__(self) -> None:
        self._entries: dict[Path, tuple[_Stamp, Transaction | None]] = {}

    def get(self, folder: Path, read: Callable[[], Transaction | None]) -> Transaction | None:
        """Return the transaction of a folder; read it if its files differ from the last time.

        One that is not whole is always read again: its files may only have been unreadable.
        """
        stamp = _stamp(folder)
        known = self._entries.get(folder)
        if known is not None and known[0] == stamp:
            return known[1]
        transaction = read()
        is_whole = transaction is not None and _is_whole(transaction)
        if is_whole and stamp is not None and _stamp(folder) == stamp:
            self._entries[folder] = stamp, transaction
        return transaction


def _is_whole(transaction: Transaction) -> bool:
    from pkgwidgets.core.transactions import Outcome  # late: the stat key needs no transaction

    whole = (Outcome.COMMITTED, Outcome.ROLLED_BACK)
    return transaction.outcome in whole and bool(transaction.changes)


def _stamp(folder: Path) -> _Stamp | None:
    """Return the state of a transaction's files; None if it may change without a trace."""
    stamps = []
    for name in _FILES:
        try:
            status = (folder / name).stat()
        except OSError:
            return None
        times = status.st_mtime_ns, status.st_ctime_ns
        if time_ns() - max(times) < SETTLED_NS:
            return None
        stamps.append((*times, status.st_size, status.st_ino))
    return tuple(stamps)


def stat_key(folders: Iterable[Path]) -> str:
    """Return a text that changes with these transactions; "" if a change could be missed."""
    stamps = {str(folder): _stamp(folder) for folder in folders}
    return repr(stamps) if all(stamps.values()) else ""
