"""A panel as a new user meets it: on the kernel's own environment, with a blocked package."""

from __future__ import annotations

from browser import garden_kernel
from browser.in_sight import PATIENCE
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab
from playwright.sync_api import Locator, expect

from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

BLOCKING = (
    BuiltWheel(name="beanpoles", version="1.2.0", files={"beanpoles.py": ""}),
    BuiltWheel(
        name="trellis", version="1.0", files={"trellis.py": ""}, requires=("beanpoles==1.1.0",)
    ),
)
"""A new release that the other project forbids, so that its row has no version to offer."""
UPGRADE_ALL = "Upgrade all (6 of 7)…"
"""The one that is not in it is blocked."""
SPARE_CELL = 3
_SETUP = "import seedshelf\n_done = service.install_package('trellis')"
_LEARN = "() => window.jupyterapp.serviceManager.kernelspecs.refreshSpecs()"


def open_panel(notebook: PanelNotebook, lab: Lab, garden: Demo, name: str) -> None:
    """Open a notebook with a checked panel and a spare cell below it; nothing is a variable."""
    garden.index.publish(*BLOCKING)
    garden.index.withdraw("harvestscale", "3.3.0")  # nothing fails unless a test has it so
    garden_kernel.write_notebook(lab, garden, name, _SETUP, garden_kernel.PANEL, "")
    notebook.page.evaluate(_LEARN)
    notebook.switch_to(name)
    for place in range(2):
        notebook.run(place, wait=True)
    notebook.run(2)
    notebook.wait_until_checked()
    expect(notebook.button(UPGRADE_ALL)).to_be_visible(timeout=PATIENCE)


def chip(notebook: PanelNotebook, text: str) -> Locator:
    """Return a chip that is shown, by a part of its text."""
    return notebook.panel.locator(".pkgw-chip:visible", has_text=text)


def in_row(notebook: PanelNotebook, name: str, button: str) -> Locator:
    """Return a button in the row of a package, by its exact name."""
    return notebook.row(name).get_by_role("button", name=button, exact=True)


def close_outcome(notebook: PanelNotebook) -> None:
    """Close the outcome once the check that follows has ended."""
    expect(notebook.button(UPGRADE_ALL)).to_be_visible(timeout=PATIENCE)
    notebook.part("Progress").get_by_role("button", name="Close").click()


def run_spare_cell(notebook: PanelNotebook, source: str) -> Locator:
    """Run code in the spare cell; return its output."""
    notebook.rewrite(SPARE_CELL, source)
    output = notebook.run(SPARE_CELL, wait=True)
    output.scroll_into_view_if_needed()
    return output
