"""The list of all tools, as the MCP server loads it."""

from __future__ import annotations

from . import changing_tools, planning_tools, reading_tools

TOOLS = (
    reading_tools.packages_kernels,
    reading_tools.packages_list,
    reading_tools.packages_updates,
    reading_tools.packages_advisories,
    planning_tools.packages_plan,
    planning_tools.packages_read_plan,
    planning_tools.packages_impact,
    planning_tools.packages_rehearse,
    changing_tools.packages_apply,
    changing_tools.packages_undo,
    reading_tools.packages_history,
    planning_tools.packages_restart,
)
"""The tools in the order of their use."""


def tool_paths() -> list[str]:
    """Return the tools as `module:function`: the value of the entry point."""
    return [f"{tool.__module__}:{tool.__name__}" for tool in TOOLS]
