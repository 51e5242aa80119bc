"""Write values and errors as JSON answers; an error's status is in `core/errors.py`."""

from __future__ import annotations

import json
from typing import Any

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.hints import Face
from pkgwidgets.presentation.payloads import (
    event,
    package,
    plan,
    publishers,
    results,
    transaction,
)

from .errors import RequestRefused

__all__ = [
    "error_payload", "event", "http_status", "package", "plan", "publishers", "results",
    "to_json_text", "transaction",
]  # fmt: skip


def error_payload(error: PkgwidgetsError, face: Face = Face.REST) -> dict[str, Any]:
    """Return the answer for an error: its code, message, hint and facts."""
    return {"success": False, "error": payloads.error(error, face)}


def http_status(error: PkgwidgetsError) -> int:
    """Return the HTTP status of an error; only failures of the server are a 500."""
    if isinstance(error, RequestRefused):
        return error.status
    return error.http_status


def to_json_text(payload: object) -> str:
    """Return an answer as compact JSON."""
    return json.dumps(payload, separators=(",", ":"))
