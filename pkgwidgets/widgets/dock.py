"""The panel beside the notebook, where the front end can do that: in JupyterLab, with ipylab."""

from __future__ import annotations

import importlib.util
from typing import Any

import ipywidgets
import traitlets

MISSING = (
    "Docking needs ipylab, here and beside JupyterLab: pip install 'pkgwidgets[dock]'. Without it, "
    "right-click the panel's output and choose Create New View for Cell Output."
)
WHERE = (
    "The panel is beside the notebook. Where none has opened, the front end has no place for it: "
    "display the panel in a cell."
)

_docked: list[Any] = []
"""What is docked now: a second one takes its place, as the cell is run again and again."""
_registries: list[Any] = []


def dock(panel: ipywidgets.Widget) -> str:
    """Show a panel beside the notebook; return a sentence that says so, or why not."""
    if importlib.util.find_spec("ipylab") is None:
        return MISSING
    import ipylab

    class Frame(ipylab.Panel):  # type: ignore[misc]  # ipylab is untyped
        # With a layout, its view takes away top, left and size, just after JupyterLab set them.
        layout = traitlets.Any(None, allow_none=True).tag(sync=True)

    while _docked:
        _docked.pop().close()
    frame = Frame(children=[panel])
    frame.title.label = "Packages"
    frame.title.closable = True
    frame.add_class("pkgw-docked")
    shell = ipylab.JupyterFrontEnd().shell
    shell.add(frame, "main", {"mode": "split-right", "activate": False})
    _docked.append(frame)
    return WHERE


def commands() -> str:
    """Return the id of the model by which a page reaches its own commands; "" without ipylab."""
    if importlib.util.find_spec("ipylab") is None:
        return ""
    from ipylab.commands import CommandRegistry

    if not _registries:
        _registries.append(CommandRegistry())
    return str(_registries[0].model_id)
