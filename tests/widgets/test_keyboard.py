"""The table without a mouse: everything can be reached, and no key reaches the notebook."""

from __future__ import annotations

import pytest
from jupyterlab_server import Notebook
from playwright.sync_api import Locator, expect
from widgets.sample_tables import kernel_messages, show_table

pytestmark = pytest.mark.slow

FOCUSED = """() => {
  const { activeElement } = document;
  const [row, cell] = ['tr', '[data-key]'].map((selector) => activeElement.closest(selector));
  return [row?.dataset.id ?? '', cell?.dataset.key ?? ''];
}"""
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"


@pytest.fixture
def output(notebook: Notebook) -> Locator:
    shown = show_table(notebook, 500)
    shown.get_by_role("button", name="Check for updates").focus()
    return shown


def press(notebook: Notebook, *keys: str) -> list[str]:
    """Press keys; return the row and the cell that have the focus."""
    for key in keys:
        notebook.page.keyboard.press(key)
    focused: list[str] = notebook.page.evaluate(FOCUSED)
    return focused


def test_upgrade_is_reached_from_the_filter_by_keyboard(
    notebook: Notebook, output: Locator
) -> None:
    press(notebook, "/")
    expect(output.get_by_label("Filter packages")).to_be_focused()
    notebook.page.keyboard.type("row 12")
    expect(output.locator(".pkgw-count")).to_have_text("11 of 500")
    assert press(notebook, "ArrowDown") == ["pod-0012", "name"]
    assert press(notebook, "ArrowDown", "ArrowDown") == ["pod-0121", "name"]
    assert press(notebook, "End") == ["pod-0121", "action"]
    press(notebook, "Enter")
    assert kernel_messages(notebook)[-1] == {"type": "plan", "names": ["pod-0121"]}


def test_arrow_keys_move_through_cells_and_rows(notebook: Notebook, output: Locator) -> None:
    output.get_by_label("Filter packages").focus()
    assert press(notebook, "ArrowDown") == ["pod-0000", "name"]
    assert press(notebook, "ArrowRight") == ["pod-0000", "version"]
    assert press(notebook, "End") == ["pod-0000", "action"]
    assert press(notebook, "Home") == ["pod-0000", "select"]
    assert press(notebook, "ArrowLeft") == ["pod-0000", "select"]
    assert press(notebook, "ArrowDown", "ArrowRight") == ["pod-0001", "name"]
    assert press(notebook, "Control+End") == ["pod-0499", "name"]
    expect(output.locator("tr[data-id=pod-0499]")).to_be_in_viewport(ratio=1)
    assert press(notebook, "ArrowDown") == ["pod-0499", "name"]
    assert press(notebook, "PageUp")[0] < "pod-0495"
    assert press(notebook, "Control+Home") == ["pod-0000", "name"]
    expect(output.locator("tr[data-id=pod-0000]")).to_be_in_viewport(ratio=1)
    assert press(notebook, "PageDown")[0] > "pod-0005"
    press(notebook, "Control+Home", "ArrowUp")
    expect(output.get_by_role("button", name="Package")).to_be_focused()
    press(notebook, "Enter")
    assert press(notebook, "ArrowDown") == ["pod-0499", "name"]


def test_grid_has_exactly_one_tab_stop(notebook: Notebook, output: Locator) -> None:
    stops = output.get_by_role("grid").locator("[tabindex='0']")
    expect(stops).to_have_count(1)
    output.locator(".pkgw-chip:visible").last.focus()
    assert press(notebook, "Tab") == ["pod-0000", "name"]
    assert press(notebook, "ArrowDown", "ArrowRight") == ["pod-0001", "version"]
    expect(stops).to_have_count(1)
    assert press(notebook, "Shift+Tab")[0] == ""
    assert press(notebook, "Tab") == ["pod-0001", "version"]
    notebook.page.keyboard.press("Tab")
    assert output.get_by_role("grid").locator(":focus").count() == 0


def test_space_selects_enter_opens_and_escape_closes_a_row(
    notebook: Notebook, output: Locator
) -> None:
    output.get_by_label("Filter packages").focus()
    press(notebook, "ArrowDown", "ArrowRight", "Space")
    expect(output.get_by_label("Select pod-0000")).to_be_checked()
    press(notebook, "ArrowDown", "Enter")
    row = output.locator("tr[data-id=pod-0001]")
    name = row.get_by_role("button", name="pod-0001", exact=True)
    expect(name).to_have_attribute("aria-expanded", "true")
    expect(row.get_by_role("link", name="Home")).to_be_visible()
    assert press(notebook, "End") == ["pod-0001", "detail"]
    press(notebook, "Home", *["ArrowRight"] * 8)
    expect(row.get_by_role("link", name="Change log")).to_be_focused()
    press(notebook, "ArrowRight")
    expect(row.get_by_role("link", name="Home")).to_be_focused()
    assert press(notebook, "ArrowDown") == ["pod-0002", "name"]
    press(notebook, "ArrowUp", "Escape")
    expect(name).to_have_attribute("aria-expanded", "false")
    expect(name).to_be_focused()
    press(notebook, "Control+a")
    expect(output.locator(".pkgw-chosen")).to_have_text("287 selected")


VERSIONS = """
table.add_detail("pod-0001", requires=["a", "b", "c", "d", "e", "f"], versions=[
    dict(version="1.27.0", note="latest", day="2026-03-01", pick=True),
    dict(version="1.26.4", note="installed", day=""),
    dict(version="1.25.0", note="yanked", day=""),
])
"""


def test_version_is_chosen_with_arrow_keys_and_planned_with_enter(
    notebook: Notebook, output: Locator
) -> None:
    output.get_by_label("Filter packages").focus()
    press(notebook, "ArrowDown", "ArrowDown", "Enter")
    row = output.locator("tr[data-id=pod-0001]")
    expect(row.get_by_role("link", name="Home")).to_be_visible()
    notebook.ask(VERSIONS)
    versions = row.get_by_label("Version of pod-0001", exact=True)
    expect(versions).to_have_value("1.27.0")
    press(notebook, "End", *["ArrowLeft"] * 4)
    expect(versions).to_be_focused()
    press(notebook, "ArrowDown", "ArrowDown")
    expect(versions).to_have_value("1.25.0")
    press(notebook, "ArrowUp")
    plan = row.get_by_role("button", name="Preview the chosen version of pod-0001")
    expect(plan).to_be_disabled()  # that one is installed
    press(notebook, "ArrowDown", "ArrowRight", "Enter")
    request = {"type": "plan", "names": ["pod-0001"], "version": "1.25.0"}
    assert kernel_messages(notebook)[-1] == request
    notebook.ask("table.patch([info(1, summary='other words')])")  # what was chosen stays
    expect(row).to_contain_text("other words")
    expect(versions).to_have_value("1.25.0")
    rest = row.get_by_role("button", name="Requires: 2 more")
    rest.focus()
    press(notebook, "Enter")
    expect(row).to_contain_text("a, b, c, d, e, f")
    assert press(notebook)[0] == "pod-0001"
    press(notebook, "Escape")
    expect(versions).to_have_count(0)


def test_hidden_cells_are_skipped_by_the_keyboard(notebook: Notebook) -> None:
    output = show_table(
        notebook, 20, then="\ntable.update_header(refusal='The system owns it.')\ntable"
    )
    output.get_by_label("Filter packages").focus()
    assert press(notebook, "ArrowDown", "Home") == ["pod-0000", "name"]
    assert press(notebook, "ArrowLeft", "ArrowRight") == ["pod-0000", "version"]
    notebook.page.set_viewport_size({"width": 640, "height": 1000})
    expect(output.get_by_role("columnheader", name="Blocked by")).to_be_hidden()
    assert press(notebook, "ArrowRight", "ArrowRight") == ["pod-0000", "action"]
    notebook.page.set_viewport_size({"width": 1400, "height": 1000})


def test_focus_moves_on_if_its_row_disappears(notebook: Notebook, output: Locator) -> None:
    output.get_by_label("Filter packages").focus()
    press(notebook, "ArrowDown", "ArrowDown", "ArrowDown")
    notebook.ask("table.show(info(n) for n in range(500) if n != 2)")
    expect(output.locator(".pkgw-count")).to_have_text("499 of 499")
    assert press(notebook) == ["pod-0003", "name"]
    output.locator(".pkgw-list").evaluate("(node) => { node.scrollTop = 9000; }")
    notebook.page.wait_for_timeout(300)
    assert press(notebook, "ArrowDown") == ["pod-0004", "name"]


def test_keys_in_the_table_do_not_reach_the_notebook(notebook: Notebook, output: Locator) -> None:
    cells = notebook.page.evaluate(CELLS)
    output.get_by_label("Filter packages").focus()
    press(notebook, "ArrowDown")
    for key in ("a", "b", "d", "d", "x", "m", "y", "Escape", "Enter", "Escape", "Shift+Enter"):
        press(notebook, key)
        assert notebook.page.evaluate(FOCUSED)[0] == "pod-0000"
    output.get_by_label("Filter packages").focus()
    notebook.page.keyboard.type("ddaabbx")
    expect(output.get_by_label("Filter packages")).to_have_value("ddaabbx")
    press(notebook, "Escape", "Escape")
    assert notebook.page.evaluate(CELLS) == cells
