"""Impact, rehearsal and restart for a plan, in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import garden_kernel
from browser.panel_notebook import PanelNotebook
from jupyterlab_server import Lab, take_picture
from playwright.sync_api import Browser, Locator, expect

from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

USES = (
    "import frostcall, raintable\n"
    "harvest = {'peas': list(range(5000))}\n"
    "cold = frostcall.frost_tonight(1)\n"
    "raintable.RainTable(mon=3).total()"
)
NOWHERE = "import os\nos.environ.pop('JPY_SESSION_NAME', None)\nos.chdir('/')"
_EDIT = """(source) => window.jupyterapp.shell.currentWidget.context.model.sharedModel
  .cells[2].setSource(source)"""
_NO_SESSION = """() => {
  window.jupyterapp.shell.currentWidget.context.sessionContext.restartKernel = undefined;
}"""
_LEARN = "() => window.jupyterapp.serviceManager.kernelspecs.refreshSpecs()"
"""Make a page that is already open load the garden's kernel specification."""
_HELD = """() => {
  window.restarting = undefined;
  const context = window.jupyterapp.shell.currentWidget.context.sessionContext;
  const restart = context.restartKernel.bind(context);
  context.restartKernel = async () => {
    await restart();
    await new Promise((go) => { window.restarting = go; });
  };
}"""
ENDLESS = "import time\nwhile True:\n    time.sleep(0.1)"


@pytest.fixture
def notebook(
    window: PanelNotebook, lab: Lab, garden: Demo, request: pytest.FixtureRequest
) -> Iterator[PanelNotebook]:
    """A checked panel on its own kernel's environment, and one cell run."""
    more: list[str] = getattr(request, "param", [])
    name = f"{request.node.originalname.removeprefix('test_')}.ipynb"
    garden_kernel.write_notebook(lab, garden, name, garden_kernel.PANEL, USES, *more)
    window.page.evaluate(_LEARN)
    window.switch_to(name)
    window.run(0)
    window.run(2)
    window.run(1)
    window.wait_until_checked()
    yield window
    take_picture(window.page, "last-beside")
    lab.end_kernels()


def open_plan(notebook: PanelNotebook, name: str) -> None:
    notebook.row(name).get_by_role("button", name=f"Upgrade {name}").click()
    expect(notebook.button("Apply")).to_be_enabled()


def cell_sources(notebook: PanelNotebook) -> list[str]:
    sources: list[str] = notebook.page.evaluate(
        "() => [...window.jupyterapp.shell.currentWidget.context.model.sharedModel.cells]"
        ".map((cell) => cell.getSource())"
    )
    return sources


def photograph_themes(notebook: PanelNotebook, name: str) -> None:
    notebook.set_theme("JupyterLab Light")
    notebook.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")
    take_picture(notebook.panel, f"{name}-light")
    notebook.set_theme("JupyterLab Dark")
    notebook.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    take_picture(notebook.panel, f"{name}-dark")


def rehearsal_region(notebook: PanelNotebook) -> Locator:
    return notebook.part("Plan").get_by_role("region", name="Rehearsal")


def test_plan_names_the_cells_that_would_break(notebook: PanelNotebook) -> None:
    open_plan(notebook, "frostcall")
    impact = notebook.part("Plan").get_by_role(
        "status", name="Changed packages that this notebook uses"
    )
    expect(impact).to_contain_text("1 cell would fail")
    expect(impact.locator("tr").nth(1)).to_contain_text("frostcall.frost_tonight")
    expect(impact.locator("tr").nth(1)).to_contain_text("breaks")
    expect(notebook.part("Plan")).to_contain_text("Restart advised afterwards: frostcall 1.9.3")
    photograph_themes(notebook, "impact")


def test_rehearsal_shows_outputs_side_by_side(notebook: PanelNotebook) -> None:
    open_plan(notebook, "frostcall")
    notebook.page.evaluate(_EDIT, f"{USES}\n'not saved yet'")
    notebook.button("Rehearse on this notebook").click()
    trial = rehearsal_region(notebook)
    expect(trial).to_contain_text("would fail", timeout=90_000)
    expect(trial).to_contain_text("not saved yet")
    expect(trial).not_to_contain_text("not included")
    broken = trial.get_by_role("region", name="cell 3: would fail")
    expect(broken).to_contain_text("AttributeError")
    expect(broken).to_contain_text("frost_tonight")
    expect(notebook.button("Apply")).to_be_enabled()
    photograph_themes(notebook, "tried")


@pytest.mark.parametrize("notebook", [[ENDLESS, ENDLESS]], indirect=True, ids=["cells"])
def test_rehearsal_can_be_cancelled_while_a_cell_runs(notebook: PanelNotebook) -> None:
    open_plan(notebook, "seedshelf")
    notebook.button("Rehearse on this notebook").click()
    trial = rehearsal_region(notebook)
    expect(trial).to_contain_text("cell 4 of 5", timeout=90_000)
    photograph_themes(notebook, "trying")
    notebook.run(3)
    expect(notebook.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    notebook.button("Cancel rehearsal").click()
    expect(trial).to_be_hidden(timeout=5_000)
    expect(notebook.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    notebook.execute("kernelmenu:interrupt")
    notebook.wait_until_idle()
    notebook.button("Apply").click()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")


@pytest.mark.parametrize("notebook", [[NOWHERE]], indirect=True, ids=["cells"])
def test_rehearsal_asks_for_the_notebook_if_it_is_unknown(
    notebook: PanelNotebook, lab: Lab
) -> None:
    notebook.run(3)
    notebook.wait_until_idle()
    open_plan(notebook, "seedshelf")
    notebook.button("Rehearse on this notebook").click()
    field = rehearsal_region(notebook).get_by_role("textbox", name="Path of the notebook")
    expect(field).to_be_focused()
    photograph_themes(notebook, "which-notebook")
    field.fill("/nowhere.ipynb")
    field.press("Enter")
    expect(rehearsal_region(notebook).get_by_role("alert")).to_contain_text(
        "no notebook /nowhere.ipynb"
    )
    field.fill(str(lab.folder / notebook.name))
    field.press("Enter")
    expect(rehearsal_region(notebook)).to_contain_text("No cell would fail", timeout=90_000)


def test_upgrade_without_breaking_the_notebook_holds_packages_back(notebook: PanelNotebook) -> None:
    notebook.button("Upgrade all (7)…").click()
    expect(notebook.button("Apply")).to_be_enabled()
    notebook.button("Rehearse on this notebook").click()
    survive = notebook.button("Upgrade without breaking this notebook…")
    expect(survive).to_be_visible(timeout=120_000)
    survive.click()
    shown = notebook.part("Plan")
    name = "upgrade_without_breaking_the_notebook_holds_packages_back.ipynb"
    expect(shown).to_contain_text(f"Upgrade without breaking {name}", timeout=180_000)
    expect(shown).to_contain_text(f"it breaks cell 3 of {name}")
    expect(rehearsal_region(notebook)).to_contain_text("runs with this plan as it does now")
    photograph_themes(notebook, "survives")
    notebook.button("Apply").click()
    expect(notebook.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")
    expect(notebook.row("frostcall").locator(".pkgw-c-version")).to_have_text("1.9.3")


def test_equivalent_cell_is_inserted_below(notebook: PanelNotebook) -> None:
    before = cell_sources(notebook)
    open_plan(notebook, "seedshelf")
    notebook.button("Insert as cell").click()
    expect(notebook.button("Inserted below")).to_be_visible()
    assert cell_sources(notebook) == [
        *before[:2],
        "service.upgrade_package('seedshelf')",
        *before[2:],
    ]


def test_restart_confirmation_lists_lost_variables(notebook: PanelNotebook) -> None:
    open_plan(notebook, "raintable")
    notebook.button("Apply").click()
    outcome = notebook.part("Progress")
    expect(outcome).to_contain_text("raintable 2.0.0 → 2.4.0")
    expect(outcome).to_contain_text("Restart advised (1 loaded package)")
    notebook.button("Details").click()
    expect(outcome.get_by_text("raintable 2.0.0 is still loaded")).to_be_visible()
    ask = notebook.button("Restart kernel…")
    ask.click()
    question = outcome.get_by_role("group", name="Restart the kernel?")
    expect(question).to_contain_text("harvest (dict")
    expect(question).to_contain_text("cold (bool")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    expect(notebook.button("Restart and run up to here")).to_be_visible()
    photograph_themes(notebook, "restart")
    notebook.page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(ask).to_be_focused()
    ask.click()
    expect(question).to_contain_text("harvest (dict")
    notebook.button("Restart kernel").click()
    expect(notebook.page.locator(".pkgw-panel-dead")).to_have_count(1)
    notebook.wait_until_idle()


def test_restart_falls_back_to_the_server_and_then_to_a_hint(notebook: PanelNotebook) -> None:
    notebook.page.evaluate(_NO_SESSION)
    notebook.page.route("**/api/kernels/*/restart", lambda route: route.fulfill(status=404))
    open_plan(notebook, "raintable")
    notebook.button("Apply").click()
    notebook.button("Restart kernel…").click()
    notebook.button("Restart kernel").click()
    outcome = notebook.part("Progress")
    expect(outcome).to_contain_text("The panel cannot restart the kernel here.")
    expect(outcome).to_contain_text("Kernel → Restart Kernel…")
    take_picture(notebook.panel, "restart-by-hand")
    outcome.get_by_role("group").get_by_role("button", name="Cancel").click()
    notebook.page.unroute("**/api/kernels/*/restart")
    notebook.button("Restart kernel…").click()
    with notebook.page.expect_response("**/api/kernels/*/restart") as answer:
        notebook.button("Restart kernel").click()
    assert answer.value.status == 200
    expect(notebook.page.locator(".pkgw-panel-dead")).to_have_count(1)
    notebook.wait_until_idle()


def test_restart_and_run_executes_cells_up_to_the_panel(notebook: PanelNotebook) -> None:
    open_plan(notebook, "raintable")
    notebook.button("Apply").click()
    notebook.button("Restart kernel…").click()
    notebook.button("Restart and run up to here").click()
    expect(notebook.row("raintable").locator(".pkgw-c-version")).to_have_text("2.4.0")
    expect(notebook.page.locator(".pkgw-panel-dead")).to_have_count(0)
    expect(notebook.page.locator(".jp-InputPrompt").nth(1)).to_have_text("[2]:")


def test_restart_and_run_uses_its_own_notebook_whatever_was_clicked(
    notebook: PanelNotebook, lab: Lab
) -> None:
    """While the kernel restarts, the user clicks another cell and opens another notebook."""
    other = lab.write_new("seen = 'the other'", "'not run'")
    notebook.page.evaluate(_HELD)
    open_plan(notebook, "raintable")
    notebook.button("Apply").click()
    notebook.button("Restart kernel…").click()
    notebook.button("Restart and run up to here").click()
    notebook.page.wait_for_function("() => window.restarting")
    notebook.page.locator(".jp-Cell").nth(2).locator(".jp-InputArea-editor").click()
    notebook.execute("docmanager:open", path=other)
    elsewhere = notebook.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputPrompt")
    expect(elsewhere).to_have_count(2)
    expect(notebook.panel).to_be_hidden()
    notebook.page.evaluate("() => window.restarting()")
    expect(notebook.row("raintable").locator(".pkgw-c-version")).to_have_text("2.4.0")
    expect(notebook.page.locator(".pkgw-panel-dead")).to_have_count(0)
    prompts = notebook.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputPrompt")
    expect(prompts.nth(1)).to_have_text("[2]:")
    assert prompts.all_inner_texts()[2] != "[3]:"
    notebook.execute("docmanager:open", path=other)
    expect(elsewhere).to_have_text(["[ ]:", "[ ]:"])


def test_restart_and_run_runs_nothing_if_the_notebook_was_closed(notebook: PanelNotebook) -> None:
    """Its file is deleted, so the page cannot return to it."""
    notebook.page.evaluate(_HELD)
    open_plan(notebook, "raintable")
    notebook.button("Apply").click()
    notebook.button("Restart kernel…").click()
    notebook.button("Restart and run up to here").click()
    notebook.page.wait_for_function("() => window.restarting")
    notebook.page.route("**/api/contents/**", lambda route: route.fulfill(status=404))
    notebook.page.evaluate("() => window.restarting()")
    expect(notebook.part("Progress")).to_contain_text(
        "The kernel was restarted, but no cell was run"
    )
    take_picture(notebook.panel, "restart-not-run")
    notebook.page.unroute("**/api/contents/**")
    assert notebook.page.locator(".jp-InputPrompt").all_inner_texts()[0] == "[1]:"


def test_another_notebook_on_the_environment_is_named(
    notebook: PanelNotebook, chromium: Browser, lab: Lab, garden: Demo
) -> None:
    garden_kernel.write_notebook(lab, garden, "neighbour.ipynb", "import raintable")
    neighbour = PanelNotebook(chromium, lab, "neighbour.ipynb")
    open_plan(notebook, "seedshelf")
    expect(notebook.part("Plan")).to_contain_text(
        "One other notebook uses this environment: neighbour.ipynb."
    )
    photograph_themes(notebook, "neighbour")
    neighbour.close()
