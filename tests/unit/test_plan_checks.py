"""Sentences about the checks of a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.analysis.api_changes import Impact, Severity
from pkgwidgets.analysis.notebook_runs import CellRun, NotebookCode, NotebookRun
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, compare_runs
from pkgwidgets.core.kernels import Kernel, Restart
from pkgwidgets.presentation import plan_payload
from pkgwidgets.widgets import plan_checks

pytestmark = [
    pytest.mark.filterwarnings("ignore:Deprecated in traitlets"),  # old ipywidgets
    pytest.mark.filterwarnings("ignore:Traits should be given as instances"),  # ipylab
]


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


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    file = tmp_path / "report.ipynb"
    file.write_text("{}")
    return file


# --- impact


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([], "No cell that was run uses a changed package."),
        ([impact("breaks"), impact("none", 2)], "1 cell would fail."),
        ([impact("unknown"), impact("none", 2)], "Whether 1 cell would fail is unknown."),
        ([impact("breaks"), impact("breaks", 2)], "2 cells would fail."),
        ([impact("none")], "1 cell uses changed packages; no failure is expected."),
        (
            [impact("warns", None)],
            "This kernel has shown a warning about a changed package; no failure is expected.",
        ),
    ],
)
def test_impact_summary_counts_the_cells(rows: list[Impact], sentence: str) -> None:
    assert plan_checks.impact_summary(rows) == sentence


# --- rehearsals


def test_cell_that_could_not_be_tried_is_no_success() -> None:
    error = {"output_type": "error", "ename": "OSError", "evalue": "no file", "traceback": []}
    contents = plan_checks.rehearsal_state(Rehearsal(plan=None, cells=(cell(error, error),)))  # type: ignore[arg-type]
    assert (contents["kind"], contents["broken"]) == ("unsure", False)
    assert contents["text"].startswith("1 cell could not be tried. Nothing was changed.")


# --- restart


def test_restart_verdict_is_put_into_words() -> None:
    pure = Restart(needed=True, loaded=("pea",), reasons=("pea 1 is loaded",))
    hard = Restart(needed=True, loaded=("pea",), required=("pea",), reasons=("a", "b", "c", "d"))
    assert (
        plan_payload.restart_heading(None),
        plan_payload.restart_heading(Restart(needed=False)),
    ) == (
        "",
        "",
    )
    assert (plan_payload.restart_heading(pure), plan_payload.restart_reasons(pure)) == (
        "Restart advised",
        "pea 1 is loaded.",
    )
    assert (plan_payload.restart_heading(hard), plan_payload.restart_reasons(hard)) == (
        "Restart needed",
        "a; b; c; and 1 more.",
    )
    outside = Restart(needed=True, loaded=("pea",))
    assert (plan_payload.restart_heading(outside), plan_payload.restart_reasons(outside)) == (
        "Restart needed",
        "pea is loaded.",
    )


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], ""),
        (["a.ipynb"], "One other notebook uses this environment: a.ipynb."),
        (["a.ipynb", "b.ipynb"], "2 other notebooks use this environment: a.ipynb, b.ipynb."),
        (["a.ipynb", ""], "2 other kernels use this environment: a.ipynb, process 7."),
    ],
)
def test_other_notebooks_on_the_environment_are_named(names: list[str], sentence: str) -> None:
    kernels = [Kernel(process=7, connection_file="k.json", notebook=name) for name in names]
    assert plan_payload.other_kernels_text(kernels) == sentence
