"""Values as the JSON that front ends answer with: REST, and the command line with `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.kernels import Restart
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.core.plan_json import plan_to_json
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome, Transaction

from .hints import Face, hint_text

_Json = dict[str, Any]


def error(raised: PkgwidgetsError, face: Face) -> _Json:
    """Return what failed: code, message, hint, and the facts that the message is made of."""
    hint = hint_text(raised, face)
    said = {"code": raised.code, "message": raised.sentence(), "hint": hint}
    return {**error_to_json(raised), **said}


def package(info: PackageInfo) -> _Json:
    """Return a package: times in ISO 8601 UTC, paths as text, None for what is not known."""
    known = {field.name: plain(getattr(info, field.name)) for field in fields(info)}
    return {"id": info.id, **known, "update_available": info.update_available}


def plan(decided: Plan) -> _Json:
    """Return a plan, with what its reader should know before it is applied."""
    return {
        **plan_to_json(decided),
        "download_size": decided.download_size,
        "warnings": list(decided.warnings),
        "restart": None if decided.restart is None else restart(decided.restart),
    }


def restart(verdict: Restart) -> _Json:
    """Return whether a kernel must restart, and because of what."""
    return {"needed": verdict.needed, "loaded": list(verdict.loaded)}


def transaction(done: Transaction) -> _Json:
    """Return a transaction; its id is None where nothing was to be done, and nothing is kept."""
    written = plan_to_json(done.plan)
    return {
        "id": done.id or None,
        "outcome": done.outcome.value,
        "started": plain(done.started),
        "finished": plain(done.finished),
        "changes": written["changes"],
        "held_back": written["held_back"],
        "undoes": done.plan.undoes,
        "error": done.error,
        "user": done.user,
        "process": done.process,
        "saved_bytes": done.saved_bytes,
        "downloaded_bytes": done.downloaded_bytes,
    }


def results(done: Transaction, why: str | None = None) -> list[_Json]:
    """Return a result per package that was to change or was held back, with the reason."""
    committed = done.outcome is Outcome.COMMITTED
    reason = None if committed else why or done.error
    changed = [
        {
            "id": change.id,
            "name": change.name,
            "success": committed,
            "before": plain(change.before),
            "after": plain(change.after if committed else change.before),
            "error": reason,
        }
        for change in done.changes
    ]
    ids = {change.id for change in done.changes}
    held = [
        {
            "id": held.id,
            "name": held.name,
            "success": False,
            "before": plain(held.kept_version),
            "after": plain(held.kept_version),
            "error": str(held),
        }
        for held in done.plan.held_back
        if held.id not in ids
    ]
    return [*changed, *held]


def event(told: Event) -> _Json:
    """Return a step of something that takes time; what it does not say is left out."""
    names = ("text", "id", "done", "total", "log")
    said = {name: getattr(told, name) for name in names}
    kept = {name: value for name, value in said.items() if value not in (None, "")}
    return {"stage": told.stage.value, **kept}


def plain(value: object) -> Any:
    """Return a value as JSON has it; what JSON has no word for, as text."""
    match value:
        case str() | int() | float() | None:
            return value
        case datetime():
            return value.isoformat()
        case tuple() | list():
            return [plain(each) for each in value]
        case Mapping():
            return {str(name): plain(each) for name, each in value.items()}
        case Path():
            return str(value)
        case _:
            return str(value)
