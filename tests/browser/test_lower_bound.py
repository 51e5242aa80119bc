"""*Packages* in the oldest JupyterLab that it is made for, from the configured index."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from browser import garden_kernel
from browser.side_bar import SideBar
from jupyterlab_server import Lab, serve_front_end
from playwright.sync_api import Browser, expect

from pkgwidgets import demo
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

OLDEST = "jupyterlab==4.2.0"
NAME = "oldest.ipynb"


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        yield running


@pytest.fixture(scope="module")
def oldest(garden: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("oldest")
    python = str(folder / "env" / "bin" / "python")
    subprocess.run([uv.find_uv_bin(), "venv", "--quiet", str(folder / "env")], check=True)
    install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", python]
    checkout = Path(__file__).parents[2]
    subprocess.run([*install, OLDEST, "ipykernel", "-e", str(checkout)], check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", garden.index_url)
        with serve_front_end(folder / "home", python=python) as running:
            yield running


@pytest.mark.parametrize("has_pkgwidgets", [True, False], ids=["kernel", "REST"])
def test_check_plan_apply_and_undo_work_in_the_oldest_jupyterlab(
    oldest: Lab, garden: Demo, chromium: Browser, has_pkgwidgets: bool
) -> None:
    garden_kernel.write_garden_notebook(
        oldest, garden, NAME, "1 + 1", has_pkgwidgets=has_pkgwidgets
    )
    notebook = SideBar(chromium, oldest, NAME)
    expect(notebook.opener).to_have_text("Packages")
    notebook.open()
    notebook.wait_until_checked()
    notebook.upgrade_and_undo(f"oldest-{has_pkgwidgets}")
    notebook.close()
    oldest.end_kernels()


def test_kernel_in_an_endless_loop_is_served_in_the_oldest_jupyterlab(
    oldest: Lab, garden: Demo, chromium: Browser
) -> None:
    garden_kernel.write_garden_notebook(oldest, garden, NAME, "while True:\n    pass")
    notebook = SideBar(chromium, oldest, NAME)
    notebook.run(0)
    prompt = notebook.page.locator(".jp-Notebook .jp-InputPrompt").first
    expect(prompt).to_have_text("[*]:")
    notebook.execute("pkgwidgets:open")
    notebook.wait_until_checked()
    notebook.upgrade_and_undo("oldest-busy")
    expect(prompt).to_have_text("[*]:")
    notebook.close()
    oldest.end_kernels()


def test_killed_kernel_leaves_a_panel_that_works_in_the_oldest_jupyterlab(
    oldest: Lab, garden: Demo, chromium: Browser
) -> None:
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    garden_kernel.write_garden_notebook(oldest, garden, NAME, kill)
    notebook = SideBar(chromium, oldest, NAME)
    notebook.open()
    notebook.wait_until_checked()
    notebook.run(0)
    notebook.page.get_by_role("button", name="Ok", exact=True).click()
    notebook.wait_until_checked()
    notebook.upgrade_and_undo("oldest-killed")
    notebook.close()
    oldest.end_kernels()
