"""Answers that an agent can read: short, in pages, and with the texts of others quoted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.text import escape_hidden
from pkgwidgets.presentation import payloads
from pkgwidgets.presentation.hints import Face

MAX_PAGE_BYTES = 8_000
"""Bytes of the rows of an answer, as JSON. An MCP server sends an answer twice, as text and as
structured content, so that all of it stays below 20 kB."""
MAX_TEXT_CHARACTERS = 400
"""Characters of a quoted text."""

_PLAN, _KERNELS, _HISTORY = "packages_plan", "packages_kernels", "packages_history"
_NEXT_TOOLS: Mapping[str, str] = {
    "environment-busy": _HISTORY,
    "environment-refused": _KERNELS,
    "install-failed": _PLAN,
    "kernel-elsewhere": _KERNELS,
    "kernel-not-found": _KERNELS,
    "package-not-found": "packages_list",
    "plan-impossible": _PLAN,
    "plan-not-found": _PLAN,
    "plan-not-read": "packages_read_plan",
    "project-not-found": _PLAN,
    "stage-failed": _PLAN,
    "stale-plan": _PLAN,
    "transaction-not-found": _HISTORY,
    "verification-failed": _PLAN,
}
"""The tool to call after an error. After any other one it is the same tool again."""
_AFTER_REFUSAL: Mapping[str, str] = {
    "packages_apply": "packages_read_plan",
    "packages_rehearse": "packages_impact",
    "packages_undo": _HISTORY,
}
"""The tool to call after the user did not allow a tool: it shows what the tool would have done."""


def quoted(text: str | None, limit: int = MAX_TEXT_CHARACTERS) -> dict[str, str] | None:
    """Return a text that others wrote as data, cut and without hidden characters; None if empty."""
    if not text:
        return None
    visible = escape_hidden(text)
    return {"quoted": visible if len(visible) <= limit else f"{visible[: limit - 1]}…"}


def bounded(text: str, limit: int = 100) -> str:
    """Return a name or a version, which are short unless they are hostile."""
    visible = escape_hidden(text)
    return visible if len(visible) <= limit else f"{visible[: limit - 1]}…"


def version_text(version: object) -> str:
    """Return a version, or `none` for a package that is not there."""
    return bounded(str(version), 60) if version else "none"


def page(rows: Sequence[Mapping[str, Any]], offset: int = 0) -> dict[str, Any]:
    """Return a page of rows, the first at `offset`, and where the next page begins.

    Fields without a value are left out. `next_offset` is missing on the last page.

    >>> page([{"name": "rake", "error": None}])
    {'total': 1, 'rows': [{'name': 'rake'}]}
    """
    chosen: list[dict[str, Any]] = []
    room = MAX_PAGE_BYTES
    for row in rows[offset:]:
        brief = {key: value for key, value in row.items() if value not in (None, "", [], False)}
        room -= len(json.dumps(brief).encode())
        if room < 0 and chosen:
            break
        chosen.append(brief)
    end = offset + len(chosen)
    more = {"next_offset": end} if end < len(rows) else {}
    return {"total": len(rows), "rows": chosen, **more}


def failure(error: PkgwidgetsError, tool: str) -> dict[str, Any]:
    """Return the error of a tool as JSON, with the tool to call next."""
    shown = payloads.error(error, Face.AGENT)
    brief = {
        "code": shown["code"],
        "message": quoted(shown["message"], 1_000),
        "hint": bounded(shown["hint"], 600),
        "next_tool": _next_tool(error.code, tool),
    }
    return {"success": False, "error": brief}


def _next_tool(code: str, tool: str) -> str:
    return _AFTER_REFUSAL[tool] if code == "not-allowed" else _NEXT_TOOLS.get(code, tool)
