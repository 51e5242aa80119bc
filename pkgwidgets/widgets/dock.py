"""The panel beside the notebook, where the front end can do that: in JupyterLab, with ipylab."""

from __future__ import annotations

import importlib.util
from typing import Any

import ipywidgets

MISSING = (
    "Docking needs ipylab, here and beside JupyterLab: pip install 'pkgwidgets[dock]'. Without it, "
    "right-click the panel's output and choose Create New View for Cell Output."
)
WHERE = "The panel is in the right side bar of JupyterLab, under Packages."
_RANK = 900
"""Behind JupyterLab's own side panels."""

_docked: list[Any] = []
"""What is docked now: a second one takes its place, as the cell is run again and again."""


def dock(panel: ipywidgets.Widget) -> str:
    """Show a panel in the right side bar; return a sentence that says where, or why not."""
    if importlib.util.find_spec("ipylab") is None:
        return MISSING
    import ipylab

    while _docked:
        _docked.pop().close()
    frame = ipylab.Panel(children=[panel])
    frame.title.label = "Packages"
    frame.title.closable = True
    frame.add_class("pkgw-docked")
    ipylab.JupyterFrontEnd().shell.add(frame, "right", {"rank": _RANK})
    _docked.append(frame)
    return WHERE
