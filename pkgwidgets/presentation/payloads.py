"""Convert values to the JSON of REST and of the command line's `--json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.copies import CopyPlan, EnvironmentCopy
from pkgwidgets.core.drift import Drift
from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.events import Event
from pkgwidgets.core.json_values import JsonShape
from pkgwidgets.core.kernels import Restart
from pkgwidgets.core.lock import Export
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plan_json import CHANGE, HELD_BACK, HOLD_CHANGE, PLAN_NAMES, PROJECT_CHANGE
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.policy import ListedHold
from pkgwidgets.core.provenance import PublisherComparison
from pkgwidgets.core.transactions import Outcome, Transaction

from .hints import Face, held_back_text, hint_text

_Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """The result for one package that a plan changes or holds back; `error` is the reason."""

    id: NormalizedName
    name: str
    success: bool
    before: Version | None
    after: Version | None
    error: str | None


PACKAGE = JsonShape(
    PackageInfo,
    computed=("id", "update_available", "change_log"),
    without=("has_incomplete_rollback",),
)
RESTART = JsonShape(Restart, without=("required", "reasons"))
PLAN = JsonShape(
    Plan,
    names=PLAN_NAMES,
    computed=("id", "download_size", "warnings"),
    without=("kernels",),
    parts=(CHANGE, HELD_BACK, HOLD_CHANGE, PROJECT_CHANGE, RESTART),
)
TRANSACTION = JsonShape(
    Transaction,
    computed=("changes", "held_back", "holds", "undoes", "warnings"),
    without=("plan", "failure", "dismissed"),
    parts=(CHANGE, HELD_BACK, HOLD_CHANGE),
)
RESULT = JsonShape(Result)
PUBLISHERS = JsonShape(PublisherComparison, computed=("is_warning",))
HOLD = JsonShape(ListedHold, names={"is_active": "active"}, without=("is_hold",))


def error(exception: PkgwidgetsError, face: Face) -> _Json:
    """Return an error as JSON: code, message, hint, and the facts behind the message."""
    hint = hint_text(exception, face)
    texts = {"code": exception.code, "message": exception.sentence(), "hint": hint}
    return {**error_to_json(exception), **texts}


def package(info: PackageInfo) -> _Json:
    """Return a package as JSON: times in ISO 8601 UTC, paths as text, None for unknown values."""
    return PACKAGE.to_json(info)


def publishers(value: PublisherComparison) -> _Json:
    """Return a comparison of publishers as JSON."""
    return PUBLISHERS.to_json(value)


def export(value: Export) -> _Json:
    """Return a lock as JSON: the name of its file, its text, and what it lacks."""
    return {"file_name": value.file_name, "text": value.text, "notes": list(value.notes)}


def copy_plan(value: CopyPlan) -> _Json:
    """Return the plan of a copy as JSON; `left_out` maps names to reasons."""
    return {
        "name": value.name,
        "folder": str(value.folder),
        "python_version": value.python_version,
        "packages": [
            {"name": package.name, "version": str(package.version)} for package in value.packages
        ],
        "left_out": dict(value.left_out),
        "notes": list(value.notes),
        "kernel": value.kernel,
    }


def environment_copy(value: EnvironmentCopy) -> _Json:
    """Return a copy of an environment as JSON."""
    return {
        "name": value.name,
        "folder": str(value.folder),
        "python": str(value.python),
        "python_version": value.python_version,
        "source": str(value.source),
        "packages": value.packages,
        "kernel": value.kernel,
        "created": value.created.isoformat(),
        "notes": list(value.notes),
    }


def drift(value: Drift) -> _Json:
    """Return a drift as JSON: the packages that differ, and how many the lock has."""
    rows = [
        {
            "name": row.name,
            "locked": row.locked and str(row.locked),
            "installed": row.installed and str(row.installed),
            "difference": row.difference.value,
        }
        for row in value.rows
    ]
    return {"drift": rows, "locked": value.locked}


def plan(value: Plan) -> _Json:
    """Return a plan as JSON, with its download size in bytes and its warnings."""
    return PLAN.to_json(value)


def restart(value: Restart) -> _Json:
    """Return as JSON whether a kernel must restart, and why."""
    return RESTART.to_json(value)


def hold(value: ListedHold) -> _Json:
    """Return a hold, or another limit on versions, as JSON: its days as texts."""
    days = {"until": None if value.until is None else value.until.isoformat()}
    return {**HOLD.to_json(value), **days}


def transaction(value: Transaction) -> _Json:
    """Return a transaction as JSON; its id is None if there was nothing to do or record."""
    return {**TRANSACTION.to_json(value), "id": value.id or None}


def results(value: Transaction, reason: str | None = None) -> list[_Json]:
    """Return a JSON result for each package that a transaction changes or holds back.

    `reason` replaces the transaction's own error as the reason for a failure.
    """
    committed = value.outcome is Outcome.COMMITTED
    error_text = None if committed else reason or value.error
    changed_results = [
        Result(
            id=change.id,
            name=change.name,
            success=committed,
            before=change.before,
            after=change.after if committed else change.before,
            error=error_text,
        )
        for change in value.changes
    ]
    ids = {change.id for change in value.changes}
    held_results = [
        Result(
            id=held_back.id,
            name=held_back.name,
            success=False,
            before=held_back.kept_version,
            after=held_back.kept_version,
            error=held_back_text(held_back, Face.REST),
        )
        for held_back in value.held_back
        if held_back.id not in ids
    ]
    return [RESULT.to_json(result) for result in (*changed_results, *held_results)]


def event(value: Event) -> _Json:
    """Return an event as JSON; fields without a value are left out."""
    return EVENT.to_json(value)
