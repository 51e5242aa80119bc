"""Runs notebooks with nbclient: the file of a process of its own, which gets the path of its task.

It imports nothing of ours, and is not imported by it. It says in the file `progress` what
it is at, a line a cell, and writes what came out to `answer`. When it is told to end, its kernel
and all that was started there end with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

_NOT_REACHED = "it was not reached"
_SKIP = "pkgwidgets-skip"


class _OneKernel(KernelSpecManager):
    """Knows one way to start a kernel, whatever a notebook names."""

    argv: list[str] = []  # noqa: RUF012 - traitlets makes each its own

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return it."""
        return KernelSpec(argv=self.argv, display_name=kernel_name, language="python")


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
        task = self._task
        specs = _OneKernel()
        specs.argv = task["argv"]
        manager = AsyncKernelManager(
            kernel_spec_manager=specs, transport="ipc", ip=f"{task['sockets']}{self._number}"
        )
        self._manager = manager
        client = NotebookClient(
            self._content,
            km=manager,
            allow_errors=True,
            coalesce_streams=True,
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
    worker.join()
    os._exit(0)  # what nbclient would clear away is gone


if __name__ == "__main__":
    main()
