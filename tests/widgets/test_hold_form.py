"""The form that holds a package, and the marks of advisories, on a plain page in a browser."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from pkgwidgets.widgets.assets import STATIC, bundle

pytestmark = pytest.mark.slow

MOUNT = """async ([source, traits]) => {
  const blob = new Blob([source], { type: "text/javascript" });
  const { default: view } = await import(URL.createObjectURL(blob));
  const listeners = [];
  window.sent = [];
  window.tell = (event, ...news) => {
    for (const [name, listener] of listeners) if (name === event) listener(...news);
  };
  window.traits = traits;
  const model = {
    get: (name) => traits[name], send: (message) => window.sent.push(message),
    on: (name, listener) => listeners.push([name, listener]), off: () => {},
  };
  view.render({ model, el: document.body.appendChild(document.createElement("div")) });
}"""
TRAITS: dict[str, Any] = {
    "header": {"title": "Packages", "checked": "2026-11-30T00:00:00Z"},
    "rows": [
        {"name": "pea", "version": "1.0", "latest": "1.1", "bump": "minor", "action": "upgrade"},
        {"name": "pod", "version": "2.0", "latest": "2.0"},
    ],
    "revision": 1,
    "labels": {"upgrade": "Upgrade…"},
    "advisories": {},
    "holds": {},
}
MARKS = {
    "pea": {
        "count": 2,
        "list": [
            {
                "id": i,
                "severity": "high",
                "summary": "<b>",
                "link": "https://x.invalid/",
                "error": "",
            }
            for i in ("A-1", "A-2")
        ],
        "more": 0,
        "safe": "1.1",
        "blocked_by": "",
    }
}


@pytest.fixture
def page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 900, "height": 700})
    style = (STATIC / "panel.css").read_text("utf-8")
    page.set_content(f"<!doctype html><style>{style}</style><body></body>")
    page.evaluate(MOUNT, [bundle("table/table"), json.loads(json.dumps(TRAITS))])
    page.evaluate("window.sent.length = 0")
    return page


def open_row(page: Page) -> None:
    page.locator("tr[data-id=pea] [name=detail]").click()
    detail = {"type": "detail", "id": "pea", "changeable": True, "versions": [{"version": "1.1"}]}
    page.evaluate("(detail) => window.tell('msg:custom', detail)", detail)
    page.evaluate("window.sent.length = 0")


def test_details_that_come_after_a_row_was_closed_are_not_kept(page: Page) -> None:
    name = page.locator("tr[data-id=pea] [name=detail]")
    for _ in range(2):
        name.click()
    late = {"type": "detail", "id": "pea", "publisher": "an earlier release"}
    page.evaluate("(detail) => window.tell('msg:custom', detail)", late)
    name.click()
    expect(page.locator("tr[data-id=pea] .pkgw-c-detail")).to_be_visible()
    expect(page.get_by_text("an earlier release")).to_have_count(0)


def test_hold_form_sends_what_was_typed_and_closes_after_success(page: Page) -> None:
    open_row(page)
    page.get_by_role("button", name="Hold pea…").click()
    versions = page.get_by_label("Versions")
    expect(versions).to_be_focused()
    expect(versions).to_have_value("==1.0")
    page.keyboard.type("<2")
    page.get_by_label("Reason").fill("a/b")
    page.get_by_label("Until").fill("2999-12-31")
    page.get_by_label("Reason").press("Enter")
    sent = page.evaluate("window.sent")
    assert sent == [
        {
            "type": "hold",
            "names": ["pea"],
            "versions": "<2",
            "reason": "a/b",
            "until": "2999-12-31",
        }
    ]
    page.evaluate("window.tell('msg:custom', {type: 'hold', id: 'pea', error: 'No such day.'})")
    expect(page.get_by_role("alert").filter(has_text="No such day.")).to_be_visible()
    expect(versions).to_have_value("<2")
    page.evaluate("window.tell('msg:custom', {type: 'hold', id: 'pea', error: ''})")
    expect(page.get_by_role("group", name="Hold a package")).to_be_hidden()
    expect(page.locator("tr[data-id=pea] [name=detail]")).to_be_focused()


def test_keys_in_the_form_stay_in_it_and_escape_closes_it(page: Page) -> None:
    open_row(page)
    page.get_by_role("button", name="Hold pea…").click()
    page.get_by_label("Reason").press_sequentially("/x ")
    expect(page.get_by_label("Reason")).to_have_value("/x ")
    page.keyboard.press("Escape")
    expect(page.get_by_role("group", name="Hold a package")).to_be_hidden()
    assert page.evaluate("window.sent") == []


def test_skip_holds_the_row_at_anything_but_the_latest(page: Page) -> None:
    open_row(page)
    page.get_by_role("button", name="Skip this version of pea").click()
    (sent,) = page.evaluate("window.sent")
    assert (sent["type"], sent["names"], sent["versions"]) == ("hold", ["pea"], "!=1.1")
    page.evaluate("window.tell('msg:custom', {type: 'hold', id: 'pea', error: 'It is read-only.'})")
    expect(page.locator(".pkgw-note", has_text="It is read-only.")).to_be_visible()


def test_marks_that_arrive_later_get_a_chip_and_a_fix(page: Page) -> None:
    chip = page.locator(".pkgw-chip", has_text="Advisories")
    fix = page.get_by_role("button", name="Fix (1)…")
    expect(chip).to_be_hidden()
    expect(fix).to_be_hidden()
    page.evaluate("(m) => { traits.advisories = m; tell('change:advisories'); }", MARKS)
    expect(chip).to_have_text("Advisories 1")
    expect(page.locator("tr[data-id=pea] .pkgw-advised")).to_have_text("2 advisories")
    chip.click()
    expect(page.locator(".pkgw-line")).to_have_count(1)
    fix.click()
    open_row_fix = page.locator("tr[data-id=pea] [name=fix]")
    page.locator("tr[data-id=pea] [name=detail]").click()
    open_row_fix.click()
    sent = [m for m in page.evaluate("window.sent") if m["type"] == "fix"]
    assert sent == [{"type": "fix", "names": None}, {"type": "fix", "names": ["pea"]}]
    holds = {"pod": [{"versions": "<3", "text": "since today by ada: charts", "held": True}]}
    chip.click()
    page.evaluate("(h) => { traits.holds = h; tell('change:holds'); }", holds)
    held = page.locator("tr[data-id=pod] .pkgw-flag")
    expect(held).to_have_attribute("title", "held at <3 since today by ada: charts")
    page.locator("tr[data-id=pod] [name=detail]").click()
    page.get_by_role("button", name="Release pod <3").click()
    assert page.evaluate("sent.at(-1)") == {"type": "unhold", "names": ["pod"], "versions": "<3"}
