"""The names of the panel's buttons that come with its data.

`widgets/static/labels.js` has the names of the others. The documents use the same names.
"""

from __future__ import annotations

from .row_actions import LABELS

UNDO = "Undo"
REDO = "Redo"
ALLOW_ALL = "Allow changes to other packages"

SENT_LABELS = (*LABELS.values(), UNDO, REDO, ALLOW_ALL)
"""All names that come with data, without those that name a package or a version."""


def undo_label(*, is_undo: bool) -> str:
    """Return the name of the button that undoes a change; that of an undo is another."""
    return REDO if is_undo else UNDO
