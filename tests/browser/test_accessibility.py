"""The panel for who uses no mouse, or no eyes: keys, names, what is spoken, what axe finds."""

from __future__ import annotations

from collections.abc import Callable

import axe as axe_core
import pytest
from browser.opened import Opened
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
def judged(opened: Opened, axe: str) -> Callable[[str], None]:
    def judge(part: str) -> None:
        for theme in THEMES:
            opened.wear(theme)
            opened.page.wait_for_timeout(300)  # colours change slowly
            assert axe_core.findings(opened.page, axe) == [], (part, theme)

    return judge


def test_axe_reports_no_violation_in_any_part_of_the_panel(
    opened: Opened, judged: Callable[[str], None]
) -> None:
    opened.row("raintable").get_by_role("button", name="raintable", exact=True).click()
    expect(opened.row("raintable").locator("select")).to_be_visible()
    judged("detail")
    opened.row("raintable").get_by_role("button", name="Upgrade raintable").click()
    expect(opened.button("Apply")).to_be_enabled()
    opened.button("Commands").click()
    judged("plan")
    opened.button("Apply").click()
    expect(opened.button("Undo")).to_be_visible()
    opened.button("Log").click()
    judged("outcome")
    opened.button("History").click()
    past = opened.part("History")
    past.get_by_role("button", name="Log of raintable").click()
    expect(past.locator("pre")).to_contain_text("checking")
    opened.button("Install…").click()
    form = opened.part("Install")
    form.get_by_role("textbox").fill("moonsower")
    form.get_by_role("textbox").press("Enter")
    expect(opened.part("Plan").or_(form.get_by_role("alert")).first).to_be_visible()
    judged("history and form")


SLOW = (
    "from pkgwidgets.demo.wheel_builder import BuiltWheel\n"
    "code = 'import time\\ntime.sleep(60)\\n'\n"
    "garden.index.publish("
    "BuiltWheel(name='slowcoach', version='1.0', files={'slowcoach.py': code}))\n"
)


def test_axe_reports_no_violation_in_the_progress_view(
    opened: Opened, judged: Callable[[str], None]
) -> None:
    opened.ask(SLOW)
    opened.button("Install…").click()
    opened.part("Install").get_by_role("textbox").fill("slowcoach")
    opened.part("Install").get_by_role("textbox").press("Enter")
    opened.button("Apply").click()
    progress = opened.part("Progress")
    expect(progress.locator("[aria-current=step]")).to_have_text("checking")
    judged("progress")
    expect(progress.get_by_role("progressbar", name="Installing slowcoach")).to_be_visible()
    progress.get_by_role("button", name="Cancel").click()
    status = progress.get_by_role("status").filter(has_text="The environment is unchanged.")
    expect(status).to_be_visible()
    judged("cancelled")


def test_accessibility_tree_matches_the_snapshot(opened: Opened) -> None:
    assert opened.panel.page.locator(".pkgw-panel section:visible").count() == 1
    table = opened.part("Packages")
    expect(table).to_match_aria_snapshot("""
      - region "Packages":
        - heading "Packages" [level=3]
        - status: checked moments ago
        - button "Check for updates"
        - button "Upgrade all (7)…"
        - button "Install…"
        - button "History"
        - searchbox "Filter packages"
        - button "Updates 7"
        - button "Loaded here 0"
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
    expect(opened.row("raintable")).to_match_aria_snapshot("""
      - row:
        - gridcell:
          - checkbox "Select raintable"
        - gridcell:
          - button "raintable"
        - gridcell "2.0.0"
        - gridcell "3.1.0 major"
        - gridcell "allotboard <3"
        - gridcell
        - gridcell:
          - button "Upgrade raintable to 2.4.0"
    """)
    opened.row("raintable").get_by_role("button", name="Upgrade raintable").click()
    expect(opened.button("Apply")).to_be_enabled()
    expect(opened.part("Plan")).to_match_aria_snapshot("""
      - region "Plan":
        - heading "Upgrade raintable" [level=3]
        - status: nothing has been changed yet
        - table "Changes":
          - rowgroup:
            - row "Package Version Size Why"
          - rowgroup:
            - row:
              - rowheader "raintable"
              - cell "2.0.0 → 2.4.0 minor"
    """)


def test_status_changes_are_announced_to_screen_readers(opened: Opened) -> None:
    opened.panel.evaluate(SPOKEN)
    opened.panel.get_by_label("Filter packages").fill("shelf")
    expect(opened.panel.locator(".pkgw-count")).to_have_text("1 of 11")
    opened.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    expect(opened.button("Apply")).to_be_enabled()
    opened.button("Apply").click()
    expect(opened.button("Undo")).to_be_visible()
    spoken = opened.page.evaluate("() => window.spoken")
    for words in ("1 of 11", "resolving…", "nothing has been changed yet"):
        assert words in spoken
    assert any("seedshelf 1.4.1 → 1.4.2" in words for words in spoken)
    stages = ("planned", "fetching", "checking", "installing", "verifying")
    assert any(words.startswith(stages) for words in spoken)


def test_upgrade_and_undo_work_with_the_keyboard_alone(opened: Opened) -> None:
    keys = opened.page.keyboard
    cells = opened.page.evaluate(CELLS)
    opened.button("Check for updates").focus()
    for key in "/shelf":
        keys.press(key)
    expect(opened.panel.locator(".pkgw-count")).to_have_text("1 of 11")
    for key in ("ArrowDown", "Enter"):
        keys.press(key)
    row = opened.row("seedshelf")
    expect(row.locator("select")).to_be_visible()
    for key in ("Escape", "End", "Enter"):
        keys.press(key)
    expect(row.locator("select")).to_have_count(0)
    expect(opened.button("Cancel")).to_be_focused()
    expect(opened.button("Apply")).to_be_enabled()
    keys.press("Tab")
    expect(opened.button("Apply")).to_be_focused()
    keys.press("Enter")
    expect(row.locator(".pkgw-c-version")).to_have_text("1.4.2")
    undo = opened.button("Undo")
    expect(undo).to_be_visible()
    until(opened, "Undo")
    keys.press("Enter")
    expect(row.locator(".pkgw-c-version")).to_have_text("1.4.1")
    for key in ("a", "b", "d", "d", "x", "m", "y"):
        keys.press(key)
    assert opened.page.evaluate(CELLS) == cells
    assert opened.panel.locator(":focus").count() == 1


def until(opened: Opened, name: str) -> None:
    """Press Tab until the focus is on the button of that name; it never leaves the panel."""
    for _ in range(12):
        assert opened.panel.locator(":focus").count() == 1, "the focus left the panel"
        if opened.button(name).evaluate("(node) => node === document.activeElement"):
            return
        opened.page.keyboard.press("Tab")
    raise AssertionError(f"{name} was not reached")
