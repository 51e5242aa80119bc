"""Show the panel in marimo, which displays single anywidgets but no box of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget

from .assets import STATIC


def stack_parts(parts: Sequence[anywidget.AnyWidget]) -> Any:
    """Return what marimo displays for the panel: its parts, one below the other.

    Each is in a shadow root, which takes no style sheet but its own: it gets those of all parts.
    Source: https://docs.marimo.io/guides/integrating_with_marimo/displaying_objects/
    """
    import marimo

    styles = "\n".join((STATIC / f"{name}.css").read_text("utf-8") for name in _SHEETS)
    for part in parts:
        part._css = styles
    return marimo.vstack([marimo.ui.anywidget(part) for part in parts], gap=0)


_SHEETS = ("panel", "plan", "views")
