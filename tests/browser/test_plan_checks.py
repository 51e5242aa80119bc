"""What a plan means for the notebook, in a real JupyterLab: told, tried, and the restart after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import own
from browser.opened import Opened
from jupyterlab_server import Lab, photographed
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
"""The page, which was there before, hears of the garden's kernel."""
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
def opened(
    window: Opened, lab: Lab, garden: Demo, request: pytest.FixtureRequest
) -> Iterator[Opened]:
    """A panel on the environment of its own kernel, displayed and checked, and a cell run."""
    more: list[str] = getattr(request, "param", [])
    name = f"{request.node.originalname.removeprefix('test_')}.ipynb"
    own.write(lab, garden, name, own.PANEL, USES, *more)
    window.page.evaluate(_LEARN)
    window.turn_to(name)
    window.run(0)
    window.run(2)
    window.run(1)
    window.wait_until_checked()
    yield window
    photographed(window.page, "last-beside")
    lab.end_kernels()


def plan(opened: Opened, name: str) -> None:
    opened.row(name).get_by_role("button", name=f"Upgrade {name}").click()
    expect(opened.button("Apply")).to_be_enabled()


def cells(opened: Opened) -> list[str]:
    sources: list[str] = opened.page.evaluate(
        "() => [...window.jupyterapp.shell.currentWidget.context.model.sharedModel.cells]"
        ".map((cell) => cell.getSource())"
    )
    return sources


def both_themes(opened: Opened, name: str) -> None:
    opened.wear("JupyterLab Light")
    opened.page.wait_for_selector("body[data-jp-theme-light=true]", state="attached")
    photographed(opened.panel, f"{name}-light")
    opened.wear("JupyterLab Dark")
    opened.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    photographed(opened.panel, f"{name}-dark")


def rehearsal(opened: Opened) -> Locator:
    return opened.part("Plan").get_by_role("region", name="Rehearsal")


def test_plan_names_the_cells_that_would_break(opened: Opened) -> None:
    plan(opened, "frostcall")
    impact = opened.part("Plan").get_by_role("status", name="What this notebook uses")
    expect(impact).to_contain_text("1 cell would break")
    expect(impact.locator("tr").nth(1)).to_contain_text("frostcall.frost_tonight")
    expect(impact.locator("tr").nth(1)).to_contain_text("breaks")
    expect(opened.part("Plan")).to_contain_text("Restart advised afterwards: frostcall 1.9.3")
    both_themes(opened, "impact")


def test_rehearsal_shows_outputs_side_by_side(opened: Opened) -> None:
    plan(opened, "frostcall")
    opened.page.evaluate(_EDIT, f"{USES}\n'not saved yet'")
    opened.button("Try this notebook first").click()
    trial = rehearsal(opened)
    expect(trial).to_contain_text("would break", timeout=90_000)
    expect(trial).to_contain_text("not saved yet")
    expect(trial).not_to_contain_text("left out")
    broken = trial.get_by_role("region", name="cell 3: new error")
    expect(broken).to_contain_text("AttributeError")
    expect(broken).to_contain_text("frost_tonight")
    expect(opened.button("Apply")).to_be_enabled()
    both_themes(opened, "tried")


@pytest.mark.parametrize("opened", [[ENDLESS, ENDLESS]], indirect=True, ids=["cells"])
def test_rehearsal_can_be_cancelled_while_a_cell_runs(opened: Opened) -> None:
    plan(opened, "seedshelf")
    opened.button("Try this notebook first").click()
    trial = rehearsal(opened)
    expect(trial).to_contain_text("cell 4 of 5", timeout=90_000)
    both_themes(opened, "trying")
    opened.run(3)
    expect(opened.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    opened.button("Cancel rehearsal").click()
    expect(trial).to_be_hidden(timeout=5_000)
    expect(opened.page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(1)
    opened.execute("kernelmenu:interrupt")
    opened.wait_until_idle()
    opened.button("Apply").click()
    expect(opened.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")


@pytest.mark.parametrize("opened", [[NOWHERE]], indirect=True, ids=["cells"])
def test_rehearsal_asks_for_the_notebook_if_it_is_unknown(opened: Opened, lab: Lab) -> None:
    opened.run(3)
    opened.wait_until_idle()
    plan(opened, "seedshelf")
    opened.button("Try this notebook first").click()
    field = rehearsal(opened).get_by_role("textbox", name="Path of the notebook")
    expect(field).to_be_focused()
    both_themes(opened, "which-notebook")
    field.fill("/nowhere.ipynb")
    field.press("Enter")
    expect(rehearsal(opened).get_by_role("alert")).to_contain_text("no notebook /nowhere.ipynb")
    field.fill(str(lab.folder / opened.name))
    field.press("Enter")
    expect(rehearsal(opened)).to_contain_text("Nothing would break", timeout=90_000)


def test_upgrade_without_breaking_the_notebook_holds_packages_back(opened: Opened) -> None:
    opened.button("Upgrade all (7)…").click()
    expect(opened.button("Apply")).to_be_enabled()
    opened.button("Try this notebook first").click()
    survive = opened.button("Upgrade what this notebook survives…")
    expect(survive).to_be_visible(timeout=120_000)
    survive.click()
    shown = opened.part("Plan")
    name = "upgrade_without_breaking_the_notebook_holds_packages_back.ipynb"
    expect(shown).to_contain_text(f"Upgrade all that {name} survives", timeout=180_000)
    expect(shown).to_contain_text(f"it breaks cell 3 of {name}")
    expect(rehearsal(opened)).to_contain_text("runs with this plan as it does now")
    both_themes(opened, "survives")
    opened.button("Apply").click()
    expect(opened.row("seedshelf").locator(".pkgw-c-version")).to_have_text("1.4.2")
    expect(opened.row("frostcall").locator(".pkgw-c-version")).to_have_text("1.9.3")


def test_equivalent_cell_is_inserted_below(opened: Opened) -> None:
    before = cells(opened)
    plan(opened, "seedshelf")
    opened.button("Insert as cell").click()
    expect(opened.button("Inserted below")).to_be_visible()
    assert cells(opened) == [*before[:2], "service.upgrade_package('seedshelf')", *before[2:]]


def test_restart_confirmation_lists_lost_variables(opened: Opened) -> None:
    plan(opened, "raintable")
    opened.button("Apply").click()
    outcome = opened.part("Progress")
    expect(outcome).to_contain_text("raintable 2.0.0 → 2.4.0")
    expect(outcome).to_contain_text("Restart advised: raintable 2.0.0 is still loaded")
    ask = opened.button("Restart kernel…")
    ask.click()
    question = outcome.get_by_role("group", name="Restart the kernel?")
    expect(question).to_contain_text("harvest (dict")
    expect(question).to_contain_text("cold (bool")
    expect(question.get_by_role("button", name="Cancel")).to_be_focused()
    expect(opened.button("Restart and run up to here")).to_be_visible()
    both_themes(opened, "restart")
    opened.page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(ask).to_be_focused()
    ask.click()
    expect(question).to_contain_text("harvest (dict")
    opened.button("Restart kernel").click()
    expect(opened.page.locator(".pkgw-panel-dead")).to_have_count(1)
    opened.wait_until_idle()


def test_restart_falls_back_to_the_server_and_then_to_a_hint(opened: Opened) -> None:
    opened.page.evaluate(_NO_SESSION)
    opened.page.route("**/api/kernels/*/restart", lambda route: route.fulfill(status=404))
    plan(opened, "raintable")
    opened.button("Apply").click()
    opened.button("Restart kernel…").click()
    opened.button("Restart kernel").click()
    outcome = opened.part("Progress")
    expect(outcome).to_contain_text("The panel cannot restart the kernel here.")
    expect(outcome).to_contain_text("Kernel → Restart Kernel…")
    photographed(opened.panel, "restart-by-hand")
    outcome.get_by_role("group").get_by_role("button", name="Cancel").click()
    opened.page.unroute("**/api/kernels/*/restart")
    opened.button("Restart kernel…").click()
    with opened.page.expect_response("**/api/kernels/*/restart") as answer:
        opened.button("Restart kernel").click()
    assert answer.value.status == 200
    expect(opened.page.locator(".pkgw-panel-dead")).to_have_count(1)
    opened.wait_until_idle()


def test_restart_and_run_executes_cells_up_to_the_panel(opened: Opened) -> None:
    plan(opened, "raintable")
    opened.button("Apply").click()
    opened.button("Restart kernel…").click()
    opened.button("Restart and run up to here").click()
    expect(opened.row("raintable").locator(".pkgw-c-version")).to_have_text("2.4.0")
    expect(opened.page.locator(".pkgw-panel-dead")).to_have_count(0)
    expect(opened.page.locator(".jp-InputPrompt").nth(1)).to_have_text("[2]:")


def test_restart_and_run_uses_its_own_notebook_whatever_was_clicked(
    opened: Opened, lab: Lab
) -> None:
    """While the kernel restarts, another cell is clicked, and then another notebook opened."""
    other = lab.write_some("seen = 'the other'", "'not run'")
    opened.page.evaluate(_HELD)
    plan(opened, "raintable")
    opened.button("Apply").click()
    opened.button("Restart kernel…").click()
    opened.button("Restart and run up to here").click()
    opened.page.wait_for_function("() => window.restarting")
    opened.page.locator(".jp-Cell").nth(2).locator(".jp-InputArea-editor").click()
    opened.execute("docmanager:open", path=other)
    elsewhere = opened.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputPrompt")
    expect(elsewhere).to_have_count(2)
    expect(opened.panel).to_be_hidden()
    opened.page.evaluate("() => window.restarting()")
    expect(opened.row("raintable").locator(".pkgw-c-version")).to_have_text("2.4.0")
    expect(opened.page.locator(".pkgw-panel-dead")).to_have_count(0)
    prompts = opened.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputPrompt")
    expect(prompts.nth(1)).to_have_text("[2]:")
    assert prompts.all_inner_texts()[2] != "[3]:"
    opened.execute("docmanager:open", path=other)
    expect(elsewhere).to_have_text(["[ ]:", "[ ]:"])


def test_restart_and_run_runs_nothing_if_the_notebook_was_closed(opened: Opened) -> None:
    """Its file is gone, so that the page cannot come back to it."""
    opened.page.evaluate(_HELD)
    plan(opened, "raintable")
    opened.button("Apply").click()
    opened.button("Restart kernel…").click()
    opened.button("Restart and run up to here").click()
    opened.page.wait_for_function("() => window.restarting")
    opened.page.route("**/api/contents/**", lambda route: route.fulfill(status=404))
    opened.page.evaluate("() => window.restarting()")
    expect(opened.part("Progress")).to_contain_text("The kernel was restarted, but nothing was run")
    photographed(opened.panel, "restart-not-run")
    opened.page.unroute("**/api/contents/**")
    assert opened.page.locator(".jp-InputPrompt").all_inner_texts()[0] == "[1]:"


def test_another_notebook_on_the_environment_is_named(
    opened: Opened, chromium: Browser, lab: Lab, garden: Demo
) -> None:
    own.write(lab, garden, "neighbour.ipynb", "import raintable")
    neighbour = Opened(chromium, lab, "neighbour.ipynb")
    plan(opened, "seedshelf")
    expect(opened.part("Plan")).to_contain_text(
        "One other notebook uses this environment: neighbour.ipynb."
    )
    both_themes(opened, "neighbour")
    neighbour.close()
