"""One rule decides which lines of two outputs differ, for the frame and the panel."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fakes import plan_of

from pkgwidgets.analysis.line_diff import changed_lines
from pkgwidgets.analysis.notebook_runs import CellRun
from pkgwidgets.analysis.run_comparison import ComparedCell, Rehearsal, Verdict
from pkgwidgets.presentation.rehearsal_html import rehearsal_html
from pkgwidgets.widgets import plan_checks

CASES = [
    ("same", "same", (), ()),
    ("", "", (), ()),
    ("", "new", (), (0,)),
    ("gone\nkept", "kept", (0,), ()),
    ("one\ntwo\nthree", "two\none\nthree", (1,), (0,)),  # the same lines in another order
    ("a\na\nb", "a\nb", (0,), ()),  # the same lines in another number
    ("a\nb\nc", "a\nX\nY\nc", (1,), (1, 2)),
    ("a", "a\n", (), (1,)),
    ("a\u2028b", "a\u2028c", (0,), (0,)),  # only a line feed ends a line
]


def rehearsed(before: str, after: str) -> Rehearsal:
    runs = [
        CellRun(
            number=1,
            source="x",
            outputs=({"output_type": "stream", "name": "stdout", "text": text},),
        )
        for text in (before, after)
    ]
    cell = ComparedCell(
        notebook=Path("/n/a.ipynb"),
        number=1,
        before=runs[0],
        after=runs[1],
        verdict=Verdict.DIFFERENT,
    )
    return Rehearsal(plan=plan_of(), cells=(cell,))


@pytest.mark.parametrize(("before", "after", "old", "new"), CASES)
def test_changed_lines_are_found_in_both_texts(
    before: str, after: str, old: tuple[int, ...], new: tuple[int, ...]
) -> None:
    lines = changed_lines(before, after)
    assert (lines.before, lines.after) == (old, new)


@pytest.mark.parametrize(("before", "after"), [case[:2] for case in CASES if case[0] != case[1]])
def test_different_texts_have_a_changed_line(before: str, after: str) -> None:
    lines = changed_lines(before, after)
    assert lines.before or lines.after


def test_frame_and_panel_highlight_the_same_lines() -> None:
    rehearsal = rehearsed("one\ntwo\nthree", "two\none\nthree")
    assert re.findall(r'\.16\)">([^<]*)</span>', rehearsal_html(rehearsal)) == ["two", "two"]
    (cell,) = plan_checks.rehearsal_state(rehearsal)["cells"]
    assert (cell["changed_before"], cell["changed_after"]) == ([1], [0])


def test_changed_line_numbers_refer_to_the_shown_excerpt() -> None:
    lines = [f"line {number}" for number in range(2000)]
    rehearsal = rehearsed("\n".join(lines), "\n".join([*lines[:1500], "other", *lines[1501:]]))
    (cell,) = plan_checks.rehearsal_state(rehearsal)["cells"]
    assert cell["after"].split("\n")[cell["changed_after"][0]] == "other"
    assert cell["before"].split("\n")[cell["changed_before"][0]] == "line 1500"
