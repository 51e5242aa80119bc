"""Values as the JSON that front ends answer with: REST, and the command line with `--json`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.event_json import EVENT
from pkgwidgets.core.events import Event
from pkgwidgets.core.json_values import JsonShape
from pkgwidgets.core.kernels import Restart
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plan_json import CHANGE, HELD_BACK, PLAN_NAMES
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

from .hints import Face, hint_text

_Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one package that was to change or was held back, with the reason."""

    id: NormalizedName
    name: str
    success: bool
    before: Version | None
    after: Version | None
    error: str | None


PACKAGE = JsonShape(PackageInfo, computed=("id", "update_available"))
RESTART = JsonShape(Restart, without=("required", "reasons"))
PLAN = JsonShape(
    Plan,
    names=PLAN_NAMES,
    computed=("id", "download_size", "warnings"),
    without=("kernels",),
    parts=(CHANGE, HELD_BACK, RESTART),
)
TRANSACTION = JsonShape(
    Transaction,
    computed=("changes", "held_back", "undoes"),
    without=("plan", "failure"),
    parts=(CHANGE, HELD_BACK),
)
RESULT = JsonShape(Result)


def error(raised: PkgwidgetsError, face: Face) -> _Json:
    """Return what failed: code, message, hint, and the facts that the message is made of."""
    hint = hint_text(raised, face)
    said = {"code": raised.code, "message": raised.sentence(), "hint": hint}
    return {**error_to_json(raised), **said}


def package(info: PackageInfo) -> _Json:
    """Return a package: times in ISO 8601 UTC, paths as text, None for what is not known."""
    return PACKAGE.to_json(info)


def plan(decided: Plan) -> _Json:
    """Return a plan, with what its reader should know before it is applied."""
    return PLAN.to_json(decided)


def restart(verdict: Restart) -> _Json:
    """Return whether a kernel must restart, and because of what."""
    return RESTART.to_json(verdict)


def transaction(done: Transaction) -> _Json:
    """Return a transaction; its id is None where nothing was to be done, and nothing is kept."""
    return {**TRANSACTION.to_json(done), "id": done.id or None}


def results(done: Transaction, why: str | None = None) -> list[_Json]:
    """Return a result per package that was to change or was held back, with the reason."""
    committed = done.outcome is Outcome.COMMITTED
    reason = None if committed else why or done.error
    changed = [
        Result(
            id=change.id,
            name=change.name,
            success=committed,
            before=change.before,
            after=change.after if committed else change.before,
            error=reason,
        )
        for change in done.changes
    ]
    ids = {change.id for change in done.changes}
    held = [
        Result(
            id=held.id,
            name=held.name,
            success=False,
            before=held.kept_version,
            after=held.kept_version,
            error=str(held),
        )
        for held in done.held_back
        if held.id not in ids
    ]
    return [RESULT.to_json(each) for each in (*changed, *held)]


def event(told: Event) -> _Json:
    """Return a step of something that takes time; what it does not say is left out."""
    return EVENT.to_json(told)
