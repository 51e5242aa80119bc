"""Run notebooks with nbclient, as a separate process whose argument is the path of its task.

It imports nothing of pkgwidgets. It writes a line for each started cell to the file `progress`,
and the results to `answer`. On SIGTERM, or when the parent process is gone, it kills the kernel
and all processes of its group.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from queue import Empty
from threading import Thread
from time import monotonic
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from .picture_summary import PICTURE, picture_summary
from .widget_trees import WIDGET_TREE, WIDGET_VIEW, widget_tree

_NOT_REACHED = "it was not reached"
_SKIP = "pkgwidgets-skip"
_MAX_TEXT_CHARACTERS = 1_000_000
"""The longest stream or text output of a cell that is kept."""
_MAX_KERNEL_STARTS = 3
"""The tries to start a kernel on TCP ports: another process may take a free port first."""
_PORT_TAKEN = re.compile("Address (already )?in use")
_POLL_SECONDS = 0.5
"""The time between two checks of the parent process, or for a message."""


class _SingleKernelSpec(KernelSpecManager):
    """Return the same kernel specification for each name in a notebook."""

    argv: list[str] = []  # noqa: RUF012 - traitlets copies it for each instance

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the specification with `argv`."""
        return KernelSpec(argv=self.argv, display_name=kernel_name, language="python")


class _PollingShellChannel(AsyncZMQSocketChannel):
    """Poll for messages.

    A message that nbclient sends for an output widget can swallow the signal of an answer.
    """

    # The base class ignores this type error too.
    async def get_msg(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        """Return the next message; raise `Empty` if none arrives within `timeout` seconds."""
        deadline = None if timeout is None else monotonic() + timeout
        while True:
            with suppress(Empty):
                message: dict[str, Any] = await super().get_msg(_POLL_SECONDS)
                return message
            if deadline is not None and monotonic() >= deadline:
                raise Empty


class _KernelClient(AsyncKernelClient):
    def __init__(self, **options: Any) -> None:
        super().__init__(shell_channel_class=_PollingShellChannel, **options)


class _OutputLimitingClient(NotebookClient):
    """Join the parts of a stream as they arrive, and limit the length of outputs.

    nbclient's own code needs time that grows with the square of the length of a line.
    """

    def output(
        self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Add one output to the outputs of a cell."""
        out = super().output(outs, msg, display_id, cell_index)
        if out is None:
            return None
        if out.output_type == "stream":
            stream = next(o for o in outs if o.output_type == "stream" and o.name == out.name)
            if stream is not out:
                outs.pop()
                stream.text += out.text[: _MAX_TEXT_CHARACTERS - len(stream.text)]
                return stream
            out.text = out.text[:_MAX_TEXT_CHARACTERS]
        for kind, value in out.get("data", {}).items():
            if isinstance(value, str) and len(value) > _MAX_TEXT_CHARACTERS:
                out.data[kind] = _shorten(value)
        return out


def _shorten(text: str) -> str:
    """Return the beginning of a text, its length, and a digest to compare the whole."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: _MAX_TEXT_CHARACTERS // 100]}… ({len(text)} characters, sha256 {digest})"


def _terminal_text(text: str) -> str:
    """Return the text that a terminal would show, without overwritten characters."""
    if "\b" in text:
        characters: list[str] = []
        for character in text:
            if character != "\b":
                characters.append(character)
            elif characters and characters[-1] != "\n":
                characters.pop()
        text = "".join(characters)
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return "\n".join(line[line.rfind("\r") + 1 :] for line in lines)


def _new_cell(source: str, skipped: bool) -> Any:
    """Return a code cell for nbclient."""
    metadata = {"tags": [_SKIP]} if skipped else {}
    return new_code_cell(source, metadata=metadata)  # type: ignore[no-untyped-call]


class _Notebook:
    """One notebook and its results so far."""

    def __init__(self, task: dict[str, Any], number: int, report_cell: Callable[..., None]) -> None:
        self._task = task
        self._notebook_task = task["notebooks"][number]
        self._number = number
        self._report_cell = report_cell
        self._started_at: dict[int, float] = {}
        self._cell_seconds: dict[int, float] = {}
        # The file is not read again: nbclient needs only the code, and no other field can fail.
        self._cells = [
            _new_cell(source, skipped)
            for source, skipped in zip(
                self._notebook_task["sources"], self._notebook_task["skipped"], strict=True
            )
        ]
        self._content: Any = new_notebook(cells=self._cells)  # type: ignore[no-untyped-call]
        self._deadline = monotonic() + task["seconds"]
        self._client: NotebookClient | None = None
        self._manager: AsyncKernelManager | None = None
        self._pid = 0

    def run(self) -> dict[str, Any]:
        """Run the notebook and return its results as JSON values."""
        started, failure, ended = monotonic(), "", ""
        try:
            asyncio.run(self._run())
        except CellTimeoutError:
            ended = f"it did not finish within {self._task['seconds']:g} seconds"
        except DeadKernelError:
            ended = "its kernel died"
        except Exception as error:
            if self._started_at:
                ended = f"{type(error).__name__}: {error}"[:500]
            else:
                failure = self._last_log_line() or type(error).__name__
        finally:
            self.end()
        seconds = monotonic() - started
        return {"cells": self._cell_results(ended), "failure": failure, "seconds": seconds}

    def end(self) -> None:
        """Kill the kernel and all processes of its group."""
        pid = self._pid or getattr(getattr(self._manager, "provisioner", None), "pid", None)
        if pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def _last_log_line(self) -> str:
        """Return the last line that the kernel itself wrote, outside of cells; "" without one."""
        log_file = Path(self._task["kernel_log"])
        text = log_file.read_text("utf-8", "replace") if log_file.exists() else ""
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1].strip()[:500] if lines else ""

    async def _run(self) -> None:
        """Run the notebook in a kernel; start another if a port of the first was taken."""
        for retries_left in reversed(range(_MAX_KERNEL_STARTS)):
            try:
                return await self._run_in_kernel()
            except Exception:
                if (
                    self._started_at
                    or not retries_left
                    or not _PORT_TAKEN.search(self._last_log_line())
                ):
                    raise

    async def _run_in_kernel(self) -> None:
        task = self._task
        specs = _SingleKernelSpec()
        specs.argv = task["argv"]
        sockets = f"{task['sockets']}{self._number}"
        manager = AsyncKernelManager(
            kernel_spec_manager=specs,
            client_factory=_KernelClient,
            connection_file=f"{sockets}.json",
            transport=task["transport"],
            ip=sockets if task["transport"] == "ipc" else "127.0.0.1",
        )
        self._manager = manager
        client = _OutputLimitingClient(
            self._content,
            km=manager,
            allow_errors=True,
            record_timing=False,
            shutdown_kernel="immediate",
            skip_cells_with_tag=_SKIP,
            startup_timeout=int(task["start_seconds"]),
            timeout_func=lambda cell: max(1, int(self._deadline - monotonic())),
            on_cell_execute=self._on_cell_started,
            on_cell_executed=self._on_cell_ended,
        )
        self._client = client
        folder = self._notebook_task["folder"]
        with Path(task["kernel_log"]).open("wb") as log_file:
            setup = client.async_setup_kernel(
                cwd=folder, env=task["variables"], stdout=log_file, stderr=log_file
            )
            await self._execute_cells(client, manager, setup)

    async def _execute_cells(
        self,
        client: NotebookClient,
        manager: AsyncKernelManager,
        setup: AbstractAsyncContextManager[None],
    ) -> None:
        async with setup:
            self._pid = int(getattr(manager.provisioner, "pid", 0))
            # The parent kills this group if this process cannot.
            Path(self._task["group_file"]).write_text(str(self._pid), encoding="ascii")
            for index, cell in enumerate(self._cells):
                await client.async_execute_cell(cell, index)

    def _on_cell_started(self, cell: object, cell_index: int) -> None:
        self._started_at[cell_index] = monotonic()
        self._report_cell(self._number, len(self._started_at), len(self._cells))

    def _on_cell_ended(self, cell: object, cell_index: int, execute_reply: object) -> None:
        self._cell_seconds[cell_index] = monotonic() - self._started_at[cell_index]

    def _cell_results(self, ended: str) -> list[dict[str, Any]]:
        results = []
        for index, cell in enumerate(self._cells):
            skipped = self._notebook_task["skipped"][index]
            reason = ""
            if index not in self._cell_seconds and not skipped:
                reason = (ended or _NOT_REACHED) if index in self._started_at else _NOT_REACHED
            outputs = json.loads(json.dumps(cell.outputs))
            for output in outputs:
                if output["output_type"] == "stream":
                    output["text"] = _terminal_text(output["text"])
                self._add_comparable(output.get("data", {}))
            results.append(
                {"outputs": outputs, "seconds": self._cell_seconds.get(index, 0.0), "ended": reason}
            )
        return results

    def _add_comparable(self, data: dict[str, Any]) -> None:
        """Add to a picture or a widget what can be compared of it."""
        if isinstance(data.get("image/png"), str):
            summary = picture_summary(data["image/png"])
            data |= {PICTURE: summary} if summary is not None else {}
        if WIDGET_VIEW in data and self._client is not None:
            model_id = data[WIDGET_VIEW]["model_id"]
            data[WIDGET_TREE] = widget_tree(self._client.widget_state, model_id)


def main() -> None:
    """Run the task in the file that the argument names."""
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    running: list[_Notebook] = []

    def handle_sigterm(signum: int, frame: object) -> None:
        for notebook in running:
            notebook.end()
        os._exit(128 + signum)

    def run_all() -> None:
        with Path(task["progress"]).open("a", encoding="utf-8") as progress:

            def write_progress(*position: int) -> None:
                progress.write(json.dumps(position) + "\n")
                progress.flush()

            answer = []
            for number in range(len(task["notebooks"])):
                running[:] = [_Notebook(task, number, write_progress)]
                answer.append(running[0].run())
        Path(task["answer"]).write_text(json.dumps(answer), encoding="utf-8")

    signal.signal(signal.SIGTERM, handle_sigterm)
    # A second thread: the main one must handle SIGTERM at any time.
    worker = Thread(target=run_all)
    worker.start()
    while worker.is_alive():
        worker.join(_POLL_SECONDS)
        if os.getppid() != task["parent_pid"]:
            for notebook in running:
                notebook.end()
            shutil.rmtree(task["folder"], ignore_errors=True)
            os._exit(1)
    os._exit(0)  # nothing is left for nbclient to clean up


if __name__ == "__main__":
    main()
