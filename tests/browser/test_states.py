"""Every state of the panel: what it says, and a picture in light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.opened import GARDEN, PANEL, Opened
from jupyterlab_server import Lab, photographed
from playwright.sync_api import Browser, Locator, expect
from widgets.made import KINDS, SHOWN

pytestmark = pytest.mark.slow

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = {"wide": 1400, "narrow": 620}

SLOWLY = """
import threading
gate = threading.Event()
def held(name):
    asked = getattr(service, name)
    setattr(service, name, lambda *args, **options: gate.wait(120) and asked(*args, **options))
"""
"""Makes calls of the service that wait, so that what is short stands still for its picture."""
NOTHING_NEWER = """
for name, versions in {
    "allotboard": ["1.67.0"], "bedplanner": ["2.3.0"], "frostcall": ["2.0.0"],
    "harvestscale": ["3.3.0"], "raintable": ["2.4.0", "3.1.0"], "seedshelf": ["1.4.2"],
    "sundrift": ["1.2.0"],
}.items():
    for version in versions:
        garden.index.withdraw(name, version)
"""
SPOILT = """
folder = garden.site_packages / "coldframe-1.2.0.dist-info"
folder.joinpath("METADATA").write_bytes(b"\\xff\\xfe broken")
garden.index.withdraw("moonsower")
from pkgwidgets.demo.wheel_builder import BuiltWheel
garden.index.publish(
    BuiltWheel(name="beanpoles", version="1.2.0", files={"beanpoles.py": ""}),
    BuiltWheel(
        name="trellis", version="1.0", files={"trellis.py": ""}, requires=("beanpoles==1.1.0",)
    ),
)
service.install_package("trellis")
"""
"""An unreadable row, one that the index does not know, and one that another package blocks."""
FROZEN = """
(garden.python.parent.parent / "conda-meta").mkdir()
(garden.python.parent.parent / "conda-meta" / "frozen").touch()
"""
ELSEWHERE = """
import subprocess, sys
from pkgwidgets.demo.wheel_builder import BuiltWheel
code = "import pathlib, time\\nwhile not pathlib.Path(%r).exists():\\n    time.sleep(0.05)\\n"
stop = garden.folder / "go-on"
garden.index.publish(BuiltWheel(
    name="seedshelf", version="1.4.3", files={"seedshelf.py": code % str(stop)},
    entry_points="[console_scripts]\\nseedshelf = seedshelf:main\\n",
))
other = subprocess.Popen(
    [sys.executable, "-m", "pkgwidgets", "upgrade", "seedshelf", "--yes", "--python",
     str(garden.python), "--index-url", garden.index_url],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
"""
CRASHED = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from held_transactions import eventually, held_wheel, holding
from pkgwidgets.connect import connect
from pkgwidgets.core.events import Stage
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_upgrade
backend = connect(garden.python, garden.index_url, detached=True)
gate = garden.folder / "gate"
garden.index.publish(held_wheel("1.9", gate, staged=False))
id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
eventually(lambda: Stage.VERIFYING in {{event.stage for event in backend.applier.events(id)[0]}})
os.kill(holding(backend), signal.SIGKILL)
gate.touch()
eventually(lambda: backend.environment.holder() is None)
service = PackageService(garden.python, index_url=garden.index_url)
"""


ASK = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let said = '';
  future.onIOPub = ({ content: { ename, evalue, traceback } }) => {
    if (ename) said += [ename, evalue, ...traceback].join('\\n');
  };
  await future.done;
  return said;
}"""


@pytest.fixture(scope="module")
def stage(chromium: Browser, lab: Lab) -> Iterator[Opened]:
    """One notebook for all states, each with a garden of its own."""
    name = lab.write("states.ipynb", GARDEN, PANEL)
    notebook = Opened(chromium, lab, name)
    notebook.execute("application:toggle-left-area")
    yield notebook
    notebook.close()


def shown(stage: Opened, *before: str, panel: str = PANEL) -> Opened:
    """Show a new panel on a new garden, after something was done to it."""
    stage.wear(THEMES["light"])
    stage.resize(WIDTHS["wide"])
    stage.rewrite(1, "")
    stage.run(1, wait=True)
    stage.ask("import contextlib\nwith contextlib.suppress(NameError):\n    garden.close()")
    for source in (GARDEN, *before):
        assert (stage.page.evaluate(ASK, source)) == ""
    stage.rewrite(1, panel)
    stage.run(1)
    stage.page.locator(".jp-Notebook .pkgw-list").wait_for()
    return stage


def pictured(opened: Opened, name: str, place: Locator | None = None) -> None:
    """Photograph a state in both themes and widths; nothing may stick out."""
    there = place if place is not None else opened.panel
    for theme, its_name in THEMES.items():
        opened.wear(its_name)
        for width, pixels in WIDTHS.items():
            opened.resize(pixels, 1500)
            opened.page.wait_for_timeout(250)  # layout follows the window late
            photographed(there, f"{name}-{width}-{theme}")
            wider = there.locator("section.pkgw").evaluate_all(
                "(all) => all.filter((node) => node.scrollWidth > node.clientWidth + 1)"
                ".map((node) => node.ariaLabel)"
            )
            assert wider == [], (width, theme)
    opened.wear(THEMES["light"])
    opened.resize(WIDTHS["wide"])


# --- the list


def test_first_load_shows_rows_while_the_index_is_requested(stage: Opened) -> None:
    opened = shown(stage, SLOWLY + "held('list_updates')")
    expect(opened.row("raintable")).to_contain_text("2.0.0")
    expect(opened.panel).to_contain_text("asking the index…")
    pictured(opened, "first-load")
    opened.ask("gate.set()")
    opened.wait_until_checked()


def test_checked_list_shows_versions_in_an_open_row(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    for name in ("seedshelf", "frostcall"):
        opened.row(name).get_by_role("checkbox").check()
    opened.row("raintable").get_by_role("button", name="raintable", exact=True).click()
    choice = opened.row("raintable").get_by_label("Version of raintable", exact=True)
    expect(choice).to_have_value("2.4.0")
    expect(choice.locator("option")).to_have_text(
        [
            "3.1.0 · latest · 2026-10-26",
            "2.4.0 · newest that fits · 2026-04-13",
            "2.0.0 · installed · 2025-09-08",
        ]
    )
    expect(opened.row("raintable")).to_contain_text("Required by allotboard")
    pictured(opened, "list")


def test_list_without_updates_says_everything_is_up_to_date(stage: Opened) -> None:
    opened = shown(stage, NOTHING_NEWER)
    opened.wait_until_checked()
    opened.panel.locator(".pkgw-chip", has_text="Updates").click()
    expect(opened.panel).to_contain_text("Everything is up to date.")
    expect(opened.button("Upgrade all…")).to_be_disabled()
    pictured(opened, "no-updates")


def test_filter_without_match_says_so(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    opened.panel.get_by_label("Filter packages").fill("nothing like that")
    expect(opened.panel).to_contain_text("No package matches.")
    pictured(opened, "no-match")


def test_cached_rows_are_marked_if_the_index_is_down(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    opened.ask("garden.index.down = True")
    opened.button("Check for updates").click()
    row = opened.row("raintable")
    expect(row).to_contain_text("as of a moment ago")
    expect(row).to_contain_text("3.1.0")
    note = opened.panel.locator(".pkgw-note:visible")
    expect(note).to_contain_text(re.compile(r"http://.* is not available: .*503.*; as of .* ago"))
    pictured(opened, "index-down-cached")


def test_rows_are_unknown_if_the_index_is_down_without_cache(stage: Opened) -> None:
    opened = shown(stage, "garden.index.down = True")
    row = opened.row("raintable")
    expect(row).to_contain_text("unknown")
    expect(row).to_contain_text("the index answered 503")
    expect(row.get_by_role("button", name="Retry raintable")).to_be_visible()
    opened.wait_until_checked()
    pictured(opened, "index-down")
    opened.ask("garden.index.down = False")
    row.get_by_role("button", name="Retry raintable").click()
    expect(row).to_contain_text("3.1.0")


def test_unreadable_unknown_and_blocked_rows_are_shown(stage: Opened) -> None:
    opened = shown(stage, SPOILT)
    opened.wait_until_checked()
    expect(opened.row("coldframe")).to_contain_text("METADATA")
    expect(opened.row("moonsower").get_by_role("button", name="Retry moonsower")).to_be_visible()
    expect(opened.row("beanpoles").get_by_role("button", name="Blocked")).to_be_visible()
    reachable = opened.row("raintable").get_by_role("button", name="Upgrade raintable to 2.4.0")
    expect(reachable).to_be_visible()
    expect(opened.panel.locator(".pkgw-chip", has_text="Problems 2")).to_be_visible()
    pictured(opened, "problems")


def test_read_only_environment_offers_no_changes(stage: Opened) -> None:
    opened = shown(stage, FROZEN)
    opened.wait_until_checked()
    expect(opened.panel).to_contain_text("Nothing can be changed here:")
    expect(opened.panel).to_contain_text("is frozen by its owner.")
    expect(opened.panel.get_by_role("button", name="Upgrade")).to_have_count(0)
    expect(opened.button("Install…")).to_be_hidden()
    pictured(opened, "read-only")


def test_table_of_a_thousand_rows_is_shown(stage: Opened) -> None:
    opened = shown(stage, KINDS, panel=SHOWN.replace("COUNT", "1000"))
    output = opened.page.locator(".jp-Notebook .jp-OutputArea")
    expect(output.locator(".pkgw-count")).to_have_text("1000 of 1000")
    pictured(opened, "thousand", output.last)


# --- plan, progress, outcome


def test_plan_is_shown_and_applied(stage: Opened) -> None:
    opened = shown(stage, SLOWLY)
    opened.wait_until_checked()
    opened.ask("held('plan_upgrade')")
    opened.row("bedplanner").get_by_role("button", name="Upgrade bedplanner").click()
    expect(opened.button("Apply")).to_be_disabled()
    expect(opened.button("Cancel")).to_be_focused()
    pictured(opened, "plan-loading")
    opened.ask("gate.set()")
    expect(opened.button("Apply")).to_be_enabled()
    pictured(opened, "plan")
    opened.button("Apply").click()
    expect(opened.button("Undo")).to_be_visible()
    expect(opened.row("bedplanner").locator(".pkgw-c-version")).to_have_text("2.3.0")
    pictured(opened, "outcome")


def test_plan_for_all_packages_is_shown(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    opened.button("Upgrade all (7)…").click()
    expect(opened.button("Apply")).to_be_enabled()
    pictured(opened, "plan-all")


def test_running_upgrade_shows_progress_and_can_be_cancelled(stage: Opened) -> None:
    opened = shown(stage, ELSEWHERE.partition("other =")[0])
    opened.wait_until_checked()
    opened.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    opened.button("Apply").click()
    progress = opened.part("Progress")
    expect(progress.locator("[aria-current=step]")).to_have_text("checking")
    pictured(opened, "progress")
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_contain_text("The environment is unchanged.")
    expect(progress.locator(".pkgw-bad")).to_have_count(0)  # it was asked for
    expect(opened.row("seedshelf")).not_to_contain_text("Cancelled")
    pictured(opened, "cancelled")


def test_rolled_back_upgrade_is_in_the_history_with_its_log(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    for name in ("seedshelf", "harvestscale"):
        opened.row(name).get_by_role("button", name=f"Upgrade {name}").click()
        opened.button("Apply").click()
        expect(opened.part("Progress").get_by_role("button", name="Close")).to_be_visible()
    expect(opened.part("Progress")).to_contain_text("libharvest.so.5")
    expect(opened.row("harvestscale").get_by_role("button", name="Retry")).to_be_visible()
    pictured(opened, "rolled-back")
    opened.button("History").click()
    past = opened.part("History")
    expect(past.locator("tbody tr")).to_have_count(2)
    pictured(opened, "history")
    past.get_by_role("button", name="Log of harvestscale").click()
    expect(past.locator("pre")).to_contain_text("checking beside the environment")
    expect(past.locator("pre")).to_contain_text("+ harvestscale==3.3.0")
    pictured(opened, "log")


def test_install_form_shows_versions_and_errors(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    opened.button("Install…").click()
    form = opened.part("Install")
    form.get_by_role("textbox").fill("moonsower")
    form.get_by_role("textbox").press("Tab")
    expect(form.locator("option")).to_have_count(3)
    pictured(opened, "install")
    form.get_by_role("textbox").fill("no such name")
    form.get_by_role("textbox").press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("no such name")
    pictured(opened, "install-error")


# --- others, crashes, restarts


def test_transaction_of_another_process_is_shown(stage: Opened) -> None:
    opened = shown(stage, ELSEWHERE)
    progress = opened.part("Progress")
    expect(progress).to_contain_text("Changing seedshelf, begun by")
    expect(progress).to_contain_text("in a terminal")
    expect(progress.locator("[aria-current=step]")).to_have_text("checking")
    pictured(opened, "another-running")
    opened.ask("stop.touch()")
    expect(progress).to_contain_text("seedshelf 1.4.1 → 1.4.3")


def test_recovered_interrupted_change_is_shown(stage: Opened) -> None:
    opened = shown(stage, CRASHED)
    opened.wait_until_checked()
    message = opened.panel.get_by_text("seedshelf 1.4.1 → 1.9 was cut off, and has been put back")
    expect(message).to_be_visible()
    expect(opened.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.1")
    pictured(opened, "recovered")
    opened.button("Check for updates").click()
    expect(message).to_be_hidden()


def test_panel_asks_to_run_its_cell_after_a_kernel_restart(stage: Opened) -> None:
    opened = shown(stage)
    opened.wait_until_checked()
    opened.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    expect(opened.panel.get_by_role("alert")).to_contain_text("Run its cell again.")
    opened.wait_until_idle()
    pictured(opened, "restarted")
