"""The MCP client that called a tool: its name, its progress, and errors as it expects them.

Only here is FastMCP used, the library of the MCP server that loads the tools. Without it, as for a
loader of another kind, there is no name and no progress. Source: https://gofastmcp.com.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .answers import bounded

_UNNAMED = "unnamed"


def client_name() -> str:
    """Return the name that the client gave itself, shortened; `unnamed` if it gave none."""
    parameters = getattr(getattr(_context(), "session", None), "client_params", None)
    # The first is of the MCP library 2, the second of its older versions.
    information = getattr(parameters, "client_info", None) or getattr(
        parameters, "clientInfo", None
    )
    return bounded(str(getattr(information, "name", "") or _UNNAMED), 60)


async def report_progress(done: float, total: float | None, text: str) -> None:
    """Tell the client how far the work is."""
    context = _context()
    if context is not None:
        await context.report_progress(done, total, text)


def tool_error(answer: Mapping[str, Any]) -> Exception:
    """Return the exception that makes an answer the error of a tool."""
    text = json.dumps(answer, ensure_ascii=False)
    try:
        from fastmcp.exceptions import ToolError
    except ImportError:
        return RuntimeError(text)
    error: Exception = ToolError(text)
    return error


def _context() -> Any:
    """Return FastMCP's context of the call; None outside of one."""
    try:
        from fastmcp.server.dependencies import get_context
    except ImportError:
        return None
    try:
        return get_context()
    except RuntimeError:
        return None
