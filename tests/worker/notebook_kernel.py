"""Run cells in a kernel."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from held_transactions import PATIENCE
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager


class Notebook:
    """A kernel that runs cells; each may take `patience` seconds."""

    def __init__(self, manager: KernelManager, patience: float = PATIENCE) -> None:
        self.manager = manager
        self._patience = patience
        self._client = self._connected()

    def run(self, code: str) -> str:
        """Run a cell to its end; return its output, or the name of its error."""
        return self.result(self.begin(code))

    def begin(self, code: str) -> str:
        return str(self._client.execute(code))

    def result(self, cell: str) -> str:
        shown = ""
        until = time.monotonic() + self._patience
        while time.monotonic() < until:
            message = self._client.get_iopub_msg(timeout=self._patience)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            match message["msg_type"]:
                case "execute_result":
                    shown = content["data"]["text/plain"]
                case "error":
                    shown = content["ename"]
                case "status" if content["execution_state"] == "idle":
                    return shown
        raise AssertionError("the cell did not end")

    def restart(self) -> None:
        self._client.stop_channels()
        self.manager.restart_kernel(now=False)
        self._client = self._connected()

    def close(self) -> None:
        self._client.stop_channels()

    def _connected(self) -> BlockingKernelClient:
        client: BlockingKernelClient = self.manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=self._patience)
        return client


@contextmanager
def start_kernel(python: Path, folder: Path, variables: Mapping[str, str]) -> Iterator[Notebook]:
    """Start a kernel with an environment's own Python; `folder` is its working directory."""
    spec = folder / "kernels" / "own"
    spec.mkdir(parents=True, exist_ok=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    facts = {"argv": argv, "display_name": "own", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(facts))
    specs = KernelSpecManager(kernel_dirs=[str(spec.parent)])
    manager = KernelManager(kernel_name="own", kernel_spec_manager=specs)
    manager.start_kernel(cwd=str(folder), env=dict(variables))
    try:
        notebook = Notebook(manager, patience=300.0)
        yield notebook
        notebook.close()
    finally:
        manager.shutdown_kernel(now=False)
        manager.cleanup_resources()
