"""Whether the next button lies inside the window, in the two sizes in which that is asked."""

from __future__ import annotations

from browser.panel_notebook import PanelNotebook
from jupyterlab_server import take_picture
from playwright.sync_api import Locator, expect

WINDOWS = [(1400, 913), (1000, 700)]
PATIENCE = 90_000
"""Milliseconds for what twenty-eight packages take."""
_PRESSABLE = """(node) => {
  const { left, top, width, height } = node.getBoundingClientRect();
  const edges = [[2, height / 2], [width - 2, height / 2], [width / 2, 2], [width / 2, height - 2]];
  return edges.every(([x, y]) => {
    const hit = document.elementFromPoint(left + x, top + y);
    return hit === node || node.contains(hit);
  });
}"""
"""Whether nothing covers or clips a node: from edge to edge it can be pressed."""


def expect_in_sight(notebook: PanelNotebook, button: Locator) -> None:
    """Wait until a button is enabled; it must then be inside the window, and not covered."""
    expect(button).to_be_visible(timeout=PATIENCE)
    expect(button).to_be_enabled(timeout=PATIENCE)
    for _ in range(60):
        notebook.page.wait_for_timeout(300)  # layout and scrolling follow the state late
        if button.evaluate(_PRESSABLE):
            return
    picture(notebook, "last")
    raise AssertionError(f"{button} is out of sight")


def picture(notebook: PanelNotebook, name: str) -> None:
    """Take a picture of the whole window."""
    size = notebook.page.viewport_size
    take_picture(notebook.page, f"sight-{name}-{size['width'] if size else 0}")
