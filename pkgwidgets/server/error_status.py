"""Values as JSON, and errors as HTTP statuses."""

from __future__ import annotations

import json
from typing import Any

from pkgwidgets.core.errors import (
    Cancelled,
    DiskFailed,
    EnvironmentBusy,
    EnvironmentRefused,
    IndexUnavailable,
    InstallerUnavailable,
    InstallFailed,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    ResolutionFailed,
    StageFailed,
    StalePlan,
    StillNeeded,
    TooLate,
    VerificationFailed,
)
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.payloads import event, package, plan, results, transaction

from .errors import WORDS, KernelNotFound, PlanNotFound, RequestRefused, TransactionNotFound

__all__ = [
    "error_payload", "event", "http_status", "package", "plan", "results", "to_json_text",
    "transaction",
]  # fmt: skip

_STATUS: dict[type[PkgwidgetsError], int] = {
    InvalidRequest: 422,
    PackageNotFound: 404,
    ProjectNotFound: 404,
    KernelNotFound: 404,
    PlanNotFound: 404,
    TransactionNotFound: 404,
    EnvironmentRefused: 403,
    IndexUnavailable: 502,
    ResolutionFailed: 502,
    InstallerUnavailable: 503,
    DiskFailed: 507,
    EnvironmentBusy: 409,
    PlanImpossible: 409,
    StillNeeded: 409,
    StalePlan: 409,
    StageFailed: 409,
    InstallFailed: 409,
    VerificationFailed: 409,
    Cancelled: 409,
    TooLate: 409,
}
"""What was rolled back is a conflict, as what was refused before: the environment is as it was."""


def error_payload(raised: PkgwidgetsError) -> dict[str, Any]:
    """Return the answer that says what failed: code, message, hint and its facts."""
    return {"success": False, "error": payloads.error(raised.spoken(WORDS))}


def http_status(raised: PkgwidgetsError) -> int:
    """Return the HTTP status of an error; only what broke on our side is a 500."""
    if isinstance(raised, RequestRefused):
        return raised.status
    return _STATUS.get(type(raised), 500)


def to_json_text(answer: object) -> str:
    """Return an answer as it is sent."""
    return json.dumps(answer, separators=(",", ":"))
