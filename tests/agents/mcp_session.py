"""A scripted MCP client: reads calls as JSON lines, answers each with a JSON line.

It runs in an environment with FastMCP, so it imports nothing of the tests.
"""

import asyncio
import json
import sys
from typing import Any

from fastmcp import Client
from mcp_types import Implementation  # type: ignore[import-not-found]

Call = dict[str, Any]


async def main(url: str, name: str) -> None:
    """Serve the calls of standard input until it ends; `{}` lists the tools."""
    progress: list[str] = []

    async def note(done: float, total: float | None, message: str | None) -> None:
        progress.append(message or "")

    information = Implementation(name=name, version="1")
    async with Client(url, client_info=information, progress_handler=note) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            call = json.loads(line)
            progress.clear()
            print(json.dumps(await answer(client, call, progress)), flush=True)


async def answer(client: Client, call: Call, progress: list[str]) -> Call:
    """Return what the server answers to a call."""
    if not call:
        return {"tools": [tool.model_dump(mode="json") for tool in await client.list_tools()]}
    try:
        done = await client.call_tool(
            call["tool"],
            call["arguments"],
            raise_on_error=False,
            timeout=call.get("seconds", 300),
        )
    except Exception as error:
        return {"failed": str(error)}
    text = "".join(content.text for content in done.content)
    return {"is_error": done.is_error, "text": text, "progress": progress[:]}


asyncio.run(main(*sys.argv[1:]))
