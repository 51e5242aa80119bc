"""Dock the panel beside the notebook, in JupyterLab with ipylab."""

from __future__ import annotations

import importlib.util
from typing import Any

import ipywidgets
import traitlets

MISSING_TEXT = (
    "Docking needs ipylab in this environment and in JupyterLab's: "
    "pip install 'pkgwidgets[dock]'. Without it, right-click the panel's output and choose "
    "Create New View for Cell Output."
)
DOCKED_TEXT = (
    "The panel opens beside the notebook. If it does not, this front end cannot dock it: "
    "display the panel in a cell."
)

_docked: list[Any] = []
"""The docked frame, if any; running the cell again replaces it."""
_registries: list[Any] = []


def dock(panel: ipywidgets.Widget) -> str:
    """Show a panel beside the notebook; return a sentence about where it is or why it is not."""
    if importlib.util.find_spec("ipylab") is None:
        return MISSING_TEXT
    import ipylab

    class Frame(ipylab.Panel):  # type: ignore[misc]  # ipylab is untyped
        # A layout's view would reset top, left and size just after JupyterLab has set them.
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
    return DOCKED_TEXT


def command_registry_id() -> str:
    """Return the id of ipylab's command registry model; "" without ipylab.

    A page reaches its own commands through that model.
    """
    if importlib.util.find_spec("ipylab") is None:
        return ""
    from ipylab.commands import CommandRegistry

    if not _registries:
        _registries.append(CommandRegistry())
    return str(_registries[0].model_id)
