"""While packages are changed, the buttons that plan are off, so that no click is lost."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from widgets.static_page import show_views

pytestmark = pytest.mark.slow

PEA = {"name": "pea", "version": "1.0", "latest": "1.1", "bump": "minor", "action": "upgrade"}
TABLE: dict[str, Any] = {
    "header": {"title": "Packages", "checked": "2026-11-30T00:00:00Z"},
    "rows": [PEA],
    "revision": 1,
    "labels": {"upgrade": "Upgrade…"},
    "detail": {"changeable": True, "versions": [{"version": "1.1"}]},
    "advisories": {"pea": {"count": 1, "list": [], "more": 0, "safe": "1.1", "blocked_by": ""}},
}
FORM = {"form": {"open": True, "name": "pea", "installed": "1.0", "releases": []}}
ENTRY = {"id": "t", "started": "2026-11-30T00:00:00Z", "seconds": 1, "changes": ["pea 1.0 → 1.1"]}
HISTORY = {"entries": [{**ENTRY, "outcome": "done", "undo": "Undo…"}], "logs": {}}
_PRESS_ALL = """() => document.querySelectorAll("button:not(.pkgw-chip, [name=detail])")
  .forEach((node) => node.click())"""
PLANNING = ("plan", "fix", "uninstall", "undo")
"""Messages that ask for a plan."""


@pytest.mark.parametrize("changing", ["", "Upgrading pod"])
def test_buttons_that_plan_are_off_during_a_change(browser: Browser, changing: str) -> None:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    is_changing = bool(changing)
    header = {**TABLE["header"], "changing": changing}
    show_views(
        page,
        ("install_form", {**FORM, "changing": is_changing}),
        ("history_view", {**HISTORY, "changing": is_changing}),
        ("table/table", {**TABLE, "header": header}),
    )
    if not is_changing:
        page.get_by_role("checkbox", name="Select pea").check()
        expect(page.get_by_role("button", name="Upgrade selected (1)…")).to_be_enabled()
    names = ("Upgrade pea…", "Fix pea", "Uninstall pea…", "Preview…", "Undo pea", "Fix (1)…")
    for name in names:
        for button in page.get_by_role("button", name=name).all():
            assert button.is_enabled() is not is_changing, button
    expected = [*["fix"] * 2, *["plan"] * 5, "undo", *["uninstall"] * 2]
    assert sorted(planned(page)) == ([] if is_changing else expected)
    page.close()


def planned(page: Page) -> list[str]:
    """Press every button by script, and return the requests for plans."""
    page.evaluate(_PRESS_ALL)
    sent: list[str] = page.evaluate("window.models.flatMap(({ sent }) => sent.map((m) => m.type))")
    return [kind for kind in sent if kind in PLANNING]
