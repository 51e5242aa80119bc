"""Columns and dtypes of each DataFrame, and the way from values to frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.analysis.output_diff import Rehearsal, Verdict
from pkgwidgets.core.environment import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plans import Change
from pkgwidgets.core.transactions import Outcome, Transaction

from .styled_frames import FullTextFrame, RehearsalFrame

_TIME = "datetime64[ns, UTC]"

PACKAGES = {
    "version": "string",
    "latest_version": "string",
    "compatible_version": "string",
    "update_available": "boolean",
    "change": pd.CategoricalDtype([b.value for b in VersionStep]),
    "blocked_by": "string",
    "released": _TIME,
    "status": pd.CategoricalDtype([s.value for s in PackageStatus]),
    "requested": "boolean",
    "loaded_version": "string",
    "installed": _TIME,
    "last_upgraded": _TIME,
    "install_path": "string",
    "origin": pd.CategoricalDtype([o.value for o in Origin]),
    "error": "string",
}
"""The package frame; its index is `name`."""

CHANGES = {
    "before": "string",
    "after": "string",
    "kind": "string",
    "status": "string",
    "requested": "boolean",
    "transaction": "string",
}
"""What became of each package of a transaction; its index is `name`."""

HISTORY = {
    "started": _TIME,
    "finished": _TIME,
    "seconds": "Float64",
    "outcome": pd.CategoricalDtype([o.value for o in Outcome]),
    "changes": "string",
    "user": "string",
    "process": "string",
    "saved_bytes": "Int64",
    "downloaded_bytes": "Int64",
    "undoes": "string",
    "undone_by": "string",
    "error": "string",
}
"""The transactions, newest first; its index is `transaction`."""

IMPACT = {
    "cell": "Int64",
    "package": "string",
    "name": "string",
    "finding": "string",
    "severity": pd.CategoricalDtype([s.value for s in Severity], ordered=True),
}
"""What a plan means for the cells of a notebook; its index counts the rows."""

REHEARSAL: dict[str, Any] = {
    "notebook": "string",
    "cell": "Int64",
    "before": "string",
    "after": "string",
    "verdict": pd.CategoricalDtype([v.value for v in Verdict]),
    "seconds_before": "Float64",
    "seconds_after": "Float64",
}
"""The cells of rehearsed notebooks, in order; its index counts the rows."""


def impact(rows: Sequence[Impact]) -> pd.DataFrame:
    """Return what a plan means for the cells of a notebook, the worst first."""
    columns = {name: [_bare(getattr(row, name)) for row in rows] for name in IMPACT}
    made = _frame(columns, IMPACT, list(map(str, range(len(rows)))), "").reset_index(drop=True)
    return FullTextFrame(made)


def rehearsal(rehearsed: Rehearsal) -> RehearsalFrame:
    """Return the cells of a rehearsal, in order."""
    cells = rehearsed.cells
    columns: dict[str, list[Any]] = {
        "notebook": [cell.notebook.name for cell in cells],
        "cell": [cell.number for cell in cells],
        "before": [cell.before.text for cell in cells],
        "after": [cell.after.text for cell in cells],
        "verdict": [cell.verdict.value for cell in cells],
        "seconds_before": [cell.before.seconds for cell in cells],
        "seconds_after": [cell.after.seconds for cell in cells],
    }
    made = RehearsalFrame(
        {name: pd.Series(values, dtype=REHEARSAL[name]) for name, values in columns.items()}
    )
    object.__setattr__(made, "rehearsal", rehearsed)
    return made


def packages(infos: Iterable[PackageInfo]) -> pd.DataFrame:
    """Return the package frame: one row per distribution, in the order given.

    `update_available` is NA where the index was not asked or its answer is not known; the reason
    is in `error` then. Times are UTC.
    """
    rows = list(infos)
    columns = {name: [_column_value(getattr(info, name)) for info in rows] for name in PACKAGES}
    return _frame(columns, PACKAGES, [info.name for info in rows], "name")


def changes(transaction: Transaction) -> pd.DataFrame:
    """Return what became of each package: `status` is the transaction's outcome, or held back."""
    done: Sequence[Change] = transaction.changes
    changed = {change.id for change in done}
    held = [held for held in transaction.plan.held_back if held.id not in changed]
    columns: dict[str, list[Any]] = {
        "before": [_column_value(c.before) for c in done] + [str(h.kept_version) for h in held],
        "after": [_column_value(c.after) for c in done] + [str(h.kept_version) for h in held],
        "kind": [c.kind.value for c in done] + ["held back" for _ in held],
        "status": [transaction.outcome.value for _ in done] + [h.reason for h in held],
        "requested": [c.requested for c in done] + [True for _ in held],
        "transaction": [transaction.id for _ in done] + [None for _ in held],
    }
    names = [c.name for c in done] + [h.name for h in held]
    return FullTextFrame(_frame(columns, CHANGES, names, "name"))


def history(transactions: Sequence[Transaction]) -> pd.DataFrame:
    """Return the transactions, newest first.

    When each began and ended, UTC, and the seconds between; how it ended and what it changed;
    which user asked for it, and in what kind of process: kernel, server, terminal or script;
    the bytes of the old files that were kept, and those that were downloaded, at most (a cache
    may have held some); which transaction it takes back, and by which it was taken back; why it
    failed. What is not known is NA.
    """
    rows = list(reversed(transactions))
    undone = {t.plan.undoes: t.id for t in rows if t.plan.undoes and t.outcome is Outcome.COMMITTED}
    columns: dict[str, list[Any]] = {
        "started": [t.started for t in rows],
        "finished": [t.finished for t in rows],
        "seconds": [_seconds(t) for t in rows],
        "outcome": [t.outcome.value for t in rows],
        "changes": [", ".join(map(str, t.changes)) for t in rows],
        "user": [t.user for t in rows],
        "process": [t.process for t in rows],
        "saved_bytes": [t.saved_bytes for t in rows],
        "downloaded_bytes": [t.downloaded_bytes for t in rows],
        "undoes": [t.plan.undoes for t in rows],
        "undone_by": [undone.get(t.id) for t in rows],
        "error": [t.error for t in rows],
    }
    return _frame(columns, HISTORY, [t.id for t in rows], "transaction")


def _frame(
    columns: dict[str, list[Any]], dtypes: dict[str, Any], index: list[str], name: str
) -> pd.DataFrame:
    series = {
        # Through an object series: pandas 2 and 3 then agree on None, and on times without any.
        column: _times(values)
        if dtypes[column] == _TIME
        else pd.Series(values, dtype=dtypes[column])
        for column, values in columns.items()
    }
    frame = pd.DataFrame(series)
    frame.index = pd.Index(index, name=name, dtype="object")
    return frame


def _seconds(transaction: Transaction) -> float | None:
    if transaction.finished is None:
        return None
    return (transaction.finished - transaction.started).total_seconds()


def _times(values: list[Any]) -> pd.Series[Any]:
    """Return times in UTC; what nanoseconds cannot hold, before 1678 or after 2261, is unknown."""
    kept = [time if time is None or 1678 <= time.year <= 2261 else None for time in values]
    times: pd.Series[Any] = pd.to_datetime(pd.Series(kept, dtype=object), utc=True)
    return times.astype("datetime64[ns, UTC]")


def _bare(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


def _column_value(value: Any) -> Any:
    """Return what a column takes: text for versions and paths, None, booleans and times as is."""
    if value is None or isinstance(value, bool | datetime):
        return value
    return str(value)
