"""What ipywidgets show, as plain values without ids: the state of a widget with its children.

Source: https://ipywidgets.readthedocs.io/en/stable/examples/Widget%20Low%20Level.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_TREE = "application/vnd.pkgwidgets.widget+json"
_REFERENCE = "IPY_MODEL_"
_MAX_DEPTH = 12
_OWN_PANEL = "pkgw-panel"
_HIDDEN_KEYS = frozenset(
    {"layout", "style", "msg_id", "comm_id", "tabbable", "tooltip", "behavior"}
)
"""Parts of a state that show nothing, or that differ for each display."""


def widget_tree(states: Mapping[str, Any], model_id: str, depth: int = 0) -> Any:
    """Return what the widget with an id shows; None if its state is unknown."""
    state = states.get(model_id)
    if not isinstance(state, Mapping) or depth > _MAX_DEPTH:
        return None
    if _OWN_PANEL in state.get("_dom_classes", ()):
        return {"widget": _OWN_PANEL}  # it shows the packages, which a plan always changes
    shown = {
        key: _resolve(states, value, depth)
        for key, value in state.items()
        # An empty value shows nothing: versions differ in the keys that they have.
        if not _is_empty(value)
        and key not in _HIDDEN_KEYS
        and not key.startswith("_")
        and not key.endswith("_version")
    }
    return {"widget": state.get("_model_name"), **shown}


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value in ("", [], {})


def _resolve(states: Mapping[str, Any], value: Any, depth: int) -> Any:
    """Return a value with its references replaced by the widgets that they name."""
    if isinstance(value, str) and value.startswith(_REFERENCE):
        return widget_tree(states, value.removeprefix(_REFERENCE), depth + 1)
    if isinstance(value, list | tuple):
        return [_resolve(states, item, depth) for item in value]
    if isinstance(value, Mapping):
        return {
            key: _resolve(states, item, depth)
            for key, item in value.items()
            if key not in ("metadata", "execution_count", "traceback")
        }
    return value
