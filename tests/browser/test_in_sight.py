"""The next button lies inside the window, at every step and in windows of both sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser.in_sight import PATIENCE, WINDOWS, expect_in_sight, picture
from browser.panel_notebook import GARDEN, PANEL, PanelNotebook
from jupyterlab_server import Lab
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

MANY = """
from pkgwidgets.demo.wheel_builder import BuiltWheel
names = [f"seedling{number:02}" for number in range(16)]
def publish(version, requires=()):
    garden.index.publish(*[
        BuiltWheel(name=name, version=version, files={f"{name}.py": ""}, requires=requires)
        for name in names
    ])
publish("1.0")
service.install_package(names)
garden.index.publish(*[
    BuiltWheel(name=f"shoot{number}", version="1.0", files={f"shoot{number}.py": ""})
    for number in range(6)
])
publish("2.0", tuple(f"shoot{number}" for number in range(6)))
garden.index.withdraw("harvestscale", "3.3.0")
"""
"""Sixteen more packages with a major upgrade, which needs six new ones; none fails."""


@pytest.fixture(params=WINDOWS, ids=lambda size: f"{size[0]}x{size[1]}")
def sized(
    window: PanelNotebook, lab: Lab, request: pytest.FixtureRequest
) -> Iterator[PanelNotebook]:
    """A checked panel with many upgrades, below a few cells, in a window of one size."""
    name = f"{request.node.originalname}-{request.param[0]}.ipynb"
    window.switch_to(lab.write(name, f"{GARDEN}\n{MANY}", *["1 + 1"] * 4, PANEL))
    window.resize(*request.param)
    for place in range(6):
        window.run(place, wait=True)
    window.panel.get_by_text("checked a moment ago").wait_for(timeout=PATIENCE)
    window.panel.scroll_into_view_if_needed()
    yield window
    lab.end_kernels()


def test_upgrade_of_everything_is_decided_without_scrolling(sized: PanelNotebook) -> None:
    everything = sized.panel.get_by_role("button", name="Upgrade all (")
    sized.panel.locator(".pkgw-chip", has_text="Updates").click()
    everything.click()
    expect_in_sight(sized, sized.button("Apply"))
    expect_in_sight(sized, sized.button("Cancel"))
    picture(sized, "plan-all")
    sized.button("Apply").click()
    expect_in_sight(sized, sized.button("Undo"))
    expect(sized.part("Progress")).to_contain_text("changes done")
    picture(sized, "outcome-all")
    sized.button("Undo").click()
    expect_in_sight(sized, sized.button("Redo"))
    expect(sized.part("Progress")).to_contain_text("changes undone")
    picture(sized, "undone-all")


def test_plan_of_one_package_is_decided_without_scrolling(sized: PanelNotebook) -> None:
    row = sized.row("raintable")
    row.scroll_into_view_if_needed()
    row.get_by_role("button", name="Upgrade raintable").click()
    expect_in_sight(sized, sized.button("Apply"))
    picture(sized, "plan-one")
    sized.button("Cancel").click()
    expect(row).to_be_visible()
    expect_in_sight(sized, row.get_by_role("button", name="Upgrade raintable"))


CLAIMS = """(panel) => {
  window.claims = [];
  const list = panel.querySelector("section[aria-label=Packages]");
  const claim = () => window.claims.push(list.innerText);
  const all = { childList: true, subtree: true, characterData: true };
  new MutationObserver(claim).observe(panel, all);
}"""
"""Collects everything that the list says while it changes."""


def test_nothing_false_is_said_while_a_change_or_a_check_runs(sized: PanelNotebook) -> None:
    """From the undo of everything to its end, packages are old again, and the index is asked."""
    sized.panel.locator(".pkgw-chip", has_text="Updates").click()
    sized.panel.get_by_role("button", name="Upgrade all (").click()
    sized.button("Apply").click()
    expect(sized.panel).to_contain_text("Everything is up to date.", timeout=PATIENCE)
    expect_in_sight(sized, sized.button("Undo"))
    sized.panel.evaluate(CLAIMS)
    sized.button("Undo").click()
    expect(sized.button("Redo")).to_be_visible(timeout=PATIENCE)
    expect(sized.panel.locator(".pkgw-chip", has_text="Updates 22")).to_be_visible(timeout=PATIENCE)
    claims = sized.page.evaluate("() => window.claims")
    during = claims[next(i for i, text in enumerate(claims) if "changing packages…" in text) :]
    assert not [text for text in during if "Everything is up to date." in text]
    assert not [text for text in during if "Updates 0" in text]
    changing = [text for text in during if "changing packages…" in text]
    assert not [text for text in changing if " installed" in text or "Updates …" not in text]
    everything = sized.panel.get_by_role("button", name="Upgrade all (22)")
    everything.click()
    count = "28 changes: 22 upgrades, 18 of them major, 6 new"
    expect(sized.part("Plan")).to_contain_text(count, timeout=PATIENCE)


def test_minor_and_patch_only_is_a_switch_in_the_plan(sized: PanelNotebook) -> None:
    sized.panel.get_by_role("button", name="Upgrade all (").click()
    count = "28 changes: 22 upgrades, 18 of them major, 6 new"
    expect(sized.part("Plan")).to_contain_text(count, timeout=PATIENCE)
    switch = sized.panel.get_by_role("switch", name="Minor and patch only")
    expect_in_sight(sized, switch)
    switch.check()
    changes = sized.part("Plan").get_by_role("table", name="Changes")
    expect(changes).not_to_contain_text("major")
    expect(sized.part("Plan")).to_contain_text("packages stay")
    expect_in_sight(sized, sized.button("Apply"))
    expect(switch).to_be_checked()
    picture(sized, "minor-only")
    switch.uncheck()
    expect(sized.part("Plan")).to_contain_text("18 of them major")
    expect_in_sight(sized, sized.button("Apply"))
