"""A copy of an environment by clicks: made, switched to, changed, kept or thrown away."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from borrowed_libraries import borrow_libraries
from browser import garden_kernel
from browser.side_bar import SideBar
from fakes import Oracle
from jupyterlab_server import Lab, serve_front_end, take_picture
from playwright.sync_api import Browser, expect

from pkgwidgets import demo
from pkgwidgets.connect import connect
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import planning
from pkgwidgets.operations import transactions as operations

pytestmark = pytest.mark.slow

NAME = "shared.ipynb"
KERNEL = BuiltWheel(name="ipykernel", version="6.0", files={"ipykernel_stand_in.py": ""})
"""Its name makes the copy have a kernel; the real one comes by the path of the server."""
_KERNEL_NAME = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.name"


@pytest.fixture
def garden() -> Iterator[Demo]:
    """An environment that its owner froze: no user may change it."""
    with demo.start() as running:
        running.index.fresh_seconds = 600
        running.index.publish(KERNEL)
        backend = connect(running.python, running.index_url)
        operations.apply_here(backend, planning.plan_install(backend, "ipykernel"))
        frozen = running.folder / "env" / "conda-meta" / "frozen"
        frozen.parent.mkdir()
        frozen.touch()
        yield running


@pytest.fixture(params=["kernel", "rest"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def lab(
    garden: Demo, transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Lab]:
    borrowed = borrow_libraries(tmp_path / "path", has_pkgwidgets=transport == "kernel")
    monkeypatch.setenv("PYTHONPATH", str(borrowed))
    monkeypatch.setenv("UV_DEFAULT_INDEX", garden.index_url)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "own"))
    # The kernel of a copy borrows pkgwidgets here, and does not have the uv that comes with it.
    monkeypatch.setenv("PATH", f"{Path(uv.find_uv_bin()).parent}:{os.environ['PATH']}")
    with serve_front_end(tmp_path / "home", "lab") as running:
        yield running


@pytest.fixture
def notebook(lab: Lab, garden: Demo, transport: str, chromium: Browser) -> Iterator[SideBar]:
    """Open the side bar, over either transport: the second kernel lacks pkgwidgets."""
    has_pkgwidgets = transport == "kernel"
    garden_kernel.write_garden_notebook(lab, garden, NAME, "1 + 1", has_pkgwidgets=has_pkgwidgets)
    opened = SideBar(chromium, lab, NAME)
    opened.open()
    opened.wait_until_checked()
    yield opened
    opened.close()
    lab.end_kernels()


def test_copy_is_made_used_and_thrown_away(
    notebook: SideBar, garden: Demo, transport: str, tmp_path: Path, tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    first_kernel = notebook.page.evaluate(_KERNEL_NAME)
    expect(notebook.panel.get_by_text("This environment is read-only")).to_be_visible()
    make_copy(notebook, transport)
    mark = notebook.panel.get_by_role("group", name="This environment is a copy", exact=True)
    expect(mark).to_contain_text("This is env-1, a copy of ")
    assert notebook.page.evaluate(_KERNEL_NAME) == "pkgwidgets-env-1"
    take_picture(notebook.page, f"copy-mark-{transport}")
    expect(notebook.version("seedshelf")).to_have_text("1.4.1")
    notebook.button("Upgrade seedshelf…").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.button("Apply").click()
    expect(notebook.version("seedshelf")).to_have_text("1.4.2")
    assert tree(garden.folder / "env") == before

    folder = tmp_path / "own" / "pkgwidgets" / "environments" / "env-1"
    assert folder.is_dir()
    question = notebook.panel.get_by_role("group", name="Throw the copy away?", exact=True)
    command = [str(folder / "bin" / "python"), "-c", "input()", "sow.py"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as other:
        notebook.button("Throw it away…").click()
        expect(question).to_contain_text(f"because sow.py (process {other.pid}) runs in it, too")
        expect(notebook.button("Throw it away")).to_be_hidden()
        notebook.button("Cancel").click()
    assert notebook.page.evaluate(_KERNEL_NAME) == "pkgwidgets-env-1"
    notebook.button("Throw it away…").click()
    expect(question).to_contain_text(f"goes back to the kernel {first_kernel}")
    notebook.button("Throw it away").click()
    notebook.page.wait_for_function(f"({_KERNEL_NAME})() === {json.dumps(first_kernel)}")
    expect(notebook.version("seedshelf")).to_have_text("1.4.1", timeout=60_000)
    notebook.page.wait_for_timeout(500)
    assert not folder.exists()
    assert tree(garden.folder / "env") == before


def test_copy_is_kept(notebook: SideBar, transport: str) -> None:
    make_copy(notebook, transport)
    mark = notebook.panel.get_by_role("group", name="This environment is a copy", exact=True)
    expect(mark).to_be_visible()
    notebook.button("Keep it").click()
    expect(notebook.button("Keep it")).to_be_hidden()
    expect(notebook.button("Throw it away…")).to_be_hidden()
    expect(mark).to_contain_text("This is env-1")


def make_copy(notebook: SideBar, transport: str) -> None:
    """Make a copy with the suggested name, and switch the notebook to it."""
    notebook.button("Make my own copy…").first.click()
    form = notebook.part("Copy")
    expect(form.get_by_label("Name of the copy")).to_have_value("env-1")
    form.get_by_role("button", name="Preview…", exact=True).click()
    expect(form).to_contain_text("The copy will have 12 packages")
    take_picture(notebook.page, f"copy-plan-{transport}")
    form.get_by_role("button", name="Make the copy", exact=True).click()
    expect(form).to_contain_text("The copy env-1 is made: 12 packages", timeout=90_000)
    expect(form).to_contain_text("its variables are lost")
    form.get_by_role("button", name="Switch this notebook to it", exact=True).click()
