"""The lock of the open notebook in the side bar: save it, see what differs, and return to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import garden_kernel
from browser.side_bar import SideBar
from jupyterlab_server import Lab, serve_front_end, take_picture
from playwright.sync_api import Browser, expect

from pkgwidgets import PackageService, demo
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

NAME = "carried.ipynb"
RESTART = (
    "() => window.jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(() => null)"
)


@pytest.fixture
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        running.index.fresh_seconds = 600
        yield running


@pytest.fixture
def lab(garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("UV_DEFAULT_INDEX", garden.index_url)
    with serve_front_end(tmp_path / "home", "lab") as running:
        yield running


@pytest.fixture(params=["kernel", "rest"])
def notebook(
    request: pytest.FixtureRequest, lab: Lab, garden: Demo, chromium: Browser
) -> Iterator[SideBar]:
    """Open the side bar, over either transport: the second kernel lacks pkgwidgets."""
    has_pkgwidgets = request.param == "kernel"
    garden_kernel.write_garden_notebook(lab, garden, NAME, "1 + 1", has_pkgwidgets=has_pkgwidgets)
    opened = SideBar(chromium, lab, NAME)
    opened.open()
    opened.wait_until_checked()
    yield opened
    opened.close()
    lab.end_kernels()


def test_lock_is_saved_compared_and_restored(
    notebook: SideBar, lab: Lab, garden: Demo, request: pytest.FixtureRequest
) -> None:
    before = lab.read(NAME)
    line = notebook.panel.locator(".pkgw-lock-line")
    expect(line).to_have_text("Save which versions are installed, to return to them later:")
    notebook.button("Save into this notebook").click()
    expect(line).to_have_text("The packages are saved in this notebook.")
    saved = lab.read(NAME)
    requirements = saved["metadata"]["pkgwidgets"]["lock"]["requirements"]
    assert len(requirements) == 11
    assert all("--hash=sha256:" in line for line in requirements)
    sources = [[cell["source"] for cell in content["cells"]] for content in (before, saved)]
    assert sources[0] == sources[1]
    assert saved["metadata"]["kernelspec"]["name"] == before["metadata"]["kernelspec"]["name"]

    outside = PackageService(garden.python, index_url=garden.index_url)
    outside.upgrade_package("seedshelf")
    text = "1 of 11 packages differs from those this notebook was saved with."
    expect(line).to_have_text(text, timeout=40_000)
    take_picture(notebook.page, f"drift-{request.node.callspec.id}")
    notebook.button("Restore…").click()
    expect(notebook.button("Apply")).to_be_enabled(timeout=20_000)
    notebook.button("Apply").click()
    expect(notebook.version("seedshelf")).to_have_text("1.4.1", timeout=40_000)
    expect(line).to_be_hidden(timeout=40_000)
    expect(notebook.panel.get_by_role("button", name="Restore…", exact=True)).to_be_hidden()


def test_restart_is_followed_by_the_next_step_until_a_cell_is_run(notebook: SideBar) -> None:
    note = notebook.panel.locator(".pkgw-side-note")
    expect(note).not_to_contain_text("restarted")
    notebook.page.evaluate(RESTART)
    expect(note).to_contain_text("The kernel was restarted. Run your cells again.")
    notebook.wait_until_checked()
    expect(note).to_contain_text("Run your cells again.")
    notebook.run(0)
    expect(note).not_to_contain_text("Run your cells again.")


def test_lock_is_saved_as_a_file(notebook: SideBar, garden: Demo) -> None:
    for name, begin in (("pylock.toml", "lock-version"), ("requirements.txt", "#")):
        with notebook.page.expect_download() as download:
            notebook.panel.get_by_label("Save the installed packages as a file").select_option(name)
        assert download.value.suggested_filename == name
        text = Path(download.value.path()).read_text("utf-8")
        assert text.startswith(begin)
        assert "seedshelf" in text


def test_lock_is_kept_up_to_date(notebook: SideBar, lab: Lab, garden: Demo) -> None:
    """After each committed change, in the open document; the choice is in its metadata."""
    notebook.panel.get_by_label("Keep it up to date").check()
    line = notebook.panel.locator(".pkgw-lock-line")
    expect(line).to_have_text("The packages are saved in this notebook.")
    saved = own_metadata(lab)
    assert saved["keep_lock"] is True
    assert any(text.startswith("seedshelf==1.4.1 ") for text in saved["lock"]["requirements"])
    notebook.page.wait_for_timeout(6_000)  # it has looked once
    PackageService(garden.python, index_url=garden.index_url).upgrade_package("seedshelf")
    wait_for_requirement(notebook, lab, "seedshelf==1.4.2 ")
    expect(line).to_be_hidden(timeout=40_000)
    notebook.panel.get_by_label("Keep it up to date").uncheck()
    notebook.page.wait_for_timeout(1_000)
    assert "keep_lock" not in own_metadata(lab)


def own_metadata(lab: Lab) -> dict[str, Any]:
    """Return what the saved notebook has of pkgwidgets."""
    content = lab.read(NAME)
    found: dict[str, Any] = content["metadata"]["pkgwidgets"]
    return found


def wait_for_requirement(notebook: SideBar, lab: Lab, beginning: str) -> None:
    """Wait until the saved lock has a line that begins so."""
    for _ in range(80):
        lines = own_metadata(lab)["lock"]["requirements"]
        if any(line.startswith(beginning) for line in lines):
            return
        notebook.page.wait_for_timeout(500)
    raise AssertionError(own_metadata(lab))
