"""What new users of the panel meet, played by click in windows of both sizes.

One garden, one kernel and one panel serve all tests: each leaves the packages as it found them.
`tests/test_behaviours.py` says which behaviour is shown by which test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from time import sleep

import pytest
from browser.first_use import (
    UPGRADE_ALL,
    chip,
    close_outcome,
    in_row,
    open_panel,
    run_spare_cell,
)
from browser.in_sight import PATIENCE, WINDOWS, expect_in_sight, picture
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab
from playwright.sync_api import expect

from pkgwidgets import demo
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow

CUT_NAMES = """(panel) => [...panel.querySelectorAll(".pkgw-line .pkgw-name")]
  .filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.textContent)"""
MONTHS = re.compile(r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d")
REASON = "libharvest.so.5: cannot open shared object file: No such file or directory"
BAD_RELEASES = count(4)


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start() as running:
        yield running


@pytest.fixture(scope="module")
def opened(window: PanelNotebook, lab: Lab, garden: Demo) -> Iterator[PanelNotebook]:
    open_panel(window, lab, garden, "first-use.ipynb")
    yield window
    lab.end_kernels()


@pytest.fixture(params=WINDOWS, ids=lambda size: f"{size[0]}x{size[1]}")
def sized(opened: PanelNotebook, request: pytest.FixtureRequest) -> PanelNotebook:
    """The panel in a window of one size, from its top."""
    opened.resize(*request.param)
    opened.panel.scroll_into_view_if_needed()
    return opened


# --- the list


def test_names_are_whole_ages_are_ages_and_the_filter_has_its_key(sized: PanelNotebook) -> None:
    assert sized.panel.evaluate(CUT_NAMES) == []
    released = sized.row("raintable").locator(".pkgw-c-released")
    expect(released).to_have_text(re.compile(r"^\d+ (days|weeks|months|years) ago$"))
    field = sized.panel.get_by_label("Filter packages")
    expect(field).to_have_attribute("placeholder", "Filter (press /)")
    sized.button("Check for updates").focus()
    sized.page.keyboard.press("/")
    expect(field).to_be_focused()
    expect_in_sight(sized, field)


def test_upgrade_of_everything_is_no_more_prominent_than_a_check(sized: PanelNotebook) -> None:
    colour = "(node) => getComputedStyle(node).backgroundColor"
    everything, check = sized.button(UPGRADE_ALL), sized.button("Check for updates")
    expect_in_sight(sized, everything)
    assert everything.evaluate(colour) == check.evaluate(colour)
    expect(sized.part("Packages").locator(".pkgw-main:visible")).to_have_count(0)


def test_update_that_the_plan_for_everything_leaves_out_is_named(sized: PanelNotebook) -> None:
    expect(chip(sized, "Updates")).to_have_text("Updates 7")
    left_out = "Not in it: beanpoles (blocked by trellis ==1.1.0)"
    expect(sized.button(UPGRADE_ALL)).to_have_attribute("title", left_out)


def test_why_blocked_is_answered_by_the_heading_and_the_first_line(sized: PanelNotebook) -> None:
    in_row(sized, "beanpoles", "Why blocked? beanpoles").click()
    plan = sized.part("Plan")
    expect(plan.get_by_role("heading")).to_have_text("Why beanpoles is blocked")
    expect(plan.locator(".pkgw-body > *").first).to_contain_text("blocked by trellis 1.0")
    expect(plan.locator(".pkgw-body > *").last).to_have_text("There is nothing to change.")
    picture(sized, "why-blocked")
    sized.button("Close").click()


def test_badge_speaks_of_what_it_stands_beside(sized: PanelNotebook) -> None:
    """The latest is a major step, and the offered version a minor one."""
    row = sized.row("raintable")
    expect(row.locator(".pkgw-c-latest")).to_have_text("3.1.0")
    expect(row.locator(".pkgw-c-action .pkgw-badge")).to_have_text("minor")
    expect(sized.row("frostcall").locator(".pkgw-c-latest")).to_have_text("2.0.0major")
    row.scroll_into_view_if_needed()  # a narrow panel has two lines a row
    expect_in_sight(sized, in_row(sized, "raintable", "Upgrade raintable to 2.4.0…"))
    picture(sized, "badges")


def test_boxes_that_cannot_be_ticked_look_so_in_the_dark(sized: PanelNotebook) -> None:
    sized.set_theme("JupyterLab Dark")
    opacity = "(node) => Number(getComputedStyle(node).opacity)"
    box = sized.row("seedshelf").get_by_role("checkbox")
    off = sized.row("coldframe").get_by_role("checkbox")
    assert (box.is_enabled(), off.is_enabled()) == (True, False)
    assert off.evaluate(opacity) < box.evaluate(opacity) / 2
    sized.row("trellis").scroll_into_view_if_needed()  # the last: the top may be out of sight
    box.check()
    expect_in_sight(sized, sized.button("Upgrade selected (1)…"))
    picture(sized, "selected")
    box.uncheck()
    sized.set_theme("JupyterLab Light")


def test_open_row_adds_no_scroll_bar_and_has_one_form_of_dates(sized: PanelNotebook) -> None:
    row = sized.row("raintable")
    in_row(sized, "raintable", "raintable").click()
    expect(row.get_by_label("Version of raintable", exact=True)).to_be_visible()
    scrolled = "(node) => node.scrollHeight - node.clientHeight"
    assert sized.panel.locator(".pkgw-list").evaluate(scrolled) <= 1
    details = row.locator(".pkgw-c-detail")
    expect(details).to_contain_text(re.compile(r"Released .+ ago \(3\.1\.0\).*Installed .+ ago"))
    assert MONTHS.findall(details.inner_text()) == []
    expect_in_sight(sized, row.get_by_role("button", name="Preview the chosen version"))
    picture(sized, "open-row")
    in_row(sized, "raintable", "raintable").click()
    expect(details).to_have_count(0)


def test_requested_counts_roots_where_everything_is_marked(
    sized: PanelNotebook, garden: Demo
) -> None:
    """uv marks all that it installs; what another package requires does not count then."""
    folders = [*garden.site_packages.glob("*.dist-info")]
    added = [folder / "REQUESTED" for folder in folders if not (folder / "REQUESTED").exists()]
    for file in added:
        file.touch()
    sized.button("Check for updates").click()
    roots = chip(sized, f"Requested {len(folders) - 3}")  # raintable, sundrift and beanpoles
    expect(roots).to_be_visible()
    roots.click()
    expect(sized.row("sundrift")).to_have_count(0)
    expect_in_sight(sized, in_row(sized, "bedplanner", "Upgrade bedplanner…"))
    roots.click()
    for file in added:
        file.unlink()
    sized.button("Check for updates").click()
    expect(chip(sized, "Requested 10")).to_be_visible()
    expect(sized.button(UPGRADE_ALL)).to_be_visible(timeout=PATIENCE)


def test_blocked_row_answers_why(sized: PanelNotebook) -> None:
    why = in_row(sized, "beanpoles", "Why blocked? beanpoles")
    why.scroll_into_view_if_needed()
    expect(why).to_have_text("Why blocked?")
    expect_in_sight(sized, why)
    why.click()
    expect(sized.part("Plan")).to_contain_text("trellis 1.0 (beanpoles==1.1.0)")
    expect_in_sight(sized, sized.button("Close"))
    picture(sized, "why-blocked")
    sized.button("Close").click()
    expect(why).to_be_visible()


def test_upgrade_that_frees_another_package_is_offered(sized: PanelNotebook) -> None:
    offer = sized.panel.locator(".pkgw-unlock")
    expect(offer).to_contain_text("allotboard blocks 1 package: upgrade it to 1.67.0")
    preview = offer.get_by_role("button", name="Preview…")
    preview.scroll_into_view_if_needed()
    expect_in_sight(sized, preview)
    preview.click()
    expect(sized.part("Plan")).to_contain_text("2.0.0 → 3.1.0")
    expect_in_sight(sized, sized.button("Apply"))
    sized.button("Cancel").click()
    expect(sized.part("Plan")).to_be_hidden()


# --- installing


def test_typed_name_is_completed_corrected_or_known(sized: PanelNotebook) -> None:
    sized.button("Install…").click()
    form = sized.part("Install")
    name = form.get_by_role("combobox", name="Package to install")
    expect(form.locator("datalist option[value=raintable]")).to_have_count(1)
    name.fill("seedshelff")
    name.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("Did you mean seedshelf?")
    expect_in_sight(sized, form.get_by_role("button", name="Preview…"))
    name.fill("moonsower")
    name.press("Enter")
    expect(sized.part("Plan")).to_contain_text("moonsower 5.0.1 is already installed")
    expect(form).to_be_hidden()
    expect_in_sight(sized, sized.button("Close"))
    picture(sized, "installed-already")
    sized.button("Close").click()


def test_version_that_does_not_exist_gets_no_advice_that_cannot_help(sized: PanelNotebook) -> None:
    sized.button("Install…").click()
    form = sized.part("Install")
    name = form.get_by_role("combobox", name="Package to install")
    name.fill("moonsower>=9")
    name.press("Enter")
    why = form.get_by_role("alert")
    expect(why).to_contain_text("No release of moonsower satisfies moonsower>=9; the newest is")
    expect(why).to_contain_text("5.0.1 (6.0.0rc1 is a pre-release).")
    expect(why).not_to_contain_text("llow")  # nothing that may move besides would help
    expect_in_sight(sized, form.get_by_role("button", name="Preview…"))
    picture(sized, "no-such-version")
    name.press("Escape")
    expect(form).to_be_hidden()


# --- changes


def test_plan_says_what_rehearsing_and_what_reading_does(sized: PanelNotebook) -> None:
    in_row(sized, "seedshelf", "Upgrade seedshelf…").click()
    plan = sized.part("Plan")
    expect(plan).to_contain_text(
        "Rehearse on this notebook saves the notebook, "
        "then runs a copy of it with the new packages."
    )
    expect(plan).to_contain_text("Code of this notebook:")
    expect_in_sight(sized, sized.button("Rehearse on this notebook"))
    expect_in_sight(sized, sized.button("Apply"))
    picture(sized, "rehearse-or-read")
    sized.button("Cancel").click()


def test_bad_release_is_left_out_and_blames_no_other(sized: PanelNotebook, garden: Demo) -> None:
    version = f"3.{next(BAD_RELEASES)}"
    code = f"raise ImportError({REASON!r})"
    bad = BuiltWheel(
        name="harvestscale",
        version=version,
        files={"harvestscale.py": code},
        uploaded=datetime.now(UTC),  # what failed is tried again only after a new release
    )
    garden.index.publish(bad)
    sized.button("Check for updates").click()
    sized.button("Upgrade all (7 of 8)…").click()
    expect_in_sight(sized, sized.button("Apply"))
    sized.button("Apply").click()
    plan = sized.part("Plan")
    expect(plan).to_contain_text("without harvestscale", timeout=PATIENCE)
    expect(sized.part("Progress")).to_contain_text(f"harvestscale {version} cannot be imported")
    expect_in_sight(sized, sized.button("Apply"))
    picture(sized, "without-the-bad-release")
    sized.button("Apply").click()
    expect_in_sight(sized, sized.button("Undo"))
    expect(chip(sized, "Problems")).to_have_count(0)
    expect(sized.panel.get_by_text("upgrade failed").locator("visible=true")).to_have_count(1)
    row = sized.row("harvestscale")
    again = in_row(sized, "harvestscale", "Upgrade harvestscale…")
    again.scroll_into_view_if_needed()
    expect_in_sight(sized, again)
    in_row(sized, "harvestscale", "harvestscale").click()
    details = row.locator(".pkgw-c-detail")
    expect(details).to_contain_text(REASON)
    picture(sized, "failed-row")
    row.get_by_role("button", name="Dismiss").click()
    expect(row).not_to_contain_text("upgrade failed")
    in_row(sized, "harvestscale", "harvestscale").click()
    sized.button("Undo").click()
    expect_in_sight(sized, sized.button("Redo"))
    garden.index.withdraw("harvestscale", version)
    sized.button("Check for updates").click()
    close_outcome(sized)


def test_restart_asks_first_and_undo_acts_at_once(sized: PanelNotebook) -> None:
    in_row(sized, "seedshelf", "Upgrade seedshelf…").click()
    sized.button("Apply").click()
    ask = sized.button("Restart kernel…")
    expect_in_sight(sized, ask)
    ask.click()
    question = sized.panel.get_by_role("group", name="Restart the kernel?")
    expect(question).to_contain_text("No variables would be lost.")
    expect_in_sight(sized, question.get_by_role("button", name="Restart kernel", exact=True))
    picture(sized, "restart")
    question.get_by_role("button", name="Cancel").click()
    sized.button("Undo").click()
    expect_in_sight(sized, sized.button("Redo"))
    expect(sized.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.1")
    expect(sized.button(UPGRADE_ALL)).to_be_visible(timeout=PATIENCE)
    sized.button("History").click()
    past = sized.part("History")
    past.get_by_role("button", name="Redo seedshelf").first.click()
    expect(sized.part("Plan")).to_contain_text("Redo: seedshelf")
    expect_in_sight(sized, sized.button("Apply"))
    sized.button("Cancel").click()
    past.get_by_role("button", name="Close").click()
    expect(past).to_be_hidden()


PROMISES = {
    "Upgrade seedshelf…": "Plan",
    UPGRADE_ALL: "Plan",
    "Upgrade selected (1)…": "Plan",
    "Uninstall seedshelf…": "Plan",
    "Hold seedshelf…": "Hold a package",
    "Install…": "Install",
}
"""Buttons that ask or show a plan first, and what is shown then."""


def test_button_with_an_ellipsis_asks_or_plans_and_changes_nothing(
    sized: PanelNotebook, garden: Demo
) -> None:
    before = sorted(file.name for file in garden.site_packages.iterdir())
    expect(sized.button(UPGRADE_ALL)).to_be_visible(timeout=PATIENCE)  # what ran before has ended
    box = sized.row("seedshelf").get_by_role("checkbox")
    for label, shown in PROMISES.items():
        if not sized.button("Uninstall seedshelf…").is_visible():
            in_row(sized, "seedshelf", "seedshelf").click()
        box.set_checked("selected" in label)
        sized.button(label).click()
        place = sized.panel.locator(f"[aria-label='{shown}']:visible")
        next_button = place.get_by_role("button", name=re.compile("^(Cancel|Close)$"))
        expect_in_sight(sized, next_button)
        next_button.click()
        expect(place).to_have_count(0)
    in_row(sized, "seedshelf", "seedshelf").click()
    assert sorted(file.name for file in garden.site_packages.iterdir()) == before


# --- values in cells

HEIGHTS = "(all) => all.map((node) => node.getBoundingClientRect().height)"


def test_check_in_a_cell_shows_what_is_newer_and_leaves_no_gap(
    sized: PanelNotebook, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = garden.index._respond

    def answer_late(target: str, accept: str) -> object:
        sleep(1.2)  # so that a progress bar is shown, and goes
        return answer(target, accept)

    monkeypatch.setattr(garden.index, "_respond", answer_late)
    output = run_spare_cell(sized, "service.check_for_updates(refresh=True)")
    expect(output).to_contain_text("7 of 12 are newer; 6 compatible")
    expect(output.locator("tbody tr").first).to_contain_text("allotboard")
    expect(output.locator("tbody tr")).to_have_count(7)
    assert output.evaluate("(node) => node.scrollWidth - node.clientWidth") <= 1
    *before, _ = output.locator(".jp-OutputArea-child").evaluate_all(HEIGHTS)
    assert sum(before) <= 4
    picture(sized, "check-in-a-cell")


def test_package_in_a_cell_reads_from_the_left(sized: PanelNotebook) -> None:
    output = run_spare_cell(sized, "service.get_package('raintable')")
    expect(output).to_contain_text(re.compile(r"installed\d{4}-\d\d-\d\d \d\d:\d\d UTC"))
    expect(output).to_contain_text("requestedyes")
    align = "(all) => [...new Set(all.map((node) => getComputedStyle(node).textAlign))]"
    assert output.locator("td").evaluate_all(align) == ["left"]
