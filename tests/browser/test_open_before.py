"""A page that was open before the panel's cell was run in another page."""

from __future__ import annotations

import pytest
from browser.garden_kernel import write_notebook
from browser.panel_notebook import PANEL
from browser.side_bar import SideBar
from jupyterlab_server import Lab
from playwright.sync_api import Browser, expect

from pkgwidgets import demo

pytestmark = pytest.mark.slow

_READ_FILE = "() => window.jupyterapp.shell.currentWidget.context.revert()"
"""What *Reload Notebook from Disk* does once the user has agreed."""


def test_page_that_was_open_before_follows_in_its_side_bar_and_after_reading_the_file(
    lab: Lab, chromium: Browser
) -> None:
    """JupyterLab gives an output to the page that ran the cell; others read it from the file."""
    with demo.start() as garden:
        write_notebook(lab, garden, "before.ipynb", PANEL)
        first = SideBar(chromium, lab, "before.ipynb")
        earlier = SideBar(chromium, lab, "before.ipynb")
        first.run(0, wait=True)
        first.run(1)
        cell = first.page.locator(".jp-Notebook .pkgw-panel")
        cell.locator("tr[data-id=seedshelf]").get_by_role("button", name="Upgrade").wait_for()
        first.execute("docmanager:save")
        expect(earlier.page.locator(".jp-Notebook .pkgw-panel")).to_have_count(0)
        earlier.open()
        expect(earlier.version("seedshelf")).to_have_text("1.4.1")
        cell.get_by_role("button", name="Upgrade seedshelf…").click()
        cell.get_by_role("button", name="Apply").click()
        expect(earlier.version("seedshelf")).to_have_text("1.4.2")
        earlier.page.evaluate(_READ_FILE)
        shown = earlier.page.locator(".jp-Notebook .pkgw-panel tr[data-id=seedshelf]")
        expect(shown.locator(".pkgw-c-version")).to_have_text("1.4.2")
        for page in (earlier, first):
            page.page.context.close()
    lab.end_kernels()
