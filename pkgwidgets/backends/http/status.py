"""What the status of an HTTP response means for the user."""

from __future__ import annotations

_STATUS_MEANINGS = {401: " (user name or password missing or wrong)", 403: " (access denied)"}


def status_reason(status: int) -> str:
    """Return what a status that is no success means for the user, as a clause."""
    return f"it answered HTTP {status}{_STATUS_MEANINGS.get(status, '')}"
