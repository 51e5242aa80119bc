"""The table's accessibility (axe), and pictures in light, dark, wide and narrow."""

from __future__ import annotations

import axe as axe_core
import pytest
from jupyterlab_server import Notebook, take_picture
from playwright.sync_api import Locator, expect
from widgets.sample_tables import show_table

THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]
WIDTHS = {"wide": 1400, "narrow": 640}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_core.source(tmp_path_factory.mktemp("axe"))


@pytest.fixture
def used_table(notebook: Notebook) -> Locator:
    """A table with one open row and two selected rows."""
    output = show_table(notebook, 500)
    output.get_by_role("button", name="pod-0002", exact=True).click()
    output.get_by_label("Select pod-0000").check()
    output.get_by_label("Select pod-0001").check()
    expect(output.get_by_role("link", name="Home")).to_be_visible()
    return output


@pytest.mark.parametrize("theme", THEMES)
def test_axe_reports_no_violation(
    notebook: Notebook, used_table: Locator, axe: str, theme: str
) -> None:
    notebook.set_theme(theme)
    notebook.page.wait_for_timeout(300)
    assert axe_core.findings(notebook.page, axe) == []
    notebook.page.set_viewport_size({"width": WIDTHS["narrow"], "height": 1000})
    notebook.page.wait_for_timeout(500)
    assert axe_core.findings(notebook.page, axe) == []
    notebook.page.set_viewport_size({"width": WIDTHS["wide"], "height": 1000})


def test_axe_reports_an_injected_violation(
    notebook: Notebook, used_table: Locator, axe: str
) -> None:
    used_table.locator("section").first.evaluate(
        "(node) => node.append(Object.assign(document.createElement('button'), { type: 'button' }))"
    )
    assert [finding[0] for finding in axe_core.findings(notebook.page, axe)] == ["button-name"]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_table_has_no_overflow_in_any_theme_and_width(
    notebook: Notebook, used_table: Locator, theme: str, width: str
) -> None:
    notebook.set_theme(theme)
    notebook.page.set_viewport_size({"width": WIDTHS[width], "height": 1000})
    notebook.page.wait_for_timeout(600)
    word = theme.removeprefix("JupyterLab ").lower().replace(" ", "-")
    picture = take_picture(used_table, f"table-{width}-{word}")
    notebook.page.set_viewport_size({"width": WIDTHS["wide"], "height": 1000})
    section = used_table.locator("section.pkgw").first
    overflow = section.evaluate("(node) => node.scrollWidth - node.clientWidth")
    assert picture.stat().st_size > 10_000
    assert overflow <= 0
