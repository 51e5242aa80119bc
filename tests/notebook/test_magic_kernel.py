"""`%packages` in a real kernel: cells, completions and an interrupt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from held_transactions import PATIENCE, eventually, held_wheel
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow


class Kernel:
    """A kernel with the extension loaded."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)
        self.run("%load_ext pkgwidgets")

    def run(self, code: str) -> list[dict[str, Any]]:
        """Run a cell to its end, and return its results and errors."""
        return self.outputs(self.client.execute(code))

    def outputs(self, cell: str) -> list[dict[str, Any]]:
        contents: list[dict[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != cell:
                continue
            content = message["content"]
            if message["msg_type"] in ("execute_result", "error"):
                contents.append(content)
            if content.get("execution_state") == "idle":
                return contents

    def completions(self, code: str) -> list[str]:
        """Return the completions at the end of the code."""
        self.client.complete(code, len(code))
        reply = self.client.get_shell_msg(timeout=PATIENCE)
        while reply["msg_type"] != "complete_reply":
            reply = self.client.get_shell_msg(timeout=PATIENCE)
        return list(reply["content"]["matches"])


@pytest.fixture
def kernel(garden: Demo, tmp_path: Path) -> Iterator[Kernel]:
    manager = KernelManager()
    manager.start_kernel(cwd=str(tmp_path))
    try:
        running = Kernel(manager)
        yield running
        running.client.stop_channels()
    finally:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


def line(garden: Demo, words: str) -> str:
    return f"%packages --python {garden.python} --index-url {garden.index_url} {words}"


def test_cell_shows_results_and_errors_of_the_service(kernel: Kernel, garden: Demo) -> None:
    (frame,) = kernel.run(line(garden, "updates seedshelf"))
    assert "1.4.2" in frame["data"]["text/html"]
    (plan,) = kernel.run(line(garden, "plan raintable"))
    assert plan["data"]["text/plain"].startswith("Plan(raintable 2.0.0 → 2.4.0; raintable 2.4.0,")
    (done,) = kernel.run(line(garden, "upgrade seedshelf"))
    assert "committed: seedshelf 1.4.1 → 1.4.2" in done["data"]["text/plain"]
    (error,) = kernel.run("%packages upgrade ../x")
    assert error["traceback"] == [
        "InvalidRequest: '../x' is not a valid package name: "
        "use letters, digits, '.', '_' and '-'. Nothing was changed."
    ]


def test_completion_in_a_kernel_offers_verbs_and_its_packages(kernel: Kernel) -> None:
    assert kernel.completions("%packages up") == ["updates", "upgrade"]
    assert "pytest" in kernel.completions("x = 1\n%packages upgrade pyt")
    assert kernel.completions("%packages plan pandas --allow a") == ["all"]


def test_interrupted_cell_rolls_back(
    kernel: Kernel, garden: Demo, tmp_path: Path, tree: Oracle
) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    before = tree(garden.folder / "env")
    cell = kernel.client.execute(line(garden, "upgrade seedshelf"))
    eventually(lambda: list(garden.site_packages.glob("seedshelf-1.9.dist-info")))
    kernel.manager.interrupt_kernel()
    (error,) = kernel.outputs(cell)
    assert error["traceback"] == ["Cancelled: Cancelled. The environment is unchanged."]
    assert tree(garden.folder / "env") == before
