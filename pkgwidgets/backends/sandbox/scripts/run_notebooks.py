"""Runs notebooks with nbclient: the file of a process of its own, which gets the path of its task.

It imports nothing of ours, and is not imported by it. It says in the file `progress` what
it is at, a line a cell, and writes what came out to `answer`. When it is told to end, or whoever
asked for it is gone, its kernel and all that was started there end with it.
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

import nbformat
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

_NOT_REACHED = "it was not reached"
_SKIP = "pkgwidgets-skip"
_MAX_TEXT_CHARACTERS = 1_000_000
"""Characters of one stream of a cell, or of one text that it shows, that are kept."""
_MAX_KERNEL_STARTS = 3
"""How many are started where ports are: what was free may have another owner a moment later."""
_TAKEN = re.compile("Address (already )?in use")
_POLL_SECONDS = 0.5
"""Seconds between two looks whether whoever asked is still there."""


class _OneKernel(KernelSpecManager):
    """Knows one way to start a kernel, whatever a notebook names."""

    argv: list[str] = []  # noqa: RUF012 - traitlets makes each its own

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return it."""
        return KernelSpec(argv=self.argv, display_name=kernel_name, language="python")


class _Shell(AsyncZMQSocketChannel):
    """Looks for an answer again and again.

    What nbclient sends for an output widget swallows the sign that one came, if both meet.
    """

    # As the one that it extends, which says so, too.
    async def get_msg(  # type: ignore[override]
        self, timeout: float | None = None
    ) -> dict[str, Any]:
        """Return the next message; raises `Empty` if there is none within so many seconds."""
        until = None if timeout is None else monotonic() + timeout
        while True:
            with suppress(Empty):
                found: dict[str, Any] = await super().get_msg(_POLL_SECONDS)
                return found
            if until is not None and monotonic() >= until:
                raise Empty


class _KernelClient(AsyncKernelClient):
    def __init__(self, **more: Any) -> None:
        super().__init__(shell_channel_class=_Shell, **more)


class _Client(NotebookClient):
    """Puts the parts of a stream together as they come, and keeps no more than can be compared.

    What nbclient does for that takes the square of the length of a line.
    """

    def output(
        self, outs: list[Any], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Add one output to those of a cell."""
        out = super().output(outs, msg, display_id, cell_index)
        if out is None:
            return None
        if out.output_type == "stream":
            first = next(o for o in outs if o.output_type == "stream" and o.name == out.name)
            if first is not out:
                outs.pop()
                first.text += out.text[: _MAX_TEXT_CHARACTERS - len(first.text)]
                return first
            out.text = out.text[:_MAX_TEXT_CHARACTERS]
        for kind, value in out.get("data", {}).items():
            if isinstance(value, str) and len(value) > _MAX_TEXT_CHARACTERS:
                out.data[kind] = _shortened(value)
        return out


def _shortened(text: str) -> str:
    """Keep the beginning of a text, and what tells it from others that begin so."""
    rest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: _MAX_TEXT_CHARACTERS // 100]}… ({len(text)} characters, sha256 {rest})"


def _as_seen(text: str) -> str:
    """Return what a terminal would show: what is written over is gone."""
    if "\b" in text:
        kept: list[str] = []
        for character in text:
            if character != "\b":
                kept.append(character)
            elif kept and kept[-1] != "\n":
                kept.pop()
        text = "".join(kept)
    lines = (line.rstrip("\r") for line in text.split("\n"))
    return "\n".join(line[line.rfind("\r") + 1 :] for line in lines)


class _Notebook:
    """One notebook and what came of it so far."""

    def __init__(self, task: dict[str, Any], number: int, tell: Callable[..., None]) -> None:
        self._task = task
        self._given = task["notebooks"][number]
        self._number = number
        self._tell = tell
        self._file = Path(self._given["file"])
        self._began: dict[int, float] = {}
        self._took: dict[int, float] = {}
        self._content: Any = nbformat.reads(  # type: ignore[no-untyped-call]
            self._file.read_text("utf-8"), as_version=4
        )
        self._cells = [
            (index, cell)
            for index, cell in enumerate(self._content.cells)
            if cell.cell_type == "code" and cell.source.strip()
        ]
        skipped = set(self._given["skipped"])
        for place, (_, cell) in enumerate(self._cells, 1):
            cell.outputs = []
            if place in skipped:
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), _SKIP]
        self._deadline = monotonic() + task["seconds"]
        self._manager: AsyncKernelManager | None = None
        self._pid = 0

    def run(self) -> dict[str, Any]:
        """Run it and return what it said, as JSON values."""
        began, failure, ended = monotonic(), "", ""
        try:
            asyncio.run(self._run())
        except CellTimeoutError:
            ended = f"it had not ended within {self._task['seconds']:g} seconds"
        except DeadKernelError:
            ended = "its kernel died"
        except Exception as error:
            if self._began:
                ended = f"{type(error).__name__}: {error}"[:500]
            else:
                failure = self._last_words() or type(error).__name__
        finally:
            self.end()
        seconds = monotonic() - began
        return {"cells": self._said(ended), "failure": failure, "seconds": seconds}

    def end(self) -> None:
        """End the kernel, and all that was started in it."""
        pid = self._pid or getattr(getattr(self._manager, "provisioner", None), "pid", None)
        if pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)

    def _last_words(self) -> str:
        """Return the last that the kernel itself wrote, outside of any cell."""
        said = Path(self._task["said"])
        text = said.read_text("utf-8", "replace") if said.exists() else ""
        lines = [line for line in text.splitlines() if line.strip()]
        return lines[-1].strip()[:500] if lines else ""

    async def _run(self) -> None:
        """Run it in a kernel; in another one, if somebody took a port that this one was given."""
        for left in reversed(range(_MAX_KERNEL_STARTS)):
            try:
                return await self._run_in_a_kernel()
            except Exception:
                if self._began or not left or not _TAKEN.search(self._last_words()):
                    raise

    async def _run_in_a_kernel(self) -> None:
        task = self._task
        specs = _OneKernel()
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
        client = _Client(
            self._content,
            km=manager,
            allow_errors=True,
            record_timing=False,
            shutdown_kernel="immediate",
            skip_cells_with_tag=_SKIP,
            startup_timeout=int(task["patience"]),
            timeout_func=lambda cell: max(1, int(self._deadline - monotonic())),
            on_cell_execute=self._started,
            on_cell_executed=self._ended,
        )
        folder = str(self._file.parent)
        with Path(task["said"]).open("wb") as out:
            setup = client.async_setup_kernel(
                cwd=folder, env=task["variables"], stdout=out, stderr=out
            )
            await self._through(client, manager, setup)

    async def _through(
        self,
        client: NotebookClient,
        manager: AsyncKernelManager,
        setup: AbstractAsyncContextManager[None],
    ) -> None:
        async with setup:
            self._pid = int(getattr(manager.provisioner, "pid", 0))
            # So that its group can be ended where we cannot do it any more.
            Path(self._task["at_work"]).write_text(str(self._pid), encoding="ascii")
            for index, cell in self._cells:
                await client.async_execute_cell(cell, index)

    def _started(self, cell: object, cell_index: int) -> None:
        self._began[cell_index] = monotonic()
        self._tell(self._number, len(self._began), len(self._cells))

    def _ended(self, cell: object, cell_index: int, execute_reply: object) -> None:
        self._took[cell_index] = monotonic() - self._began[cell_index]

    def _said(self, ended: str) -> list[dict[str, Any]]:
        said = []
        for index, cell in self._cells:
            skipped = _SKIP in cell.metadata.get("tags", [])
            why = ""
            if index not in self._took and not skipped:
                why = (ended or _NOT_REACHED) if index in self._began else _NOT_REACHED
            outputs = json.loads(json.dumps(cell.outputs))
            for output in outputs:
                if output["output_type"] == "stream":
                    output["text"] = _as_seen(output["text"])
            said.append({"outputs": outputs, "seconds": self._took.get(index, 0.0), "ended": why})
        return said


def main() -> None:
    """Do what the task in the file says that is the argument."""
    task = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    at_work: list[_Notebook] = []

    def end(number: int, frame: object) -> None:
        for notebook in at_work:
            notebook.end()
        os._exit(128 + number)

    def work() -> None:
        with Path(task["progress"]).open("a", encoding="utf-8") as progress:

            def tell(*place: int) -> None:
                progress.write(json.dumps(place) + "\n")
                progress.flush()

            answer = []
            for number in range(len(task["notebooks"])):
                at_work[:] = [_Notebook(task, number, tell)]
                answer.append(at_work[0].run())
        Path(task["answer"]).write_text(json.dumps(answer), encoding="utf-8")

    signal.signal(signal.SIGTERM, end)
    # Not in the main thread: what is told to end is heard there, whatever a notebook is at.
    worker = Thread(target=work)
    worker.start()
    while worker.is_alive():
        worker.join(_POLL_SECONDS)
        if os.getppid() != task["asked_by"]:
            for notebook in at_work:
                notebook.end()
            shutil.rmtree(task["folder"], ignore_errors=True)
            os._exit(1)
    os._exit(0)  # what nbclient would clear away is gone


if __name__ == "__main__":
    main()
