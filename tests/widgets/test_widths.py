"""Every view is readable from 230 to 1,900 pixels, zoomed, in high contrast; axe finds nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import axe as axe_core
import pytest
from jupyterlab_server import chromium, take_picture
from playwright.sync_api import Browser, Page
from widgets.static_page import show_views

from pkgwidgets.presentation.row_actions import LABELS

pytestmark = pytest.mark.slow

View = tuple[str, dict[str, Any]]
"""The name of a view, and the traits of its model."""

WIDTHS = [230, 320, 460, 580, 640, 800, 1000, 1400, 1900]
DAY = 1_790_000_000
FAILED_NAME = "harvestscale"
NAMES = ["argon2-cffi-bindings", "importlib_metadata", "numpy", "python-dateutil", "mytools"]


def _rows() -> list[dict[str, Any]]:
    newer = {"latest": "3.1.1", "bump": "major", "action": "upgrade", "released": DAY}
    return [
        {"name": NAMES[0], "version": "21.2.0", "latest": "21.2.1", "bump": "patch"}
        | {"action": "upgrade", "released": DAY, "loaded": "21.2.0"},
        {"name": NAMES[1], "version": "8.6.1", "latest": "8.7.0", "bump": "minor"}
        | {"action": "upgrade", "released": DAY, "requested": True},
        {"name": NAMES[2], "version": "1.26.4", "loaded": "1.26.4", "blocked_by": "streamlit <2"}
        | newer
        | {"label": "Upgrade to 1.27.12…", "step": "minor"},
        {"name": NAMES[3], "version": "2.9.0.post0", "blocked_by": "streamlit <3"}
        | newer
        | {"action": "explain"},
        {"name": NAMES[4], "version": "0.3.dev4", "origin": "editable", "note": "editable"},
        {"name": "inhouse-lib", "version": "1.4.0", "error": "the index answered HTTP 503"}
        | {"action": "retry"},
        {"name": FAILED_NAME, "version": "3.2.0", "failed": True, "error": "it cannot be imported"}
        | newer
        | {"action": "upgrade"},
    ]


DETAIL = {
    "summary": "The secure Argon2 password hashing algorithm, as bindings to C",
    "path": "/home/somebody/project/.venv/lib/python3.12/site-packages",
    "changeable": True,
    "links": [["Home", "https://example.invalid/"], ["Changes", "https://example.invalid/c"]],
    "requires": ["cffi"],
    "required_by": ["argon2-cffi", "jupyter_server"],
    "versions": [{"version": "21.2.1", "note": "latest", "day": "2026-04-13", "pick": True}],
    "size": "86 kB",
}
HEADER = {
    "title": "Packages",
    "where": "Python 3.11.7 · .venv · 388 installed",
    "checked": "2026-03-01T12:00:00+00:00",
}
TABLE: View = (
    "table/table",
    {"header": HEADER, "rows": _rows(), "labels": LABELS, "revision": 1, "detail": DETAIL},
)


def _change(name: str, before: str, after: str, kind: str, bump: str) -> dict[str, Any]:
    why = "with streamlit" if kind == "upgrade" else "needed by the others"
    versions = {"name": name, "before": before, "after": after, "kind": kind, "bump": bump}
    return versions | {
        "size": "12.4 MB",
        "why": "" if name in NAMES[2:] else why,
        "requested": kind == "upgrade",
    }


PLAN: View = (
    "plan_view",
    {
        "state": "ready",
        "plan": {
            "id": "p",
            "title": "Upgrade all",
            "headline": "22 changes: 16 upgrades, 13 of them major, 6 new",
            "minor_only": False,
            "project": False,
            "whole": True,
            "cell": "service.upgrade_all_packages()",
            "changes": [_change(name, "1.26.4", "2.0.0", "upgrade", "major") for name in NAMES]
            + [_change("uvicorn", "", "0.30.0", "install", "")],
            "held_back": [
                {"versions": "numpy 2.0.0, not 2.1.0:", "text": "numba needs numpy<2.1."}
                | {"unlock": "Allow changes to other packages…"}
            ],
            "word": "Restart needed",
            "restart": "numpy 1.26.4 is loaded, and its compiled code is in use.",
            "others": "One other notebook uses this environment: report.ipynb.",
            "warnings": ["The index gives no hash of uvicorn, so the files are not verified."],
            "commands": ["uv pip install --upgrade numpy==2.0.0 uvicorn==0.30.0"],
            "footer": "71.9 MB to fetch · can be undone",
        },
        "impact": {"state": "done", "text": "2 cells use changed packages; no failure expected."},
    },
)
STAGES = ["preparing", "fetching", "checking", "saving", "installing", "verifying"]
PROGRESS: View = (
    "progress_view",
    {
        "task": {"title": "Upgrading all", "text": "fetching 8.1 of 71.9 MB…", "fraction": 0.2}
        | {"stages": STAGES, "stage": "fetching", "running": True, "cancellable": True}
        | {"log": ["fetching"]}
    },
)
OUTCOME: View = (
    "progress_view",
    {
        "task": {
            "log": ["fetching", "installing"],
            "outcome": {
                "kind": "ok",
                "text": "22 changes done",
                "word": "Restart needed",
                "loaded": "8 loaded packages",
                "details": ["numpy 1.26.4 → 2.0.0", "numpy 1.26.4 is still loaded."],
                "undo": "Undo",
                "undo_id": "t",
            },
        }
    },
)
FAILED: View = (
    "progress_view",
    {
        "task": {
            "log": [],
            "outcome": {
                "kind": "bad",
                "text": "harvestscale 3.3.0 cannot be imported: libharvest.so.5: cannot open "
                "shared object file. The environment is unchanged.",
            },
        }
    },
)
HISTORY: View = (
    "history_view",
    {
        "logs": {},
        "entries": [
            {"id": "b", "started": "2026-03-01T12:00:00+00:00", "seconds": 3.2, "outcome": "done"}
            | {"changes": ["numpy 1.26.4 → 2.0.0", "uvicorn 0.30.0 (new)"], "who": "ann · kernel"}
            | {"undo": "Undo…", "direction": "", "error": ""},
            {"id": "a", "started": "2026-03-01T11:00:00+00:00", "seconds": 3, "outcome": "done"}
            | {"changes": ["numpy 1.26.3 → 1.26.4"], "who": "ann · kernel", "error": ""}
            | {"refusal": "It can no longer be undone: 'numpy.py' was edited."},
        ],
    },
)
INSTALL: View = (
    "install_form",
    {
        "form": {"open": True, "name": "", "error": "numpyy is not on the index."}
        | {"releases": [{"version": "2.0.0", "note": "latest", "day": "2026-04-13"}]}
    },
)
VIEWS: dict[str, list[View]] = {
    "list": [TABLE],
    "plan": [PLAN],
    "progress": [PROGRESS, TABLE],
    "outcome": [OUTCOME, TABLE],
    "failed": [FAILED, TABLE],
    "history": [HISTORY, TABLE],
    "install": [INSTALL, TABLE],
}
OVERFLOWING = """() => [...document.querySelectorAll(
  "section.pkgw, .pkgw-row, .pkgw-content, .pkgw-note, .pkgw-c-detail, .pkgw-scroll"
)].filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1)
  .map((node) => node.className)"""
BUTTONS = """() => [...document.querySelectorAll("section.pkgw button, section.pkgw input")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true }))
  .filter((node) => {
    const { left, right, width } = node.getBoundingClientRect();
    return left < 0 || right > innerWidth + 1 || width < 12;
  }).map((node) => node.textContent || node.ariaLabel)"""
BROKEN_WORDS = """() => {
  const history = document.querySelector(".pkgw-history");
  const walker = document.createTreeWalker(history, NodeFilter.SHOW_TEXT);
  const broken = [];
  while (walker.nextNode()) {
    const { currentNode: node } = walker;
    for (const { 0: word, index } of node.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      if (new Set([...range.getClientRects()].map(({ top }) => top)).size > 1) broken.push(word);
    }
  }
  return broken;
}"""
"""The words of the history that lie on more than one line."""
CUT_NAMES = """() => [...document.querySelectorAll(".pkgw-line .pkgw-name")]
  .filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.textContent)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    return axe_core.source(tmp_path_factory.mktemp("axe"))


@pytest.fixture(scope="module")
def page(browser: Browser) -> Page:
    return browser.new_page()


@pytest.mark.parametrize("name", VIEWS)
def test_view_fits_and_axe_finds_nothing_at_any_width(page: Page, axe: str, name: str) -> None:
    for dark in (False, True):
        show_views(page, *VIEWS[name], dark=dark)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 700})
            page.wait_for_timeout(100)
            if width in (230, 460, 1000, 1900):
                take_picture(page, f"width-{name}-{width}-{'dark' if dark else 'light'}")
            assert (page.evaluate(OVERFLOWING), page.evaluate(BUTTONS)) == ([], []), width
            if width in (230, 640, 1400):
                assert axe_core.findings(page, axe) == [], (width, dark)


def test_failed_upgrade_is_marked_once_in_a_closed_row_at_any_width(page: Page) -> None:
    show_views(page, TABLE)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_timeout(100)
        mark = page.locator(f"tr[data-id={FAILED_NAME}] .pkgw-failed").locator("visible=true")
        assert mark.all_inner_texts() == ["upgrade failed"], width


def test_history_breaks_no_word(page: Page) -> None:
    show_views(page, HISTORY)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_timeout(100)
        assert page.evaluate(BROKEN_WORDS) == [], width


def test_change_without_a_reason_takes_one_line(page: Page) -> None:
    show_views(page, PLAN)
    rows = page.locator(".pkgw-changes tbody tr")
    for width in (400, *WIDTHS[2:]):
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_timeout(100)
        lines = {name: rows.filter(has_text=name).bounding_box() for name in NAMES[2:]}
        assert all(box is not None and box["height"] < 34 for box in lines.values()), (width, lines)


def test_no_name_is_cut_in_a_wide_list(page: Page) -> None:
    show_views(page, TABLE)
    for width in (230, 460, 580, 800, 1000, 1400):
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_timeout(100)
        assert page.evaluate(CUT_NAMES) == [], width


@pytest.mark.parametrize("name", VIEWS)
def test_view_is_usable_zoomed_and_in_high_contrast(browser: Browser, axe: str, name: str) -> None:
    """At 200 % a window of 1400 × 913 pixels has room for 700 × 456."""
    window = browser.new_context(
        viewport={"width": 700, "height": 456}, device_scale_factor=2, forced_colors="active"
    )
    page = window.new_page()
    show_views(page, *VIEWS[name])
    take_picture(page, f"zoomed-{name}")
    assert (page.evaluate(OVERFLOWING), page.evaluate(BUTTONS)) == ([], [])
    assert axe_core.findings(page, axe) == []
    window.close()
