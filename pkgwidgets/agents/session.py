"""What all tools share: the server, the kernel of a call, progress, and questions."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from pkgwidgets.core.errors import Cancelled, InvalidRequest, PkgwidgetsError
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.server.base_handler import ServerContext
from pkgwidgets.server.current import find_context, notebook_folder
from pkgwidgets.server.environments import KernelSelector
from pkgwidgets.server.questions import Reply
from pkgwidgets.server.threads import run_in_thread

from . import answers, mcp_client
from .errors import NotAllowed, ServerMissing

Answer = dict[str, Any]
Tool = Callable[..., Awaitable[Answer]]
ToolT = TypeVar("ToolT", bound=Tool)
T = TypeVar("T")

_POLL_SECONDS = 0.2
_REASONS = {
    Reply.NO: "The user did not allow it",
    Reply.NOT_ANSWERED: "The user did not answer",
    Reply.NOT_SHOWN: "No JupyterLab is open that could ask the user",
}


def tool(function: ToolT) -> ToolT:
    """Answer the errors of a tool as MCP expects them, with the tool to call next."""

    @functools.wraps(function)
    async def wrapper(**arguments: Any) -> Answer:
        try:
            return await function(**arguments)
        except PkgwidgetsError as error:
            raise mcp_client.tool_error(answers.failure(error, function.__name__)) from None

    return wrapper  # type: ignore[return-value]  # it takes the same arguments


def context() -> ServerContext:
    """Return what the routes of the server share; raises `ServerMissing`."""
    found = find_context()
    if found is None:
        raise ServerMissing
    return found


async def backend_of(kernel: str) -> Backend:
    """Return the backend of a running kernel's environment, or of a kernel specification's.

    Raises `InvalidRequest`, `KernelNotFound`, `KernelElsewhere` and `EnvironmentRefused`.
    """
    if not kernel:
        raise InvalidRequest("kernel", kernel, "give the id of a kernel, of packages_kernels")
    environments = context().environments
    is_running = any(running.id == kernel for running in await environments.running_kernels())
    selector = KernelSelector(kernel=kernel) if is_running else KernelSelector(kernelspec=kernel)
    return await environments.of(selector)


def checked_offset(offset: object) -> int:
    """Return the offset of a page; raises `InvalidRequest`."""
    if isinstance(offset, bool) or not isinstance(offset, int) or offset < 0:
        raise InvalidRequest("offset", offset, "give a number from 0")
    return offset


async def notebook_path(notebook: str) -> Path:
    """Return the file of a notebook, given below the server's folder; raises `InvalidRequest`."""
    return await run_in_thread(lambda: _notebook_path(notebook))


async def run(work: Callable[[Report], T]) -> T:
    """Run work in a thread, and tell the client its progress.

    A client that cancels the call makes the next report raise `Cancelled`, so that the work ends.
    """
    latest: deque[tuple[int, Event]] = deque(maxlen=1)
    numbers = count(1)
    is_cancelled = threading.Event()

    def report(event: Event) -> None:
        if is_cancelled.is_set():
            raise Cancelled("")
        latest.append((next(numbers), event))

    task = asyncio.ensure_future(run_in_thread(lambda: work(report)))
    sent = 0
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=_POLL_SECONDS)
            if latest and latest[0][0] > sent:
                sent, event = latest[0]
                await _report_event(event, sent)
        return task.result()
    finally:
        is_cancelled.set()
        task.add_done_callback(_read_result)  # so that its error is no warning after a cancel


def _read_result(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def _report_event(event: Event, number: int) -> None:
    # Progress of MCP must grow, but each stage counts anew: so it is the number of the event.
    text = f"{event.stage.value}: {event.text}" if event.text else event.stage.value
    await mcp_client.report_progress(number, None, answers.bounded(text, 200))


async def ask_user(title: str, lines: Sequence[str], accept: str) -> None:
    """Ask the user in JupyterLab, unless a setting says not to; raises `AgentRefused`."""
    shared = context()
    if not shared.agents.ask_first:
        return
    name = f"The agent's client calls itself: {mcp_client.client_name()}"
    reply = await shared.questions.ask(title, [*lines, name], accept)
    if reply is not Reply.YES:
        raise NotAllowed(_REASONS[reply])


def _notebook_path(notebook: str) -> Path:
    folder = notebook_folder()
    if folder is None:
        raise InvalidRequest("notebook", notebook, "this server's notebooks are not files")
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links
        path = (folder / notebook).resolve()
        if path.is_relative_to(folder) and path.suffix == ".ipynb" and path.is_file():
            return path
    raise InvalidRequest("notebook", notebook, "give the path of a notebook in JupyterLab")
