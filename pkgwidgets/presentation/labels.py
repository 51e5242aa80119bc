"""The names of the panel's buttons that come with its data.

`widgets/static/labels.js` has the names of the others. The documents use the same names.

A name that ends in "…" asks or shows a plan first: nothing is changed before the next button. A
name without it acts at once; what it does may be to show something, as *History* does.
"""

from __future__ import annotations

from .row_actions import LABELS

UNDO = "Undo"
REDO = "Redo"
ALLOW_ALL = "Allow changes to other packages…"
PLAN_MARK = "…"
"""Ends the name of a button that asks or shows a plan first."""

SENT_LABELS = (
    *LABELS.values(),
    *(name + mark for name in (UNDO, REDO) for mark in ("", PLAN_MARK)),
    ALLOW_ALL,
)
"""All names that come with data, without those that name a package or a version."""


def undo_label(*, is_undo: bool) -> str:
    """Return the name of the button that undoes a change; that of an undo is another."""
    return REDO if is_undo else UNDO


def undo_plan_label(*, is_undo: bool) -> str:
    """Return the name of the button that plans to undo a change.

    >>> undo_plan_label(is_undo=False)
    'Undo…'
    """
    return undo_label(is_undo=is_undo) + PLAN_MARK
