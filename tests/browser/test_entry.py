"""*Packages* in the toolbar, the palette, the Kernel menu and the side bar."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uv
from browser import garden_kernel
from browser.side_bar import SideBar
from jupyterlab_server import Lab, serve_front_end, take_picture
from playwright.sync_api import Browser, TimeoutError, expect

from pkgwidgets import PackageService, demo
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

LOOP = "import time\nwhile True:\n    time.sleep(0.1)"
PALETTE = "apputils:activate-command-palette"
NAME = "entry.ipynb"
CHANGE_KERNEL = """(name) => {
  const { sessionContext } = window.jupyterapp.shell.currentWidget;
  return sessionContext.changeKernel({ name }).then(() => null);
}"""
LOADED = """() => performance.getEntriesByType("resource")
  .filter(({ name }) => name.includes("/extensions/pkgwidgets/"))
  .map(({ name, decodedBodySize }) => [name, decodedBodySize])"""


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        running.index.fresh_seconds = 600
        yield running


@pytest.fixture(scope="module", params=["lab", "notebook"])
def front_end(
    request: pytest.FixtureRequest, garden: Demo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_DEFAULT_INDEX", garden.index_url)
        with serve_front_end(tmp_path_factory.mktemp("home"), request.param) as running:
            yield running


@pytest.fixture
def notebook(front_end: Lab, garden: Demo, chromium: Browser) -> Iterator[SideBar]:
    garden_kernel.write_garden_notebook(front_end, garden, NAME, "1 + 1", LOOP)
    opened = SideBar(chromium, front_end, NAME)
    yield opened
    opened.close()
    front_end.end_kernels()


def test_toolbar_opens_the_panel_beside_the_notebook(notebook: SideBar, front_end: Lab) -> None:
    expect(notebook.opener).to_have_text("Packages")
    notebook.open()
    notebook.wait_until_checked()
    take_picture(notebook.page, f"entry-{front_end.app}")
    box = notebook.panel.bounding_box()
    assert box is not None
    assert box["width"] >= 480
    notebook.upgrade_and_undo(f"entry-{front_end.app}")
    expect(notebook.run(0)).to_contain_text("2")
    prompt = notebook.page.locator(".jp-Notebook .jp-InputPrompt").first
    expect(prompt).to_have_text("[1]:")  # opening it was no execution of the notebook's


def requests_at_rest(notebook: SideBar, garden: Demo) -> int:
    """Return how often the index was asked, once the offers that follow a check are made."""
    expect(notebook.button("Upgrade all (7)…")).to_be_visible()
    asked = -1
    while asked != len(garden.index.requests):
        asked = len(garden.index.requests)
        notebook.page.wait_for_timeout(3000)
    return asked


def test_known_updates_are_counted_on_the_button(notebook: SideBar, garden: Demo) -> None:
    notebook.open()
    notebook.wait_until_checked()
    asked = requests_at_rest(notebook, garden)
    notebook.page.reload()
    notebook.wait_until_idle()
    expect(notebook.opener).to_have_text("Packages · 7 updates")
    assert len(garden.index.requests) == asked


@pytest.mark.parametrize("front_end", ["lab"], indirect=True)
def test_count_is_turned_off_in_the_settings_editor(notebook: SideBar) -> None:
    notebook.open()
    notebook.wait_until_checked()
    notebook.page.reload()
    notebook.wait_until_idle()
    expect(notebook.opener).to_have_text("Packages · 7 updates")
    notebook.page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    switch = notebook.page.get_by_label("Show the number of updates")
    for _ in range(20):  # JupyterLab may bring the notebook to the front late after a reload
        notebook.execute("settingeditor:open", query="Packages")
        with suppress(TimeoutError):
            expect(switch).to_be_attached()
            take_picture(notebook.page, "settings")
            switch.uncheck(timeout=3_000)
            break
    expect(switch).not_to_be_checked()
    expect(notebook.opener).to_have_text("Packages")


@pytest.mark.parametrize("front_end", ["lab"], indirect=True)  # Notebook 7 keeps no layout
def test_side_bar_is_open_again_after_a_reload(notebook: SideBar) -> None:
    notebook.open()
    notebook.wait_until_checked()
    notebook.page.wait_for_timeout(3_000)  # JupyterLab saves its layout a little later
    notebook.page.reload()
    notebook.wait_until_idle()
    notebook.wait_until_checked()
    expect(notebook.row("seedshelf")).to_be_visible()
    notebook.upgrade_and_undo("reloaded")


def test_palette_and_menu_open_the_panel(notebook: SideBar, front_end: Lab) -> None:
    notebook.execute(PALETTE)
    field = notebook.page.locator(".lm-CommandPalette-input")
    field.fill("open packages")
    entry = notebook.page.locator(".lm-CommandPalette-item[data-command='pkgwidgets:open']")
    expect(entry).to_be_visible()
    take_picture(notebook.page, f"palette-{front_end.app}")
    field.press("Enter")
    expect(notebook.row("seedshelf")).to_be_visible()
    notebook.page.locator(".lm-MenuBar-item", has_text="Kernel").click()
    item = notebook.page.locator(".lm-Menu-item[data-command='pkgwidgets:open']")
    expect(item).to_have_text("Packages")
    take_picture(notebook.page, f"menu-{front_end.app}")
    notebook.page.keyboard.press("Escape")
    notebook.wait_until_checked()
    notebook.upgrade_and_undo(f"palette-{front_end.app}")


def test_panel_opens_and_changes_packages_while_a_cell_runs(
    notebook: SideBar, front_end: Lab
) -> None:
    notebook.run(1)
    expect(notebook.page.locator(".jp-Notebook .jp-InputPrompt").nth(1)).to_have_text("[*]:")
    notebook.open()
    notebook.wait_until_checked()
    notebook.upgrade_and_undo(f"busy-{front_end.app}")
    expect(notebook.page.locator(".jp-Notebook .jp-InputPrompt").nth(1)).to_have_text("[*]:")


def test_killed_kernel_leaves_a_panel_that_works(notebook: SideBar, front_end: Lab) -> None:
    notebook.open()
    notebook.wait_until_checked()
    notebook.rewrite(0, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    notebook.run(0)
    notebook.page.get_by_role(
        "button", name="Ok", exact=True
    ).click()  # "The kernel appears to have died"
    notebook.wait_until_checked()
    notebook.upgrade_and_undo(f"killed-{front_end.app}")


def test_notebook_without_a_kernel_shows_the_packages_of_a_new_one(
    notebook: SideBar, front_end: Lab
) -> None:
    notebook.open()
    notebook.wait_until_checked()
    notebook.execute("kernelmenu:shutdown")
    expect(notebook.panel).to_contain_text("No kernel runs.")
    notebook.wait_until_checked()
    notebook.upgrade_and_undo(f"none-{front_end.app}")


def test_kernel_without_pkgwidgets_is_served_over_rest(
    front_end: Lab, garden: Demo, chromium: Browser
) -> None:
    garden_kernel.write_garden_notebook(front_end, garden, NAME, LOOP, has_pkgwidgets=False)
    notebook = SideBar(chromium, front_end, NAME)
    notebook.open()
    expect(notebook.panel).to_contain_text("pkgwidgets is not installed in this kernel")
    notebook.wait_until_checked()
    notebook.run(0)
    notebook.upgrade_and_undo(f"bare-{front_end.app}")
    notebook.close()
    front_end.end_kernels()


def test_side_bar_follows_to_a_kernel_of_another_environment(
    notebook: SideBar, front_end: Lab, garden: Demo
) -> None:
    notebook.open()
    notebook.wait_until_checked()
    with demo.start() as other:
        uninstall = [uv.find_uv_bin(), "pip", "uninstall", "--quiet", "--python", str(other.python)]
        subprocess.run([*uninstall, "coldframe"], check=True)
        garden_kernel.write_garden_notebook(
            front_end, other, "other.ipynb", "1 + 1", has_pkgwidgets=False, kernel="other-garden"
        )
        notebook.page.evaluate(CHANGE_KERNEL, "other-garden")
        expect(notebook.row("coldframe")).to_have_count(0)
        notebook.wait_until_checked()
        notebook.upgrade_and_undo(f"other-{front_end.app}")
        service = PackageService(other.python, index_url=other.index_url)
        assert [len(entry.changes) for entry in service.values.history()] == [1, 1]
        notebook.page.evaluate(CHANGE_KERNEL, "garden")
        expect(notebook.row("coldframe")).to_have_count(1)


def test_script_that_every_page_loads_is_small(notebook: SideBar) -> None:
    notebook.page.evaluate("() => window.jupyterapp.restored.then(() => null)")
    notebook.page.wait_for_timeout(2_000)
    loaded = notebook.page.evaluate(LOADED)
    names = {url.rpartition("/")[2].partition("?")[0] for url, _ in loaded}
    assert {"remoteEntry.js", "plugin.js"} <= names
    assert not any("/views/" in url for url, _ in loaded)
    assert sum(size for _, size in loaded) <= 15_000
