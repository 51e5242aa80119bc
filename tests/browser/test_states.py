"""Every state of the panel: its texts, and pictures in light and dark, wide and narrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.panel_notebook import GARDEN, PANEL, PanelNotebook
from jupyterlab_server import Lab, take_picture
from playwright.sync_api import Browser, Locator, expect
from widgets.sample_tables import KINDS, SHOWN

pytestmark = pytest.mark.slow

THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = {"wide": 1400, "narrow": 620}

SLOWLY = """
import threading
gate = threading.Event()
def delay(owner, name):
    method = getattr(owner, name)
    setattr(owner, name, lambda *args, **options: gate.wait(120) and method(*args, **options))
"""
"""Delay calls of the service, so that a short state lasts long enough for a picture."""
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
"""An unreadable row, one unknown to the index, and one that another package blocks."""
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
transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
events = backend.worker.events
eventually(lambda: Stage.VERIFYING in {{event.stage for event in events(transaction_id)[0]}})
os.kill(holding(backend), signal.SIGKILL)
gate.touch()
eventually(lambda: backend.environment.holder() is None)
service = PackageService(garden.python, index_url=garden.index_url)
"""


ASK = """async (code) => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const future = kernel.requestExecute({ code, store_history: false });
  let output = '';
  future.onIOPub = ({ content: { ename, evalue, traceback } }) => {
    if (ename) output += [ename, evalue, ...traceback].join('\\n');
  };
  await future.done;
  return output;
}"""


@pytest.fixture(scope="module")
def stage(chromium: Browser, lab: Lab) -> Iterator[PanelNotebook]:
    """One notebook for all states; each state has its own garden."""
    name = lab.write("states.ipynb", GARDEN, PANEL)
    notebook = PanelNotebook(chromium, lab, name)
    notebook.execute("application:toggle-left-area")
    yield notebook
    notebook.close()


def show_panel(stage: PanelNotebook, *before: str, panel: str = PANEL) -> PanelNotebook:
    """Show a new panel on a new garden, after running code on it."""
    stage.set_theme(THEMES["light"])
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


def take_pictures(notebook: PanelNotebook, name: str, place: Locator | None = None) -> None:
    """Take pictures of a state in both themes and widths; check for overflow."""
    region = place if place is not None else notebook.panel
    for theme, theme_name in THEMES.items():
        notebook.set_theme(theme_name)
        for width, pixels in WIDTHS.items():
            notebook.resize(pixels, 1500)
            notebook.page.wait_for_timeout(250)  # layout follows the window late
            take_picture(region, f"{name}-{width}-{theme}")
            overflowing = region.locator("section.pkgw").evaluate_all(
                "(all) => all.filter((node) => node.scrollWidth > node.clientWidth + 1)"
                ".map((node) => node.ariaLabel)"
            )
            assert overflowing == [], (width, theme)
    notebook.set_theme(THEMES["light"])
    notebook.resize(WIDTHS["wide"])


# --- the list


def test_first_load_shows_rows_while_the_index_is_requested(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, SLOWLY + "delay(service.values, 'updates')")
    expect(notebook.row("raintable")).to_contain_text("2.0.0")
    expect(notebook.panel).to_contain_text("checking for updates…")
    take_pictures(notebook, "first-load")
    notebook.ask("gate.set()")
    notebook.wait_until_checked()


def test_checked_list_shows_versions_in_an_open_row(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    for name in ("seedshelf", "frostcall"):
        notebook.row(name).get_by_role("checkbox").check()
    notebook.row("raintable").get_by_role("button", name="raintable", exact=True).click()
    choice = notebook.row("raintable").get_by_label("Version of raintable", exact=True)
    expect(choice).to_have_value("2.4.0")
    expect(choice.locator("option")).to_have_text(
        [
            "3.1.0 · latest · 2026-10-26",
            "2.4.0 · compatible · 2026-04-13",
            "2.0.0 · installed · 2025-09-08",
        ]
    )
    expect(notebook.row("raintable")).to_contain_text("Required by allotboard")
    take_pictures(notebook, "list")


def test_list_without_updates_says_everything_is_up_to_date(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, NOTHING_NEWER)
    notebook.wait_until_checked()
    notebook.panel.locator(".pkgw-chip", has_text="Updates").click()
    expect(notebook.panel).to_contain_text("Everything is up to date.")
    expect(notebook.button("Upgrade all…")).to_be_disabled()
    take_pictures(notebook, "no-updates")


def test_filter_without_match_says_so(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    notebook.panel.get_by_label("Filter packages").fill("nothing like that")
    expect(notebook.panel).to_contain_text("No package matches.")
    take_pictures(notebook, "no-match")


def test_cached_rows_are_marked_if_the_index_is_down(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    notebook.ask("garden.index.down = True")
    notebook.button("Check for updates").click()
    row = notebook.row("raintable")
    expect(row).to_contain_text("last checked a moment ago")
    expect(row).to_contain_text("3.1.0")
    note = notebook.panel.locator(".pkgw-note:visible")
    expect(note).to_contain_text(
        re.compile(r"http://.* is not available: .*503.*; last checked .* ago")
    )
    take_pictures(notebook, "index-down-cached")


def test_rows_are_unknown_if_the_index_is_down_without_cache(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, "garden.index.down = True")
    row = notebook.row("raintable")
    expect(row).to_contain_text("unknown")
    expect(row).to_contain_text("the index answered HTTP 503")
    expect(row.get_by_role("button", name="Retry raintable")).to_be_visible()
    notebook.wait_until_checked()
    take_pictures(notebook, "index-down")
    notebook.ask("garden.index.down = False")
    row.get_by_role("button", name="Retry raintable").click()
    expect(row).to_contain_text("3.1.0")


def test_unreadable_unknown_and_blocked_rows_are_shown(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, SPOILT)
    notebook.wait_until_checked()
    expect(notebook.row("coldframe")).to_contain_text("METADATA")
    expect(notebook.row("moonsower").get_by_role("button", name="Retry moonsower")).to_be_visible()
    expect(
        notebook.row("beanpoles").get_by_role("button", name="Why blocked? beanpoles")
    ).to_be_visible()
    reachable = notebook.row("raintable").get_by_role("button", name="Upgrade raintable to 2.4.0")
    expect(reachable).to_be_visible()
    expect(notebook.panel.locator(".pkgw-chip", has_text="Problems 2")).to_be_visible()
    take_pictures(notebook, "problems")


def test_read_only_environment_offers_no_changes(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, FROZEN)
    notebook.wait_until_checked()
    expect(notebook.panel).to_contain_text("This environment is read-only:")
    expect(notebook.panel).to_contain_text("was frozen by its owner")
    expect(notebook.panel.get_by_role("button", name="Upgrade")).to_have_count(0)
    expect(notebook.button("Install…")).to_be_hidden()
    take_pictures(notebook, "read-only")


def test_table_of_a_thousand_rows_is_shown(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, KINDS, panel=SHOWN.replace("COUNT", "1000"))
    output = notebook.page.locator(".jp-Notebook .jp-OutputArea")
    expect(output.locator(".pkgw-count")).to_have_text("1000 of 1000")
    take_pictures(notebook, "thousand", output.last)


# --- plan, progress, outcome


def test_plan_is_shown_and_applied(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, SLOWLY)
    notebook.wait_until_checked()
    notebook.ask("delay(service, 'plan_upgrade')")
    notebook.row("bedplanner").get_by_role("button", name="Upgrade bedplanner").click()
    expect(notebook.button("Apply")).to_be_disabled()
    expect(notebook.button("Cancel")).to_be_focused()
    take_pictures(notebook, "plan-loading")
    notebook.ask("gate.set()")
    expect(notebook.button("Apply")).to_be_enabled()
    take_pictures(notebook, "plan")
    notebook.button("Apply").click()
    expect(notebook.button("Undo")).to_be_visible()
    expect(notebook.row("bedplanner").locator(".pkgw-c-version")).to_have_text("2.3.0")
    take_pictures(notebook, "outcome")


def test_plan_for_all_packages_is_shown(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    notebook.button("Upgrade all (7)…").click()
    expect(notebook.button("Apply")).to_be_enabled()
    take_pictures(notebook, "plan-all")


def test_running_upgrade_shows_progress_and_can_be_cancelled(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, ELSEWHERE.partition("other =")[0])
    notebook.wait_until_checked()
    notebook.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    notebook.button("Apply").click()
    progress = notebook.part("Progress")
    expect(progress.locator("[aria-current=step]")).to_have_text("checking")
    take_pictures(notebook, "progress")
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_contain_text("The environment is unchanged.")
    expect(progress.locator(".pkgw-bad")).to_have_count(0)  # the user cancelled
    expect(notebook.row("seedshelf")).not_to_contain_text("Cancelled")
    take_pictures(notebook, "cancelled")


def test_rolled_back_upgrade_is_in_the_history_with_its_log(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    for name in ("seedshelf", "harvestscale"):
        notebook.row(name).get_by_role("button", name=f"Upgrade {name}").click()
        notebook.button("Apply").click()
        expect(notebook.part("Progress").get_by_role("button", name="Close")).to_be_visible()
    expect(notebook.part("Progress")).to_contain_text("libharvest.so.5")
    mark = notebook.row("harvestscale").get_by_text("upgrade failed").locator("visible=true")
    expect(mark).to_have_count(1)
    take_pictures(notebook, "rolled-back")
    notebook.button("History").click()
    past = notebook.part("History")
    expect(past.locator("tbody tr")).to_have_count(2)
    take_pictures(notebook, "history")
    past.get_by_role("button", name="Log of harvestscale").click()
    expect(past.locator("pre")).to_contain_text("checking the new versions")
    expect(past.locator("pre")).to_contain_text("+ harvestscale==3.3.0")
    take_pictures(notebook, "log")


def test_install_form_shows_versions_and_errors(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    notebook.button("Install…").click()
    form = notebook.part("Install")
    form.get_by_role("combobox", name="Package to install").fill("moonsower")
    form.get_by_role("combobox", name="Package to install").press("Tab")
    expect(form.get_by_label("Version", exact=True).locator("option")).to_have_count(3)
    take_pictures(notebook, "install")
    form.get_by_role("combobox", name="Package to install").fill("no such name")
    form.get_by_role("combobox", name="Package to install").press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("no such name")
    take_pictures(notebook, "install-error")


# --- others, crashes, restarts


def test_transaction_of_another_process_is_shown(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, ELSEWHERE)
    progress = notebook.part("Progress")
    expect(progress).to_contain_text("Changing seedshelf, started by")
    expect(progress).to_contain_text("in a terminal")
    expect(progress.locator("[aria-current=step]")).to_have_text("checking")
    take_pictures(notebook, "another-running")
    notebook.ask("stop.touch()")
    expect(progress).to_contain_text("seedshelf 1.4.1 → 1.4.3")


def test_recovered_interrupted_change_is_shown(stage: PanelNotebook) -> None:
    notebook = show_panel(stage, CRASHED)
    notebook.wait_until_checked()
    message = notebook.panel.get_by_text(
        "The interrupted change (seedshelf 1.4.1 → 1.9) was rolled back."
    )
    expect(message).to_be_visible()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.1")
    take_pictures(notebook, "recovered")
    notebook.button("Check for updates").click()
    expect(message).to_be_hidden()


def test_panel_asks_to_run_its_cell_after_a_kernel_restart(stage: PanelNotebook) -> None:
    notebook = show_panel(stage)
    notebook.wait_until_checked()
    notebook.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    expect(notebook.panel.get_by_role("alert")).to_contain_text("Run your cells again")
    notebook.wait_until_idle()
    take_pictures(notebook, "restarted")
