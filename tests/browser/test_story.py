"""Make the moving picture at the top of the README: an upgrade of pandas, from list to undo.

The packages are stand-ins with the names and versions of the known ones, and the picture says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import garden_kernel
from browser.moving_picture import MovingPicture
from browser.side_bar import SideBar
from jupyterlab_server import Lab
from PIL import Image
from playwright.sync_api import Browser, expect

from pkgwidgets import demo
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

MOST = 1_000_000
"""Bytes: each visitor of the page fetches one."""
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "story.ipynb"
CELLS = [
    "".join(cell["source"])
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    if cell["cell_type"] == "code"
]
WITHOUT = {"pandas", "numpy"}
"""The kernel imports the stand-ins, not this interpreter's."""


@pytest.fixture
def garden() -> Iterator[Demo]:
    with demo.start(with_stand_ins=True) as running:
        yield running


@pytest.fixture
def notebook(
    lab: Lab, garden: Demo, chromium: Browser, request: pytest.FixtureRequest
) -> Iterator[SideBar]:
    name = "sales.ipynb"
    garden_kernel.write_garden_notebook(lab, garden, name, *CELLS, without=WITHOUT)
    opened = SideBar(chromium, lab, name, width=1180)
    opened.resize(1180, 700)
    opened.set_theme(request.param)
    opened.execute("application:toggle-left-area")
    for place in range(len(CELLS)):
        opened.run(place, wait=True)
    yield opened
    opened.close()
    lab.end_kernels()


@pytest.mark.parametrize(
    ("notebook", "name"),
    [("JupyterLab Light", "story-light"), ("JupyterLab Dark", "story-dark")],
    indirect=["notebook"],
)
def test_story_of_an_upgrade_is_taken(notebook: SideBar, name: str) -> None:
    picture = MovingPicture(notebook.page, note="stand-ins, not the real packages")
    notebook.open()
    notebook.wait_until_checked()
    expect(notebook.row("pandas")).to_contain_text("streamlit")
    expect(notebook.button("Upgrade all (7)…")).to_be_visible()
    upgrade = notebook.row("pandas").get_by_role("button", name="Upgrade pandas")
    picture.take("1 · pandas 3.1.1 is out. streamlit blocks it, so 2.3.3 is offered.", upgrade)
    upgrade.click()
    expect(notebook.part("Plan")).to_contain_text("Fetched and checked")
    rehearse = notebook.button("Rehearse on this notebook")
    picture.take("2 · The plan says what would change, and why. Nothing has changed yet.", rehearse)
    rehearse.click()
    trial = notebook.part("Plan").get_by_role("region", name="Rehearsal")
    expect(trial).to_contain_text("No cell would fail; 3 would stay the same", timeout=90_000)
    apply = notebook.button("Apply")
    picture.take("3 · Rehearsed: the notebook ran on the new version, in a copy.", apply)
    apply.click()
    expect(notebook.version("pandas")).to_have_text("2.3.3")
    undo = notebook.button("Undo")
    picture.take("4 · Applied. The kernel still has 2.2.0 loaded: restart it, or go back.", undo)
    undo.click()
    expect(notebook.button("Redo")).to_be_visible()
    expect(notebook.version("pandas")).to_have_text("2.2.0")
    picture.take("5 · Undone: the old files are back, byte for byte, without a network.")
    file = picture.save(name, seconds=3.5)
    with Image.open(file) as saved:
        assert getattr(saved, "n_frames", 1) == len(picture.frames) == 5
    assert file.stat().st_size < MOST
