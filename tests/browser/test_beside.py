"""What a plan means for the notebook, tried and told in a real JupyterLab; and the restart after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import own
from browser.conftest import ARTEFACTS
from browser.lab import Lab, Opened, photographed, served
from playwright.sync_api import Browser, Page, expect

from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

USES = (
    "import frostcall, raintable\n"
    "harvest = {'peas': list(range(5000))}\n"
    "cold = frostcall.frost_tonight(1)\n"
    "raintable.RainTable(mon=3).total()"
)
ENDLESS = "import time\nwhile True:\n    time.sleep(0.1)"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with served(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture
def opened(
    chromium: Browser, lab: Lab, garden: Demo, request: pytest.FixtureRequest
) -> Iterator[Opened]:
    """A panel on the environment of its own kernel, displayed and checked, and a cell run."""
    more: list[str] = getattr(request, "param", [])
    name = f"{request.node.originalname.removeprefix('test_')}.ipynb"
    own.write(lab, garden, name, own.PANEL, USES, *more)
    notebook = lab.open(chromium, name)
    notebook.run(0)
    notebook.run(2)
    notebook.run(1)
    notebook.wait_until_checked()
    yield notebook
    photographed(notebook.page, ARTEFACTS / "last-beside.png")
    notebook.close()
    lab.end_kernels()


def plan(opened: Opened, id: str) -> None:
    opened.row(id).get_by_role("button", name=f"Upgrade {id}").click()
    expect(opened.button("Apply")).to_be_enabled()


def cells(opened: Opened) -> list[str]:
    found: list[str] = opened.page.evaluate(
        "() => [...window.jupyterapp.shell.currentWidget.context.model.sharedModel.cells]"
        ".map((cell) => cell.getSource())"
    )
    return found


def both_themes(opened: Opened, name: str) -> None:
    photographed(opened.panel, ARTEFACTS / f"{name}-light.png")
    opened.to_dark()
    opened.page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    photographed(opened.panel, ARTEFACTS / f"{name}-dark.png")


def test_the_plan_names_the_cells_that_it_breaks(opened: Opened) -> None:
    plan(opened, "frostcall")
    impact = opened.part("Plan").get_by_role("status", name="What this notebook uses")
    expect(impact).to_contain_text("1 cell would break")
    expect(impact.locator("tr").nth(1)).to_contain_text("frostcall.frost_tonight")
    expect(impact.locator("tr").nth(1)).to_contain_text("breaks")
    expect(opened.part("Plan")).to_contain_text("Restart advised afterwards: frostcall 1.9.3")
    both_themes(opened, "impact")


def test_the_notebook_is_tried_first_and_shown_side_by_side(opened: Opened) -> None:
    plan(opened, "frostcall")
    opened.button("Try this notebook first").click()
    trial = opened.part("Plan").get_by_role("region", name="Rehearsal")
    expect(trial).to_contain_text("would break", timeout=90_000)
    broken = trial.get_by_role("region", name="In [3]: new error")
    expect(broken).to_contain_text("AttributeError")
    expect(broken).to_contain_text("frost_tonight")
    expect(opened.button("Apply")).to_be_enabled()
    both_themes(opened, "tried")
