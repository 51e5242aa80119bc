"""Verdicts where runs without the upgrade differ: noise hides only noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pkgwidgets.analysis.notebook_runs import PICTURE, CellRun, NotebookCode, NotebookRun
from pkgwidgets.analysis.run_comparison import Verdict, compare_runs, is_noisy

CLOCKS = [f"12:00:0{second}.{second}" for second in range(4)]
"""What a clock shows in the two plain runs, in the planned one, and in one more."""


def prints(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def shows(**data: Any) -> dict[str, Any]:
    named = {kind.replace("_", "/"): value for kind, value in data.items()}
    return {"output_type": "display_data", "metadata": {}, "data": named}


def raises(kind: str, text: str = "no") -> dict[str, Any]:
    return {"output_type": "error", "ename": kind, "evalue": text, "traceback": []}


def run(*cells: list[dict[str, Any]], aborted: str = "") -> NotebookRun:
    sources = ("x",) * len(cells)
    script = NotebookCode(
        notebook=Path("/n/a.ipynb"), sources=sources, markers=(frozenset(),) * len(cells)
    )
    return NotebookRun(
        script=script,
        cells=tuple(
            CellRun(number=number, source="x", outputs=tuple(outputs), aborted=aborted)
            for number, outputs in enumerate(cells, 1)
        ),
    )


def verdicts(after: NotebookRun, *plain: NotebookRun) -> list[Verdict]:
    before, *repeats = plain
    return [cell.verdict for cell in compare_runs(before, after, repeats=repeats)]


def clock(number: int, *more: dict[str, Any]) -> NotebookRun:
    return run([prints(f"{CLOCKS[number]}\n"), *more])


# --- errors


def test_new_error_beside_a_clock_counts() -> None:
    plain = clock(0), clock(1)
    assert verdicts(clock(2), *plain) == [Verdict.FLAKY]
    assert verdicts(clock(2, raises("AttributeError")), *plain) == [Verdict.BROKEN]
    assert verdicts(run([raises("AttributeError")]), *plain) == [Verdict.BROKEN]


@pytest.mark.parametrize(
    ("plain", "after", "expected"),
    [
        (["", ""], "KeyError", Verdict.BROKEN),
        (["", "KeyError"], "KeyError", Verdict.FLAKY),
        (["KeyError", ""], "KeyError", Verdict.FLAKY),
        (["", "TimeoutError"], "KeyError", Verdict.BROKEN),
        (["KeyError", "KeyError"], "KeyError", Verdict.UNTRIED),
        (["OSError", "OSError"], "KeyError", Verdict.BROKEN),
        (["KeyError", "KeyError"], "", Verdict.FIXED),
        (["KeyError", ""], "", Verdict.FLAKY),
    ],
)
def test_error_is_excused_only_if_a_plain_run_raises_it(
    plain: list[str], after: str, expected: Verdict
) -> None:
    before, again, new = (run([raises(kind)] if kind else []) for kind in (*plain, after))
    assert verdicts(new, before, again) == [expected]


def test_cell_that_is_never_reached_could_not_be_tried() -> None:
    ended = run([], aborted="it was not reached")
    assert verdicts(ended, ended) == [Verdict.UNTRIED]
    assert verdicts(ended, run([])) == [Verdict.BROKEN]


# --- outputs


def test_other_result_beside_noise_counts() -> None:
    plain = clock(0, prints("700")), clock(1, prints("700"))
    assert verdicts(clock(2, prints("700")), *plain) == [Verdict.FLAKY]
    assert verdicts(clock(2, prints("70")), *plain) == [Verdict.DIFFERENT]
    assert verdicts(clock(2), *plain) == [Verdict.DIFFERENT]


def test_leaf_of_json_is_noise_alone() -> None:
    def figure(uid: str, y: int) -> NotebookRun:
        return run([shows(application_json={"uid": uid, "data": [{"y": [1, y]}]})])

    plain = figure("a1", 5), figure("b2", 5)
    assert verdicts(figure("c3", 5), *plain) == [Verdict.FLAKY]
    assert verdicts(figure("c3", 6), *plain) == [Verdict.DIFFERENT]


def test_new_kind_of_output_beside_noise_counts() -> None:
    plain = clock(0), clock(1)
    assert verdicts(clock(2, shows(text_plain="1")), *plain) == [Verdict.DIFFERENT]


def test_runs_are_noisy_if_one_differs() -> None:
    assert is_noisy([clock(0), clock(1)])
    assert is_noisy([run([]), run([raises("KeyError")])])
    assert not is_noisy([clock(0), clock(0)])
    assert not is_noisy([run([raises("KeyError")])] * 2)


# --- lines of threads


def test_line_that_arrives_in_a_later_cell_is_blamed_on_neither() -> None:
    early = run([prints("a\nlate\n")], [prints("b\n")], [prints("c\n")])
    late = run([prints("a\n")], [prints("b\n")], [prints("late\nc\n")])
    assert verdicts(late, early, early) == [Verdict.FLAKY, Verdict.SAME, Verdict.FLAKY]
    assert verdicts(early, late, late) == [Verdict.FLAKY, Verdict.SAME, Verdict.FLAKY]


def test_line_that_is_gone_or_new_is_no_moved_one() -> None:
    early = run([prints("a\nlate\n")], [prints("b\n")])
    assert verdicts(run([prints("a\n")], [prints("b\n")]), early) == [
        Verdict.DIFFERENT,
        Verdict.SAME,
    ]
    more = run([prints("a\nlate\n")], [prints("b\nother\n")])
    assert verdicts(more, early) == [Verdict.SAME, Verdict.DIFFERENT]


def test_swapped_results_are_no_moved_lines() -> None:
    plain, swapped = run([prints("7\n")], [prints("8\n")]), run([prints("8\n")], [prints("7\n")])
    assert verdicts(swapped, plain, plain) == [Verdict.DIFFERENT] * 2


# --- pictures


def picture(*changed: int, width: int = 640, grey: int = 255) -> dict[str, Any]:
    """Return an output with a white picture, of which some places of the grid are black."""
    grid = bytearray([grey] * 64 * 64)
    for place in changed:
        grid[place] = 0
    return shows(
        **{"image_png": "…"}, **{PICTURE: {"width": width, "height": 480, "grey": grid.hex()}}
    )


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ([picture(1, 2, 3)], Verdict.SAME),
        ([picture(*range(90))], Verdict.DIFFERENT),
        ([picture(width=648)], Verdict.SAME),
        ([picture(width=1280)], Verdict.DIFFERENT),
        ([picture(grey=240)], Verdict.SAME),
        ([picture(grey=200)], Verdict.DIFFERENT),
        ([], Verdict.DIFFERENT),
        ([picture(), picture()], Verdict.DIFFERENT),
    ],
)
def test_picture_may_differ_a_little(after: list[dict[str, Any]], expected: Verdict) -> None:
    assert verdicts(run(after), run([picture()]), run([picture()])) == [expected]


def test_picture_that_is_never_the_same_is_not_compared() -> None:
    plain = run([picture(*range(200))]), run([picture(*range(200, 400))])
    assert verdicts(run([picture(*range(400, 600))]), *plain) == [Verdict.FLAKY]
    assert verdicts(run([raises("KeyError")]), *plain) == [Verdict.BROKEN]
