"""Accessibility of the panel: keyboard, names, announcements and axe's findings."""

from __future__ import annotations

from collections.abc import Callable

import axe as axe_core
import pytest
from browser.panel_notebook import PanelNotebook
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

THEMES = ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"]
CELLS = "() => window.jupyterapp.shell.currentWidget.content.widgets.length"
SPOKEN = """(panel) => {
  window.spoken = [];
  const live = '[role=status], [role=alert], [aria-live]';
  new MutationObserver((all) => {
    for (const { target } of all) {
      const node = target.nodeType === 1 ? target : target.parentElement;
      const region = node?.closest(live);
      if (region?.checkVisibility()) window.spoken.push(region.textContent);
    }
  }).observe(panel, { childList: true, subtree: true, characterData: true });
}"""


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_core.source(tmp_path_factory.mktemp("axe"))


@pytest.fixture
def check_axe(notebook: PanelNotebook, axe: str) -> Callable[[str], None]:
    def check(part: str) -> None:
        for theme in THEMES:
            notebook.set_theme(theme)
            notebook.page.wait_for_timeout(300)  # colours change slowly
            assert axe_core.findings(notebook.page, axe) == [], (part, theme)

    return check


def test_axe_reports_no_violation_in_any_part_of_the_panel(
    notebook: PanelNotebook, check_axe: Callable[[str], None]
) -> None:
    notebook.row("raintable").get_by_role("button", name="raintable", exact=True).click()
    expect(notebook.row("raintable").locator("select")).to_be_visible()
    check_axe("detail")
    notebook.row("raintable").get_by_role("button", name="Upgrade raintable").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.button("Commands").click()
    check_axe("plan")
    notebook.button("Apply").click()
    expect(notebook.button("Undo")).to_be_visible()
    notebook.button("Log").click()
    check_axe("outcome")
    notebook.button("History").click()
    past = notebook.part("History")
    past.get_by_role("button", name="Log of raintable").click()
    expect(past.locator("pre")).to_contain_text("checking")
    notebook.button("Install…").click()
    form = notebook.part("Install")
    form.get_by_role("combobox", name="Package to install").fill("moonsower")
    form.get_by_role("combobox", name="Package to install").press("Enter")
    expect(notebook.part("Plan").or_(form.get_by_role("alert")).first).to_be_visible()
    check_axe("history and form")


SLOW = (
    "from pkgwidgets.demo.wheel_builder import BuiltWheel\n"
    "code = 'import time\\ntime.sleep(60)\\n'\n"
    "garden.index.publish("
    "BuiltWheel(name='slowcoach', version='1.0', files={'slowcoach.py': code}))\n"
)


def test_axe_reports_no_violation_in_the_progress_view(
    notebook: PanelNotebook, check_axe: Callable[[str], None]
) -> None:
    notebook.ask(SLOW)
    notebook.button("Install…").click()
    notebook.part("Install").get_by_role("combobox", name="Package to install").fill("slowcoach")
    notebook.part("Install").get_by_role("combobox", name="Package to install").press("Enter")
    notebook.button("Apply").click()
    progress = notebook.part("Progress")
    expect(progress.locator("[aria-current=step]")).to_have_text("checking")
    check_axe("progress")
    expect(progress.get_by_role("progressbar", name="Installing slowcoach")).to_be_visible()
    progress.get_by_role("button", name="Cancel").click()
    status = progress.get_by_role("status").filter(has_text="The environment is unchanged.")
    expect(status).to_be_visible()
    check_axe("cancelled")


def test_accessibility_tree_matches_the_snapshot(notebook: PanelNotebook) -> None:
    assert notebook.panel.page.locator(".pkgw-panel section:visible").count() == 1
    table = notebook.part("Packages")
    expect(table).to_match_aria_snapshot("""
      - region "Packages":
        - heading "Packages" [level=3]
        - status: checked a moment ago
        - button "Check for updates"
        - button "Upgrade all (7)…"
        - button "Install…"
        - button "History"
        - searchbox "Filter packages"
        - button "Updates 7"
        - button "Requested 9"
        - button "Blocked 1"
        - status: 11 of 11
        - grid "Packages":
          - rowgroup:
            - row:
              - columnheader "Select all shown":
                - checkbox "Select all shown"
              - columnheader "Package"
              - columnheader "Installed"
              - columnheader "Latest"
              - columnheader "Blocked by"
              - columnheader "Released"
              - columnheader "Action"
    """)
    expect(table.locator(".pkgw-chip:visible")).to_have_text(
        ["Updates 7", "Requested 9", "Blocked 1", "Advisories 2"]
    )
    expect(notebook.row("raintable")).to_match_aria_snapshot("""
      - row:
        - gridcell:
          - checkbox "Select raintable"
        - gridcell:
          - button "raintable"
        - gridcell "2.0.0"
        - gridcell "3.1.0"
        - gridcell "allotboard <3"
        - gridcell
        - gridcell:
          - button "Upgrade raintable to 2.4.0…"
    """)
    notebook.row("raintable").get_by_role("button", name="Upgrade raintable").click()
    expect(notebook.button("Apply")).to_be_enabled()
    expect(notebook.part("Plan")).to_match_aria_snapshot("""
      - region "Plan":
        - heading "Upgrade raintable" [level=3]
        - text: 1 upgrade
        - status: Nothing has been changed yet.
        - group "What would change":
          - table "Changes":
            - rowgroup:
              - row "Package Version Size Why"
            - rowgroup:
              - row:
                - rowheader "raintable"
                - cell "2.0.0 → 2.4.0 minor"
    """)


def test_status_changes_are_announced_to_screen_readers(notebook: PanelNotebook) -> None:
    notebook.panel.evaluate(SPOKEN)
    notebook.panel.get_by_label("Filter packages").fill("shelf")
    expect(notebook.panel.locator(".pkgw-count")).to_have_text("1 of 11")
    notebook.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.button("Apply").click()
    expect(notebook.button("Undo")).to_be_visible()
    spoken = notebook.page.evaluate("() => window.spoken")
    for words in ("1 of 11", "making the plan…", "Nothing has been changed yet."):
        assert words in spoken
    assert any("seedshelf 1.4.1 → 1.4.2" in words for words in spoken)
    stages = ("preparing", "fetching", "checking", "installing", "verifying")
    assert any(words.startswith(stages) for words in spoken)


def test_upgrade_and_undo_work_with_the_keyboard_alone(notebook: PanelNotebook) -> None:
    keys = notebook.page.keyboard
    cells = notebook.page.evaluate(CELLS)
    notebook.button("Check for updates").focus()
    for key in "/shelf":
        keys.press(key)
    expect(notebook.panel.locator(".pkgw-count")).to_have_text("1 of 11")
    for key in ("ArrowDown", "Enter"):
        keys.press(key)
    row = notebook.row("seedshelf")
    expect(row.locator("select")).to_be_visible()
    for key in ("Escape", "End", "Enter"):
        keys.press(key)
    expect(row.locator("select")).to_have_count(0)
    expect(notebook.button("Cancel")).to_be_focused()
    expect(notebook.button("Apply")).to_be_enabled()
    keys.press("Tab")
    expect(notebook.button("Apply")).to_be_focused()
    keys.press("Enter")
    expect(row.locator(".pkgw-c-version")).to_have_text("1.4.2")
    undo = notebook.button("Undo")
    expect(undo).to_be_visible()
    tab_back_to(notebook, "Undo")  # the outcome is above the list
    keys.press("Enter")
    expect(row.locator(".pkgw-c-version")).to_have_text("1.4.1")
    for key in ("a", "b", "d", "d", "x", "m", "y"):
        keys.press(key)
    assert notebook.page.evaluate(CELLS) == cells
    assert notebook.panel.locator(":focus").count() == 1


def tab_back_to(notebook: PanelNotebook, name: str) -> None:
    """Press Shift+Tab until the named button has the focus, which must stay in the panel."""
    for _ in range(16):
        assert notebook.panel.locator(":focus").count() == 1, "the focus left the panel"
        if notebook.button(name).evaluate("(node) => node === document.activeElement"):
            return
        notebook.page.keyboard.press("Shift+Tab")
    raise AssertionError(f"{name} was not reached")
