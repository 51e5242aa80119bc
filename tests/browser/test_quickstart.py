"""The quickstart as a new user runs it: `pkgwidgets demo`, run all, click."""

from __future__ import annotations

import re

import pytest
from jupyterlab_server import Notebook, take_picture
from playwright.sync_api import expect

pytestmark = pytest.mark.slow


def test_packages_in_the_toolbar_are_those_of_the_cells(quickstart: Notebook) -> None:
    quickstart.page.locator("[data-command='pkgwidgets:open']").first.click()
    panel = quickstart.page.locator(".pkgw-side-place:not(.lm-mod-hidden)")
    version = panel.locator("tr[data-id=seedshelf] .pkgw-c-version")
    expect(version).to_have_text("1.4.1")
    panel.get_by_role("button", name="Upgrade seedshelf").click()
    panel.get_by_role("button", name="Apply").click()
    expect(version).to_have_text("1.4.2")
    quickstart.run(1, wait=True)
    listing = quickstart.run(3, wait=True)
    expect(listing.get_by_role("row").filter(has_text="seedshelf")).to_contain_text("1.4.2")
    take_picture(quickstart.page, "demo-packages")


def test_quickstart_upgrade_and_undo_work_by_click(quickstart: Notebook) -> None:
    quickstart.run_all()
    panel = quickstart.page.locator(".pkgw-panel")
    row = panel.locator("tr[data-id=raintable]")
    expect(row).to_contain_text("2.0.0")

    panel.get_by_role("button", name="Check for updates").click()
    upgrade = row.get_by_role("button", name="Upgrade raintable to 2.4.0")
    expect(upgrade).to_be_visible()
    expect(row).to_contain_text("allotboard <3")
    take_picture(panel, "list")

    upgrade.click()
    apply = panel.get_by_role("button", name="Apply")
    expect(apply).to_be_enabled()
    expect(panel).to_contain_text("blocked by allotboard 1.40.0 (raintable<3)")
    expect(row).to_contain_text("2.0.0")
    take_picture(panel, "plan")

    apply.click()
    undo = panel.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(panel).to_contain_text("raintable 2.0.0 → 2.4.0")
    expect(row.locator(".pkgw-c-version")).to_have_text("2.4.0")
    take_picture(panel, "outcome")

    undo.click()
    expect(panel).to_contain_text("raintable 2.4.0 → 2.0.0")
    expect(row.locator(".pkgw-c-version")).to_have_text("2.0.0")
    take_picture(panel, "undone")


def test_failed_upgrade_is_explained_and_changes_nothing(quickstart: Notebook) -> None:
    quickstart.run_all()
    panel = quickstart.page.locator(".pkgw-panel")
    panel.get_by_role("button", name="Check for updates").click()
    row = panel.locator("tr[data-id=harvestscale]")
    row.get_by_role("button", name="Upgrade harvestscale").click()
    panel.get_by_role("button", name="Apply").click()
    expect(panel).to_contain_text("libharvest.so.5: cannot open shared object file")
    expect(panel).to_contain_text("Nothing was changed.")
    expect(row.locator(".pkgw-c-version")).to_have_text("3.2.0")
    take_picture(panel, "failed")


def test_plan_for_all_can_be_opened_and_cancelled(quickstart: Notebook) -> None:
    quickstart.run_all()
    panel = quickstart.page.locator(".pkgw-panel")
    panel.get_by_role("button", name="Check for updates").click()
    panel.get_by_role("button", name=re.compile(r"Upgrade all \(")).click()
    expect(panel.get_by_role("button", name="Apply")).to_be_enabled()
    take_picture(panel, "plan-all")
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_role("button", name="Apply")).to_be_hidden()
