"""What each tool does to the world, as annotations of MCP.

`jupyter_server_mcp` registers plain functions, so a middleware adds them to the list of tools.
Source: https://modelcontextprotocol.io/specification, ToolAnnotations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_READS = {"readOnlyHint": True, "openWorldHint": False}
_ASKS_INDEX = {"readOnlyHint": True, "openWorldHint": True}
_CHANGES = {
    "readOnlyHint": False,
    "destructiveHint": True,
    "idempotentHint": False,
    "openWorldHint": True,
}

ANNOTATIONS: Mapping[str, Mapping[str, bool]] = {
    "packages_kernels": _READS,
    "packages_list": _READS,
    "packages_updates": _ASKS_INDEX,
    "packages_advisories": _ASKS_INDEX,
    "packages_plan": _ASKS_INDEX,
    "packages_read_plan": _READS,
    "packages_impact": _ASKS_INDEX,
    # A rehearsal changes no package, but it runs the code of a notebook.
    "packages_rehearse": _CHANGES,
    "packages_apply": _CHANGES,
    "packages_undo": _CHANGES,
    "packages_history": _READS,
    "packages_restart": _READS,
}
"""The annotations of each tool by its name."""


def middleware() -> Any:
    """Return the FastMCP middleware that adds the annotations to the list of tools."""
    from fastmcp.server.middleware import Middleware
    from fastmcp.tools.base import ToolAnnotations

    class AddAnnotations(Middleware):  # type: ignore[misc]  # FastMCP is not installed for mypy
        async def on_list_tools(self, context: Any, call_next: Any) -> Any:
            return [
                tool.model_copy(update={"annotations": ToolAnnotations(**ANNOTATIONS[tool.name])})
                if tool.name in ANNOTATIONS
                else tool
                for tool in await call_next(context)
            ]

    return AddAnnotations()
