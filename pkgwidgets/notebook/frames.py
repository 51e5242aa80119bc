"""The columns and dtypes of each DataFrame, and the functions that make them from values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import pandas as pd

from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.analysis.run_comparison import Rehearsal, Verdict
from pkgwidgets.core.audit import AuditRow
from pkgwidgets.core.copies import EnvironmentCopy
from pkgwidgets.core.drift import Difference, DriftRow
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plans import Change
from pkgwidgets.core.policy import ListedHold
from pkgwidgets.core.transactions import Outcome, Transaction

from .last_results import LastResults
from .styled_frames import FullTextFrame, RehearsalFrame, UpdatesFrame

_TIME = "datetime64[ns, UTC]"
_PLAIN_TYPES = frozenset({str, bool, datetime, type(None)})
"""The types of values that a column takes as they are."""

PACKAGES = {
    "version": "string",
    "latest_version": "string",
    "compatible_version": "string",
    "update_available": "boolean",
    "change": pd.CategoricalDtype([b.value for b in VersionStep]),
    "blocked_by": "string",
    "released": _TIME,
    "project_status": "string",
    "yanked": "string",
    "attestations": "string",
    "status": pd.CategoricalDtype([s.value for s in PackageStatus]),
    "requested": "boolean",
    "loaded_version": "string",
    "installed": _TIME,
    "last_upgraded": _TIME,
    "install_path": "string",
    "origin": pd.CategoricalDtype([o.value for o in Origin]),
    "error": "string",
    "failed_change": "string",
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
"""The result for each package of a transaction; its index is `name`."""

DRIFT = {
    "locked": "string",
    "installed": "string",
    "difference": pd.CategoricalDtype([difference.value for difference in Difference]),
}
"""The packages that differ from a lock; its index is `name`."""

COPIES = {
    "python_version": "string",
    "kernel": "string",
    "packages": "Int64",
    "created": _TIME,
    "source": "string",
    "folder": "string",
}
"""The copies of environments; its index is `name`."""

HOLDS = {
    "versions": "string",
    "reason": "string",
    "since": _TIME,
    "until": "string",
    "by": "string",
    "source": "string",
    "active": "boolean",
}
"""What limits versions; its index is `name`."""

HISTORY = {
    "started": _TIME,
    "finished": _TIME,
    "seconds": "Float64",
    "outcome": pd.CategoricalDtype([o.value for o in Outcome]),
    "changes": "string",
    "user": "string",
    "requested_by": "string",
    "process": "string",
    "saved_bytes": "Int64",
    "downloaded_bytes": "Int64",
    "undoes": "string",
    "undone_by": "string",
    "error": "string",
}
"""The transactions, newest first; its index is `transaction`."""

ADVISORIES = {
    "package": "string",
    "version": "string",
    "advisory": "string",
    "aliases": "string",
    "severity": pd.CategoricalDtype(["low", "medium", "high", "critical"], ordered=True),
    "fixed_in": "string",
    "safe_version": "string",
    "blocked_by": "string",
    "source": "string",
    "as_of": _TIME,
    "error": "string",
}
"""The known vulnerabilities; its index is the row number."""

IMPACT = {
    "cell": "Int64",
    "package": "string",
    "name": "string",
    "finding": "string",
    "severity": pd.CategoricalDtype([s.value for s in Severity], ordered=True),
}
"""The impact of a plan on the cells of a notebook; its index is the row number."""

REHEARSAL: dict[str, Any] = {
    "notebook": "string",
    "cell": "Int64",
    "before": "string",
    "after": "string",
    "verdict": pd.CategoricalDtype([v.value for v in Verdict]),
    "seconds_before": "Float64",
    "seconds_after": "Float64",
}
"""The cells of rehearsed notebooks, in order; its index is the row number."""


def copies(rows: Sequence[EnvironmentCopy]) -> pd.DataFrame:
    """Return copies of environments; `PackageService.environments` describes the columns."""
    columns: dict[str, list[Any]] = {
        "python_version": [row.python_version for row in rows],
        "kernel": [row.kernel or None for row in rows],
        "packages": [row.packages for row in rows],
        "created": [row.created for row in rows],
        "source": [str(row.source) for row in rows],
        "folder": [str(row.folder) for row in rows],
    }
    return FullTextFrame(_make_frame(columns, COPIES, [row.name for row in rows], "name"))


def drift(rows: Sequence[DriftRow]) -> pd.DataFrame:
    """Return the packages that differ from a lock; `PackageService.drift` describes the columns."""
    columns: dict[str, list[Any]] = {
        name: [_column_value(getattr(row, name)) for row in rows] for name in DRIFT
    }
    return FullTextFrame(_make_frame(columns, DRIFT, [row.name for row in rows], "name"))


def advisories(rows: Sequence[AuditRow]) -> pd.DataFrame:
    """Return the rows of an audit, the worst first.

    `PackageService.check_advisories` describes the columns.
    """
    columns: dict[str, list[Any]] = {
        name: [_column_value(getattr(row, name, None)) for row in rows] for name in ADVISORIES
    }
    columns["package"] = [row.name for row in rows]
    columns["aliases"] = [", ".join(row.aliases) for row in rows]
    columns["severity"] = [row.severity or None for row in rows]
    columns["error"] = [row.error or None for row in rows]
    frame = _make_frame(columns, ADVISORIES, list(map(str, range(len(rows)))), "")
    return FullTextFrame(frame.reset_index(drop=True))


def impact(rows: Sequence[Impact]) -> pd.DataFrame:
    """Return the impact of a plan on the cells of a notebook, the worst first.

    `PackageService.impact` describes the columns.
    """
    columns = {name: [_plain_value(getattr(row, name)) for row in rows] for name in IMPACT}
    frame = _make_frame(columns, IMPACT, list(map(str, range(len(rows)))), "").reset_index(
        drop=True
    )
    return FullTextFrame(frame)


def rehearsal(rehearsed: Rehearsal) -> RehearsalFrame:
    """Return the cells of a rehearsal, in order.

    `PackageService.rehearse` describes the columns.
    """
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
    frame = RehearsalFrame(
        {name: pd.Series(values, dtype=REHEARSAL[name]) for name, values in columns.items()}
    )
    object.__setattr__(frame, "rehearsal", rehearsed)
    return frame


def packages(packages: Iterable[PackageInfo]) -> pd.DataFrame:
    """Return the package frame: one row per distribution, in the given order.

    `update_available` is NA where the index was not asked or did not answer; then `error` has the
    reason. `PackageService.get_packages` describes the columns.
    """
    return _package_frame(tuple(packages)).copy()  # a user may change it


def _make_package_frame(rows: Sequence[PackageInfo]) -> pd.DataFrame:
    columns = {name: _column(list(map(attrgetter(name), rows))) for name in PACKAGES}
    return _make_frame(columns, PACKAGES, [info.name for info in rows], "name")


def _column(values: list[Any]) -> list[Any]:
    """Return the values for a column; most are already texts, times or None."""
    return (
        values if _PLAIN_TYPES.issuperset(map(type, values)) else list(map(_column_value, values))
    )


_package_frame = LastResults(_make_package_frame)


def updates(rows: Iterable[PackageInfo]) -> UpdatesFrame:
    """Return the package frame after a check: a cell shows what is newer, with counts."""
    return UpdatesFrame(packages(rows))


def changes(transaction: Transaction) -> pd.DataFrame:
    """Return the result for each package: `status` is the outcome, or why it was held back."""
    changed: Sequence[Change] = transaction.changes
    changed_names = {change.id for change in changed}
    held_back = [row for row in transaction.plan.held_back if row.id not in changed_names]
    columns: dict[str, list[Any]] = {
        "before": [_column_value(c.before) for c in changed]
        + [str(blocked.kept_version) for blocked in held_back],
        "after": [_column_value(c.after) for c in changed]
        + [str(blocked.kept_version) for blocked in held_back],
        "kind": [c.kind.value for c in changed] + ["held back" for _ in held_back],
        "status": [transaction.outcome.value for _ in changed]
        + [blocked.reason for blocked in held_back],
        "requested": [c.requested for c in changed] + [True for _ in held_back],
        "transaction": [transaction.id for _ in changed] + [None for _ in held_back],
    }
    names = [c.name for c in changed] + [blocked.name for blocked in held_back]
    return FullTextFrame(_make_frame(columns, CHANGES, names, "name"))


def history(transactions: Sequence[Transaction]) -> pd.DataFrame:
    """Return the transactions, newest first; unknown values are NA.

    `PackageService.history` describes the columns.
    """
    rows = list(reversed(transactions))
    undone = {
        transaction.plan.undoes: transaction.id
        for transaction in rows
        if transaction.plan.undoes and transaction.outcome is Outcome.COMMITTED
    }
    columns: dict[str, list[Any]] = {
        "started": [transaction.started for transaction in rows],
        "finished": [transaction.finished for transaction in rows],
        "seconds": [_seconds(transaction) for transaction in rows],
        "outcome": [transaction.outcome.value for transaction in rows],
        "changes": [", ".join(transaction.change_texts) for transaction in rows],
        "user": [transaction.user for transaction in rows],
        "requested_by": [transaction.requested_by for transaction in rows],
        "process": [transaction.process for transaction in rows],
        "saved_bytes": [transaction.saved_bytes for transaction in rows],
        "downloaded_bytes": [transaction.downloaded_bytes for transaction in rows],
        "undoes": [transaction.plan.undoes for transaction in rows],
        "undone_by": [undone.get(transaction.id) for transaction in rows],
        "error": [transaction.error for transaction in rows],
    }
    return _make_frame(columns, HISTORY, [transaction.id for transaction in rows], "transaction")


def holds(rows: Sequence[ListedHold]) -> pd.DataFrame:
    """Return what limits versions, a row per limit; `PackageService.holds` has the columns."""
    columns: dict[str, list[Any]] = {
        "versions": [row.versions for row in rows],
        "reason": [row.reason or None for row in rows],
        "since": [row.since for row in rows],
        "until": [None if row.until is None else str(row.until) for row in rows],
        "by": [row.by or None for row in rows],
        "source": [row.source for row in rows],
        "active": [row.is_active for row in rows],
    }
    return FullTextFrame(_make_frame(columns, HOLDS, [row.name for row in rows], "name"))


def _make_frame(
    columns: dict[str, list[Any]], dtypes: dict[str, Any], index: list[str], name: str
) -> pd.DataFrame:
    series = {
        # By way of an object series, so that pandas 2 and 3 treat None and all-missing times alike.
        column: _utc_times(values)
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


def _utc_times(values: list[Any]) -> pd.Series[Any]:
    """Return times in UTC; times outside 1678 to 2261, which nanoseconds cannot hold, are NaT."""
    representable = [time if time is None or 1678 <= time.year <= 2261 else None for time in values]
    times: pd.Series[Any] = pd.to_datetime(pd.Series(representable, dtype=object), utc=True)
    return times.astype("datetime64[ns, UTC]")


def _plain_value(value: Any) -> Any:
    return value if value is None or isinstance(value, int) else str(value)


def _column_value(value: Any) -> Any:
    """Return a value for a column: versions and paths as text; None, booleans and times as is."""
    if value is None or isinstance(value, bool | datetime):
        return value
    return str(value)
