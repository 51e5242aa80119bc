"""The panel of a cluster in JupyterLab: by click, readable in each theme, and accessible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import axe as axe_core
import pytest
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab, take_picture
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]
CELL = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from cluster.fake_cluster import FakeCluster
from pkgwidgets import ClusterPanel
ClusterPanel(FakeCluster())
"""
PANEL = ".pkgw-cluster"
OVERFLOW = """(panel) => [...panel.querySelectorAll('button, input, select, p')]
  .filter((part) => part.getBoundingClientRect().right > panel.getBoundingClientRect().right + 1)
  .map((part) => part.outerHTML)"""


@pytest.fixture
def cluster_panel(window: PanelNotebook, lab: Lab) -> Iterator[PanelNotebook]:
    window.switch_to(lab.write("cluster.ipynb", CELL))
    window.run(0)
    yield window
    window.set_theme("JupyterLab Light")
    lab.end_kernels()


@pytest.fixture
def check(cluster_panel: PanelNotebook, tmp_path: Path) -> Callable[[str], None]:
    axe = axe_core.source(tmp_path)

    def check(part: str) -> None:
        page = cluster_panel.page
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            cluster_panel.set_theme(theme)
            for width in (1400, 1000):
                cluster_panel.resize(width)
                page.wait_for_timeout(300)  # colours change slowly
                assert axe_core.findings(page, axe, PANEL) == [], (part, theme, width)
                assert page.locator(PANEL).evaluate(OVERFLOW) == [], (part, theme, width)
                take_picture(page, f"cluster-{part}-{theme.rpartition(' ')[2]}-{width}")

    return check


def test_cluster_is_upgraded_by_click(
    cluster_panel: PanelNotebook, check: Callable[[str], None]
) -> None:
    panel = cluster_panel.page.locator(PANEL)
    expect(panel).to_contain_text("1 of 2 distributions differ.")
    expect(panel.get_by_role("row").filter(has_text="node:/a").first).to_be_visible()
    expect(panel.get_by_role("button", name="Apply")).to_be_disabled()
    check("environments")
    panel.get_by_label("Upgrade").fill("pea")
    panel.get_by_role("button", name="Upgrade…").click()
    expect(panel.get_by_role("row").filter(has_text="planned")).to_have_count(2)
    check("plan")
    panel.get_by_role("button", name="Apply").click()
    expect(panel.get_by_role("status")).to_contain_text("Done: committed")
    expect(panel.get_by_role("row").filter(has_text="prepared")).to_have_count(1)
    check("outcome")
