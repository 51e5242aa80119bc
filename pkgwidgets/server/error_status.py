"""Values as JSON, and errors as HTTP statuses."""

from __future__ import annotations

import json
from typing import Any

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.hints import Face
from pkgwidgets.presentation.payloads import event, package, plan, results, transaction

from .errors import RequestRefused

__all__ = [
    "error_payload", "event", "http_status", "package", "plan", "results", "to_json_text",
    "transaction",
]  # fmt: skip


def error_payload(raised: PkgwidgetsError) -> dict[str, Any]:
    """Return the answer that says what failed: code, message, hint and its facts."""
    return {"success": False, "error": payloads.error(raised, Face.REST)}


def http_status(raised: PkgwidgetsError) -> int:
    """Return the HTTP status of an error; only what broke on our side is a 500."""
    if isinstance(raised, RequestRefused):
        return raised.status
    return raised.http_status


def to_json_text(answer: object) -> str:
    """Return an answer as it is sent."""
    return json.dumps(answer, separators=(",", ":"))
