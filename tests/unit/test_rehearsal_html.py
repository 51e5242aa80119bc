"""The HTML of a rehearsal shows the differing cells and where they differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import plan_of

from pkgwidgets.analysis.notebook_runs import CellRun
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict
from pkgwidgets.presentation.rehearsal_html import rehearsal_html


def shown(before: str, after: str, verdict: Verdict = Verdict.DIFFERENT) -> str:
    def run(text: str) -> CellRun:
        output = {"output_type": "stream", "name": "stdout", "text": text}
        return CellRun(number=1, source="x", outputs=(output,), seconds=len(text))

    cell = ComparedCell(
        notebook=Path("/n/a.ipynb"), number=1, before=run(before), after=run(after), verdict=verdict
    )
    return rehearsal_html(Rehearsal(plan=plan_of(), cells=(cell,)))


def test_only_different_lines_are_highlighted() -> None:
    page = shown("a\n<b>\nc", "a\nd\nc")
    assert '.16)">&lt;b&gt;</span>' in page
    assert '.16)">d</span>' in page
    assert page.count("<span") == 2


def test_first_difference_of_long_outputs_is_shown() -> None:
    lines = [f"line {number}" for number in range(2000)]
    page = shown("\n".join(lines), "\n".join([*lines[:1500], "other", *lines[1501:]]))
    assert ">line 1500</span>" in page
    assert ">other</span>" in page
    assert ">line 1\n" not in page
    assert len(page) < 20_000


def test_difference_not_visible_as_text_is_explained() -> None:
    assert "both have the same text" in shown("alt.Chart(...)", "alt.Chart(...)")


def test_slower_cell_shows_both_times() -> None:
    page = shown("a" * 2, "a" * 9, Verdict.SLOWER)
    assert "2.0 s before, 9.0 s after" in page


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict != Verdict.SAME])
def test_each_verdict_is_shown_in_words(verdict: Verdict) -> None:
    assert f" {verdict}</b>" in shown("a", "b", verdict)
    assert "1 of 1 cell would have a different output" in shown("a", "b")
    assert "stay" not in shown("a", "b")
