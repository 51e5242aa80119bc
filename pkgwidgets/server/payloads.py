"""Values as JSON, and errors as HTTP statuses."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from pkgwidgets.core.errors import (
    EnvironmentBusy,
    EnvironmentRefused,
    IndexUnavailable,
    InstallerUnavailable,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
    StalePlan,
    StillNeeded,
    TooLate,
)
from pkgwidgets.core.model import PackageInfo

_STATUS: dict[type[PkgwidgetsError], int] = {
    InvalidRequest: 422,
    PackageNotFound: 404,
    ProjectNotFound: 404,
    IndexUnavailable: 502,
    EnvironmentRefused: 403,
    EnvironmentBusy: 409,
    InstallerUnavailable: 503,
    PlanImpossible: 409,
    StalePlan: 409,
    StillNeeded: 409,
    ResolutionFailed: 502,
    TooLate: 409,
}


def package(info: PackageInfo) -> dict[str, Any]:
    """Return a package as JSON values: times in ISO 8601 UTC, paths as text."""
    known = {field.name: _plain(getattr(info, field.name)) for field in fields(info)}
    return {"id": info.id, **known, "update_available": info.update_available}


def error(raised: PkgwidgetsError) -> dict[str, Any]:
    """Return an error as JSON values: code, message, hint and its facts."""
    facts = {name: _plain(value) for name, value in raised.facts.items()}
    said = {"code": raised.code, "message": raised.sentence(), "hint": raised.hint}
    return {"success": False, "error": {**facts, **said}}


def status(raised: PkgwidgetsError) -> int:
    """Return the HTTP status of an error; a transaction that was rolled back is a 500."""
    return _STATUS.get(type(raised), 500)


def _plain(value: object) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case tuple() | list():
            return [_plain(item) for item in value]
        case Path():
            return str(value)
        case str() | int() | bool() | None:
            return value
        case _:
            return str(value)
