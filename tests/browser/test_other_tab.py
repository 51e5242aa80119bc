"""A reload, and a second tab of the same notebook, show the panel as the first tab does."""

from __future__ import annotations

import pytest
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.slow

SAVE_STATE = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"


def test_second_tab_and_reload_show_the_same_state(
    notebook: PanelNotebook, lab: Lab, chromium: Browser
) -> None:
    notebook.button("Upgrade seedshelf…").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.execute("docmanager:save")
    second = PanelNotebook(chromium, lab, notebook.name)
    expect(second.part("Plan")).to_contain_text("1.4.1 → 1.4.2")
    second.button("Apply").click()
    for tab in (second, notebook):
        expect(tab.button("Undo").first).to_be_visible()
        expect(tab.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")
    notebook.page.reload()
    notebook.wait_until_idle()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")
    notebook.button("Undo").first.click()
    expect(second.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.1")
    second.page.context.close()


def test_saved_notebook_has_the_list_as_it_is_now(notebook: PanelNotebook, lab: Lab) -> None:
    copy = notebook.page.locator(".pkgw-static")
    expect(copy).to_have_count(1)
    expect(copy).to_be_hidden()
    for version in ("1.4.1", "1.4.2"):
        expect(copy).to_contain_text(f"seedshelf{version}1.4.2")
        notebook.execute("docmanager:save")
        outputs = lab.read(notebook.name)["cells"][1]["outputs"]
        assert len(outputs) == 2
        row = f"<td>seedshelf</td><td>{version}</td><td>1.4.2</td>"
        assert row in "".join(outputs[1]["data"]["text/html"])
        if version == "1.4.1":
            notebook.button("Upgrade seedshelf…").click()
            notebook.button("Apply").click()
            expect(notebook.button("Undo").first).to_be_visible()


def test_saved_state_of_widgets_has_the_last_check(notebook: PanelNotebook, lab: Lab) -> None:
    notebook.execute(SAVE_STATE)  # the setting is switched on
    try:
        notebook.execute("docmanager:save")
    finally:
        notebook.execute(SAVE_STATE)
    metadata = lab.read(notebook.name)["metadata"]
    models = metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    (rows,) = (model["state"]["rows"] for model in models if "rows" in model["state"])
    latest = {row["name"]: row.get("latest") for row in rows}
    assert (len(latest), latest["seedshelf"]) == (11, "1.4.2")
