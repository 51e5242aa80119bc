"""Take the pictures of the documents, in a real JupyterLab; one of them moves.

They are written to the artefacts. The README says how to renew the committed ones.
"""

from __future__ import annotations

import pytest
from browser.panel_notebook import GARDEN, PANEL, PanelNotebook
from jupyterlab_server import Lab, take_picture
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.slow

MOST = 150_000
"""Bytes: each visitor of the page fetches one."""
OURS = """
folder = garden.site_packages / "coldframe-1.2.0.dist-info"
direct_url = '{"url": "file:///coldframe", "dir_info": {"editable": true}}'
folder.joinpath("direct_url.json").write_text(direct_url)
garden.index.withdraw("moonsower")
"""
"""One that lives where it is edited, and one that the index does not know."""


def test_readme_pictures_are_taken(chromium: Browser, lab: Lab) -> None:
    name = lab.write("readme.ipynb", f"{GARDEN}\n{OURS}", PANEL)
    notebook = PanelNotebook(chromium, lab, name, width=1180)
    notebook.execute("application:toggle-left-area")
    notebook.run(0)
    notebook.run(1)
    notebook.wait_until_checked()
    table = notebook.part("Packages")
    table.locator(".pkgw-list").evaluate("(node) => { node.style.maxHeight = 'none'; }")
    for package in ("bedplanner", "raintable"):
        notebook.row(package).get_by_role("checkbox").check()
    notebook.row("raintable").get_by_role("button", name="raintable", exact=True).click()
    expect(
        notebook.row("raintable").get_by_label("Version of raintable", exact=True)
    ).to_be_visible()
    expect(table.locator(".pkgw-unlock")).to_be_visible()  # the offers come last
    notebook.page.mouse.move(0, 0)
    notebook.page.evaluate("() => document.activeElement.blur()")
    for theme, theme_name in (("light", "JupyterLab Light"), ("dark", "JupyterLab Dark")):
        notebook.set_theme(theme_name)
        notebook.page.wait_for_timeout(300)  # colours change slowly
        assert 10_000 < take_picture(table, f"panel-{theme}").stat().st_size < MOST
    notebook.close()
    lab.end_kernels()
