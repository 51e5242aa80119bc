"""Describe the changes of a plan in words, alike on every front end."""

from __future__ import annotations

from pkgwidgets.core.plans import Change


def change_reason(change: Change) -> str:
    """Return why a plan makes a change: the request, or the reason that the plan records."""
    return "you asked for this" if change.requested else change.reason
