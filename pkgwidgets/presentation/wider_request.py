"""The wider request that the panel offers where a plan is impossible."""

from __future__ import annotations

from pkgwidgets.core.errors import PkgwidgetsError, StillNeeded
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.text import shorten_names

from .labels import ALLOW_ALL

_UNBLOCKING = (Hint.ALLOW_ALL, Hint.UNBLOCK, Hint.UNBLOCK_OR_ALTERNATIVE)
"""The advice that the button "Allow changes to other packages…" follows."""


def unlock_label(error: PkgwidgetsError) -> str:
    """Return the label of a wider request that may succeed; "" if there is none."""
    if isinstance(error, StillNeeded):
        return f"Uninstall {shorten_names(error.needed_by)} as well…"
    return ALLOW_ALL if error.advice in _UNBLOCKING else ""
