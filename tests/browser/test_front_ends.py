"""The same panel in JupyterLab, Notebook 7 and Voilà: open, check, plan, apply, undo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.panel_notebook import GARDEN, PANEL, PanelNotebook
from jupyterlab_server import Lab, serve_front_end, take_picture
from playwright.sync_api import Browser, Locator, expect

pytestmark = pytest.mark.slow


@pytest.fixture(params=["lab", "notebook", "voila"])
def front_end(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    with serve_front_end(tmp_path / "home", request.param) as running:
        yield running


@pytest.fixture
def panel(front_end: Lab, chromium: Browser) -> Iterator[Locator]:
    """The panel, displayed by the front end."""
    name = front_end.write("panel.ipynb", GARDEN, PANEL)
    if front_end.app == "voila":  # shows what the cells show, and has no notebook
        page = chromium.new_context(viewport={"width": 1200, "height": 1000}).new_page()
        page.goto(front_end.address_of(name))
        yield page.locator(".pkgw-panel")
        page.context.close()
        return
    notebook = PanelNotebook(chromium, front_end, name)
    notebook.run_all()
    yield notebook.panel
    notebook.close()


def test_check_plan_apply_and_undo_work_in_each_front_end(front_end: Lab, panel: Locator) -> None:
    row = panel.locator("tr[data-id=bedplanner]")
    version = row.locator(".pkgw-c-version")
    expect(version).to_have_text("2.1.0", timeout=60_000)
    expect(panel.get_by_text("checked a moment ago")).to_be_visible(timeout=30_000)
    take_picture(panel, f"{front_end.app}-list")
    row.get_by_role("button", name="Upgrade bedplanner").click()
    apply = panel.get_by_role("button", name="Apply")
    expect(apply).to_be_enabled()
    expect(panel.locator("section[aria-label=Plan] .pkgw-changes tbody tr")).to_have_count(2)
    take_picture(panel, f"{front_end.app}-plan")
    apply.click()
    undo = panel.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(version).to_have_text("2.3.0")
    undo.click()
    expect(panel).to_contain_text("bedplanner 2.3.0 → 2.1.0")
    expect(version).to_have_text("2.1.0")
    panel.get_by_role("button", name="History").click()
    expect(panel.locator("section[aria-label=History] tbody tr")).to_have_count(2)
    take_picture(panel, f"{front_end.app}-history")
