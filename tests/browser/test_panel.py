"""The panel in a real JupyterLab: plans, installation, history and reconnection."""

from __future__ import annotations

import pytest
from browser.panel_notebook import GARDEN, PANEL, PanelNotebook
from jupyterlab_server import Lab, take_picture
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.slow

BUSY = "import time\nwhile not garden.folder.joinpath('enough').exists():\n    time.sleep(0.1)"
ENOUGH = "garden.folder.joinpath('enough').touch()"
SLOW = (
    "from pkgwidgets.demo.wheel_builder import BuiltWheel\n"
    "code = 'import time\\ntime.sleep(40)\\n'\n"
    "wheel = BuiltWheel(name='slowcoach', version='1.0', files={'slowcoach.py': code})\n"
    "garden.index.publish(wheel)"
)
CHANGED_ELSEWHERE = (
    "import shutil\nshutil.rmtree(garden.site_packages / 'coldframe-1.2.0.dist-info')"
)
BEGUN_ELSEWHERE = (
    "import subprocess, sys\n"
    "from pkgwidgets.demo.wheel_builder import BuiltWheel\n"
    "files = {'dawdler.py': 'import time\\ntime.sleep(3)\\n'}\n"
    "garden.index.publish(BuiltWheel(name='dawdler', version='1.0', files=files))\n"
    "code = 'import sys; from pkgwidgets import PackageService; "
    "PackageService(sys.argv[1], index_url=sys.argv[2]).install_package(sys.argv[3])'\n"
    "other = subprocess.Popen([sys.executable, '-c', code, str(garden.python),"
    " garden.index_url, 'dawdler'], stderr=subprocess.DEVNULL)"
)
"""Another process installs a package whose import takes long enough to be noticed."""


# --- plans


def test_index_is_requested_when_the_panel_is_displayed(notebook: PanelNotebook) -> None:
    expect(notebook.row("raintable")).to_contain_text("3.1.0")
    expect(notebook.button("Upgrade all (7)…")).to_be_enabled()


def test_cancel_has_the_focus_when_the_plan_is_ready(notebook: PanelNotebook) -> None:
    notebook.row("bedplanner").get_by_role("button", name="Upgrade bedplanner").click()
    apply = notebook.button("Apply")
    expect(apply).to_be_enabled()
    expect(notebook.button("Cancel")).to_be_focused()
    plan = notebook.part("Plan")
    expect(plan.locator(".pkgw-changes tbody tr").nth(0)).to_contain_text("requested")
    expect(plan.locator(".pkgw-changes tbody tr").nth(1)).to_contain_text("needed by bedplanner")
    notebook.page.keyboard.press("Enter")
    expect(apply).to_be_hidden()
    expect(notebook.row("bedplanner").locator(".pkgw-c-version")).to_have_text("2.1.0")


def test_selected_packages_are_planned_together(notebook: PanelNotebook) -> None:
    for name in ("seedshelf", "frostcall"):
        notebook.row(name).get_by_role("checkbox").check()
    notebook.button("Upgrade selected (2)…").click()
    plan = notebook.part("Plan")
    expect(plan.locator(".pkgw-changes tbody tr")).to_have_count(2)
    expect(plan).to_contain_text("seedshelf")
    expect(plan).to_contain_text("frostcall")


# --- install, uninstall, other versions


def test_pasted_command_installs_a_version_and_a_wrong_name_is_explained(
    notebook: PanelNotebook,
) -> None:
    notebook.row("moonsower").get_by_role("button", name="moonsower", exact=True).click()
    notebook.row("moonsower").get_by_role("button", name="Uninstall moonsower").click()
    notebook.button("Apply").click()
    expect(notebook.row("moonsower")).to_have_count(0)

    notebook.button("Install…").click()
    form = notebook.part("Install")
    name = form.get_by_role("combobox", name="Package to install")
    expect(name).to_be_focused()
    name.fill("no such name")
    name.press("Enter")
    expect(form.get_by_role("alert")).to_contain_text("no such name")
    name.fill("pip install moonsower")
    name.press("Tab")
    versions = form.get_by_label("Version", exact=True)
    expect(versions.locator("option")).to_have_text(
        [
            "Latest compatible",
            "6.0.0rc1 · pre-release · 2026-11-09",
            "5.0.1 · latest · 2026-07-07",
        ]
    )
    versions.select_option("6.0.0rc1")
    form.get_by_role("button", name="Preview…").click()
    expect(form).to_be_hidden()
    notebook.button("Apply").click()
    expect(notebook.row("moonsower").locator(".pkgw-c-version")).to_have_text("6.0.0rc1")


def test_older_or_yanked_version_can_be_chosen_in_a_row(notebook: PanelNotebook) -> None:
    row = notebook.row("compost-log")
    row.get_by_role("button", name="Compost_Log", exact=True).click()
    versions = row.get_by_label("Version of Compost_Log", exact=True)
    plan = row.get_by_role("button", name="Preview the chosen version of Compost_Log")
    for version, before, notes in (
        ("1.0.0", "0.9.0", ["yanked", "installed, latest"]),
        ("0.9.0", "1.0.0", ["installed, yanked", "latest"]),
    ):
        expect(versions).to_have_value(before)
        expect(plan).to_be_disabled()
        expect(versions.locator("option")).to_have_text(
            [f"1.0.0 · {notes[0]} · 2026-06-15", f"0.9.0 · {notes[1]} · 2026-05-04"]
        )
        versions.select_option(version)
        plan.click()
        expect(notebook.part("Plan")).to_contain_text(f"{before} → {version}")
        notebook.button("Apply").click()
        expect(row.locator(".pkgw-c-version")).to_have_text(version)


def test_row_details_explain_a_project_missing_from_the_index(notebook: PanelNotebook) -> None:
    notebook.ask("garden.index.withdraw('moonsower')\nservice.values.updates(refresh=True)")
    row = notebook.row("moonsower")
    row.get_by_role("button", name="moonsower", exact=True).click()
    expect(row.get_by_role("status")).to_contain_text("has no project moonsower")
    expect(row.get_by_label("Version of moonsower", exact=True)).to_have_count(0)
    expect(row.get_by_role("button", name="Uninstall moonsower")).to_be_enabled()


def test_needed_package_can_be_uninstalled_with_its_dependents(notebook: PanelNotebook) -> None:
    row = notebook.row("sundrift")
    row.get_by_role("button", name="sundrift", exact=True).click()
    row.get_by_role("button", name="Uninstall sundrift").click()
    expect(notebook.part("Plan")).to_contain_text("bedplanner requires it")
    notebook.button("Uninstall bedplanner as well…").click()
    expect(notebook.part("Plan").locator(".pkgw-changes tbody tr")).to_have_count(2)
    expect(notebook.button("Apply")).to_be_enabled()


# --- history


def test_history_shows_outcomes_and_undoes_through_a_plan(notebook: PanelNotebook) -> None:
    for name in ("seedshelf", "harvestscale"):
        notebook.row(name).get_by_role("button", name=f"Upgrade {name}").click()
        notebook.button("Apply").click()
        expect(notebook.part("Progress").get_by_role("button", name="Close")).to_be_visible()
    notebook.button("History").click()
    past = notebook.part("History")
    failed = past.locator("tbody tr").nth(0)
    expect(failed).to_contain_text("not applied")
    expect(failed).to_contain_text("libharvest.so.5: cannot open shared object file")
    failed.get_by_role("button", name="Log of harvestscale").click()
    expect(past.locator("pre")).to_contain_text("checking the new versions")
    done = past.locator("tbody tr").nth(2)
    expect(done).to_contain_text("done")
    expect(done).to_contain_text("kernel")
    done.get_by_role("button", name="Undo seedshelf").click()
    expect(notebook.part("Plan")).to_contain_text("from the saved files")
    notebook.button("Apply").click()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.1")
    expect(past.locator("tbody tr").first).to_contain_text("undo")


# --- life


@pytest.mark.parametrize("notebook", [[CHANGED_ELSEWHERE]], indirect=True, ids=["cells"])
def test_change_on_the_disk_is_shown(notebook: PanelNotebook) -> None:
    expect(notebook.row("coldframe")).to_have_count(1)
    notebook.run(2)
    expect(notebook.row("coldframe")).to_have_count(0)


@pytest.mark.parametrize("notebook", [[BEGUN_ELSEWHERE]], indirect=True, ids=["cells"])
def test_transaction_of_another_process_is_followed_to_its_end(notebook: PanelNotebook) -> None:
    notebook.run(2)
    expect(notebook.part("Progress")).to_contain_text("dawdler 1.0 (new)")
    expect(notebook.row("dawdler").locator(".pkgw-c-version")).to_have_text("1.0")


def test_reload_and_second_view_show_the_same_state(notebook: PanelNotebook) -> None:
    notebook.row("seedshelf").get_by_role("button", name="Upgrade seedshelf").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.execute("notebook:create-output-view")
    views = notebook.page.locator(".pkgw-panel")
    expect(views).to_have_count(2)
    expect(views.nth(0).locator("tr[data-id=raintable]")).to_contain_text("3.1.0")
    expect(views.nth(1).locator("tr[data-id=raintable]")).to_contain_text("3.1.0")
    notebook.execute("docmanager:save")
    notebook.page.reload()
    notebook.wait_until_idle()
    expect(notebook.row("raintable")).to_contain_text("3.1.0")
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.button("Apply").click()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")


@pytest.mark.parametrize("notebook", [[SLOW, BUSY, ENOUGH]], indirect=True, ids=["cells"])
def test_cancel_works_while_a_cell_runs(notebook: PanelNotebook) -> None:
    notebook.run(2)
    notebook.wait_until_idle()
    notebook.button("Install…").click()
    notebook.part("Install").get_by_role("combobox", name="Package to install").fill("slowcoach")
    notebook.part("Install").get_by_role("combobox", name="Package to install").press("Enter")
    notebook.button("Apply").click()
    progress = notebook.part("Progress")
    expect(progress).to_contain_text("checking")
    notebook.run(3)
    expect(notebook.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    progress.get_by_role("button", name="Cancel").click()
    expect(progress).to_contain_text("Cancelled.")
    expect(progress).to_contain_text("The environment is unchanged.")
    expect(notebook.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    notebook.execute("kernelmenu:interrupt")


def test_panel_says_so_after_a_kernel_restart(notebook: PanelNotebook) -> None:
    notebook.page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(); }"
    )
    expect(notebook.panel.get_by_role("alert")).to_contain_text("Run your cells again")
    expect(notebook.page.locator(".pkgw-panel-dead")).to_have_count(1)
    notebook.wait_until_idle()


def test_docked_panel_is_beside_the_notebook_and_copies_the_cell(
    chromium: Browser, lab: Lab
) -> None:
    name = lab.write("docked.ipynb", GARDEN, f"{PANEL}.dock()", f"{PANEL}.dock()")
    notebook = PanelNotebook(chromium, lab, name, width=1800)
    notebook.run_all()
    expect(notebook.page.locator(".lm-DockPanel-tabBar").get_by_text("Packages")).to_have_count(1)
    notebook.wait_until_checked()
    beside = notebook.panel.bounding_box()
    cells = notebook.page.locator(".jp-NotebookPanel").bounding_box()
    assert beside is not None
    assert cells is not None
    assert beside["width"] > 500
    assert beside["x"] >= cells["x"] + cells["width"]
    take_picture(notebook.page, "docked")

    notebook.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    notebook.row("raintable").get_by_role("button", name="Upgrade raintable").click()
    notebook.button("Copy as cell").click()
    expect(notebook.button("Copied")).to_be_visible()
    assert notebook.page.evaluate("() => navigator.clipboard.readText()") == (
        "service.upgrade_package('raintable')"
    )
    notebook.close()
    lab.end_kernels()
