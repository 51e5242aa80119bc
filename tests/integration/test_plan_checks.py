"""The checks beside a plan in the panel appear when they are ready, or are cancelled."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.analysis.notebook_runs import CellRun, NotebookCode, NotebookRun
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, compare_runs
from pkgwidgets.core.errors import Cancelled, EnvironmentRefused
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.kernels import Variable
from pkgwidgets.core.plans import Plan
from pkgwidgets.widgets import plan_view

pytestmark = [
    pytest.mark.filterwarnings("ignore:Deprecated in traitlets"),  # old ipywidgets
    pytest.mark.filterwarnings("ignore:Traits should be given as instances"),  # ipylab
]


def click(widget: Any, **message: object) -> None:
    widget._handle_custom_msg(message, [])


def impact(severity: str, cell: int | None = 1) -> Impact:
    return Impact(
        cell=cell, package="pea", name="pea.pod", finding="<gone>", severity=Severity(severity)
    )


def cell(before: dict[str, Any], after: dict[str, Any]) -> ComparedCell:
    script = NotebookCode(notebook=Path("a.ipynb"), sources=("x",), markers=(frozenset(),))
    old, new = (
        NotebookRun(script=script, cells=(CellRun(number=1, source="x", outputs=(output,)),))
        for output in (before, after)
    )
    return compare_runs(old, new)[0]


def display(**data: str) -> dict[str, Any]:
    named = {f"text/{name}": text for name, text in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    file = tmp_path / "report.ipynb"
    file.write_text("{}")
    return file


@pytest.fixture
def panel(service: PackageService) -> Iterator[PackagePanel]:
    """Return a panel that shows a plan for one package."""
    made = PackagePanel(service)
    click(made.table, type="plan", names=["seedshelf"])
    assert made.wait(60)
    yield made
    assert made.wait(60)
    made.close()


# --- impact


def test_plan_notes_are_shown_as_warnings(service: PackageService) -> None:
    noted = replace(service.plan_upgrade("seedshelf"), notes=("Cell 1 of a.ipynb fails, too",))
    view = plan_view.PlanView(lambda message: None)
    view.show("All", noted, "")
    assert view.plan["warnings"] == ["Cell 1 of a.ipynb fails, too."]
    view.close()


def test_plan_is_ready_before_its_impact_is_known(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, gate = threading.Event(), threading.Event()

    def slow(plan: Plan, report: Any) -> tuple[Impact, ...]:
        started.set()
        assert gate.wait(30)
        return (impact("breaks", 3), impact("none", 4))

    monkeypatch.setattr(service.values, "impact", slow)
    click(panel.table, type="plan", names=["frostcall"])
    assert started.wait(30)
    assert (panel.plan_view.state, panel.plan_view.impact) == ("ready", {"state": "looking"})
    gate.set()
    assert panel.wait(60)
    shown_impact = panel.plan_view.impact
    assert shown_impact["text"] == "1 cell would fail."
    assert [(row["cell"], row["severity"]) for row in shown_impact["rows"]] == [
        ("In [3]", "breaks"),
        ("In [4]", "none"),
    ]


def test_impact_analysis_is_cancelled_with_its_plan(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(plan: Plan, report: Any) -> tuple[Impact, ...]:
        started.set()
        assert gate.wait(30)
        try:
            report(Event(stage=Stage.FETCHING))
        except Cancelled:
            ended.set()
            raise
        return (impact("breaks"),)

    monkeypatch.setattr(service.values, "impact", slow)
    click(panel.table, type="plan", names=["frostcall"])
    assert started.wait(30)
    click(panel.plan_view, type="cancel")
    gate.set()
    assert ended.wait(30)
    assert panel.wait(60)
    assert (panel.plan_view.state, panel.plan_view.impact) == ("hidden", {})


def test_plan_can_be_applied_without_griffe(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "pkgwidgets.analysis.needs.importlib.util.find_spec",
        lambda name, *more: None if name == "griffe" else real(name, *more),
    )
    click(panel.table, type="plan", names=["frostcall"])
    assert panel.wait(60)
    assert panel.plan_view.impact["text"] == (
        "The cells that use changed packages are unknown. "
        'The analysis of a plan needs griffe: `pip install "pkgwidgets[impact]"`.'
    )
    assert (panel.plan_view.state, panel.plan_view.error) == ("ready", "")
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(120)
    assert service.get_package("frostcall").version == "2.0.0"


def test_analysis_is_not_offered_without_griffe(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgwidgets.analysis.needs.has_griffe", lambda: False)
    monkeypatch.setattr("pkgwidgets.widgets.plan_preparation._MAX_UNASKED_BYTES", 100)
    click(panel.table, type="plan", names=["frostcall"])
    assert panel.wait(60)
    assert panel.plan_view.impact["state"] == "done"
    assert panel.plan_view.impact["text"].endswith("what its cells do with the new versions.")


def test_impact_analysis_with_a_large_download_is_only_offered(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.values, "impact", lambda plan, report: (impact("none"),))
    monkeypatch.setattr("pkgwidgets.widgets.plan_preparation._MAX_UNASKED_BYTES", 100)
    click(panel.table, type="plan", names=["frostcall"])
    assert panel.wait(60)
    assert panel.plan_view.impact["state"] == "offered"
    assert panel.plan_view.impact["text"] == (
        "It can be read, not run, to find cells that would fail; "
        "up to 1.6 kB must be fetched for that."
    )
    click(panel.plan_view, type="look")
    assert panel.wait(60)
    assert panel.plan_view.impact["state"] == "done"


# --- rehearsals


def test_rehearsal_shows_progress_and_results(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch, notebook: Path
) -> None:
    seen: list[Any] = []

    def rehearse(planrsal: Plan, path: Path, report: Any) -> Rehearsal:
        assert path == notebook
        report(Event(stage=Stage.CHECKING, text="rehearsing it, cell 1 of 4", done=1, total=4))
        seen.append(dict(panel.plan_view.rehearsal))
        cells = (
            cell(display(plain="1"), display(plain="1")),
            cell(display(plain="1"), display(plain="2")),
        )
        return Rehearsal(plan=planrsal, cells=cells)

    monkeypatch.setattr(service.values, "rehearsal", rehearse)
    click(panel.plan_view, type="try", path=str(notebook), unsaved=True)
    assert panel.wait(60)
    assert (seen[0]["state"], seen[0]["fraction"]) == ("running", 0.25)
    rehearsal = panel.plan_view.rehearsal
    assert (rehearsal["state"], rehearsal["kind"], rehearsal["broken"]) == ("done", "bad", True)
    assert (
        rehearsal["text"]
        == "1 of 2 cells would have a different output; 1 would stay the same. Nothing was changed."
    )
    assert rehearsal["note"] == "Unsaved changes were not included."
    (different,) = rehearsal["cells"]
    assert (different["before"], different["after"]) == ("1", "2")
    assert (different["verdict"], different["bad"]) == ("different output", True)
    assert panel.plan_view.state == "ready"


def test_stopped_rehearsal_shows_no_result_and_keeps_the_plan(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch, notebook: Path
) -> None:
    started, gate = threading.Event(), threading.Event()

    def slow(plan: Plan, path: Path, report: Any) -> Rehearsal:
        started.set()
        assert gate.wait(30)
        report(Event(stage=Stage.CHECKING))
        raise AssertionError("it went on")

    monkeypatch.setattr(service.values, "rehearsal", slow)
    click(panel.plan_view, type="try", path=str(notebook))
    assert started.wait(30)
    click(panel.plan_view, type="stop")
    assert panel.plan_view.rehearsal == {}
    gate.set()
    assert panel.wait(60)
    assert (panel.plan_view.state, panel.plan_view.rehearsal) == ("ready", {})


def test_rehearsal_asks_for_the_notebook_if_it_is_unknown(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    click(panel.plan_view, type="try", path="")
    assert panel.plan_view.rehearsal == {"state": "asking", "path": "", "text": ""}
    click(panel.plan_view, type="try", path="no\u202esuch.ipynb", typed=True)
    assert panel.plan_view.rehearsal["text"] == "There is no notebook no\\u202esuch.ipynb here."


def test_failed_rehearsal_is_explained(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch, notebook: Path
) -> None:
    find_spec = importlib.util.find_spec
    missing = ("nbclient",)
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *of: None if name in missing else find_spec(name, *of),
    )
    click(panel.plan_view, type="try", path=str(notebook))
    assert panel.wait(60)
    assert panel.plan_view.rehearsal["kind"] == "bad"
    assert "is not a valid notebook" in panel.plan_view.rehearsal["text"]
    notebook.write_text('{"cells": [{"cell_type": "code", "source": "1", "metadata": {}}]}')
    click(panel.plan_view, type="try", path=str(notebook))
    assert panel.wait(60)
    assert panel.plan_view.rehearsal["text"].startswith("A rehearsal needs nbclient")
    assert panel.plan_view.state == "ready"


def test_plan_without_breaking_upgrades_replaces_the_full_plan(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch, notebook: Path
) -> None:
    click(panel.table, type="plan", names=None)
    assert panel.wait(60)
    assert panel.plan_view.plan["whole"]
    less = service.plan_upgrade(["seedshelf", "frostcall"])
    monkeypatch.setattr(service, "plan_upgrade", lambda notebooks, report: less)
    click(panel.plan_view, type="survive", path=str(notebook))
    assert panel.wait(60)
    now = panel.plan_view.plan
    assert (now["title"], now["whole"]) == ("Upgrade without breaking report.ipynb", False)
    assert now["cell"] == f"service.upgrade_all_packages(notebooks=[{str(notebook)!r}])"
    assert panel.plan_view.rehearsal["text"].startswith(
        "report.ipynb runs with this plan as it does"
    )
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert {c.name for c in service.values.history()[-1].changes} == {"seedshelf", "frostcall"}


def test_stopped_rehearsal_leaves_the_plan(panel: PackagePanel) -> None:
    panel.plan_view.rehearsal = {"state": "running"}
    click(panel.plan_view, type="stop")
    assert panel.plan_view.rehearsal == {}
    assert panel.plan_view.state == "ready"


# --- restart


def test_variables_lost_by_a_restart_are_listed(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = tuple(Variable(name=f"v{n}", kind="list", size=n or None) for n in range(9, -1, -1))
    monkeypatch.setattr(service, "list_variables", lambda: many)
    click(panel.task_view, type="variables")
    question = panel.task_view.question
    assert question["variables"][:2] == ["v9 (list, 9 bytes)", "v8 (list, 8 bytes)"]
    assert (len(question["variables"]), question["more"]) == (6, 4)
    monkeypatch.setattr(service, "list_variables", lambda: many[-1:])
    click(panel.task_view, type="variables")
    assert panel.task_view.question["variables"] == ["v0 (list)"]
    click(panel.task_view, type="close")
    assert panel.task_view.question == {}


def test_question_before_a_restart_is_answered_where_variables_are_unknown(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise AttributeError("odd value")

    monkeypatch.setattr(service, "list_variables", fail)
    click(panel.task_view, type="variables")
    assert panel.task_view.question["unknown"] is True
    assert "odd value" in panel.table.header["notice"]


def test_environment_of_a_running_rehearsal_is_not_changed(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PKGWIDGETS_REHEARSED", str(service.prefix))
    with pytest.raises(EnvironmentRefused, match="rehearsed"):
        service.upgrade_package("seedshelf")
    monkeypatch.setenv("PKGWIDGETS_REHEARSED", "/elsewhere")
    assert service.read_only_reason() is None


def test_apply_of_a_plan_that_is_not_shown_does_nothing(
    panel: PackagePanel, service: PackageService
) -> None:
    click(panel.plan_view, type="apply", id="another")
    assert panel.wait(60)
    assert service.values.history() == ()
    assert panel.plan_view.state == "ready"
