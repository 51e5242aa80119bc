"""The notebooks with a known truth, and the judgement of a rehearsal."""

from __future__ import annotations

from collections import Counter

import pytest
from rehearsal_truth.catalog import NOTEBOOKS, SAMPLE
from rehearsal_truth.judgement import Judgement, totals
from rehearsal_truth.truth import TruthNotebook, breaks, fails_differently, noise, same, untried

from pkgwidgets.analysis.run_comparison import Verdict

SAME, BROKEN, DIFFERENT = Verdict.SAME, Verdict.BROKEN, Verdict.DIFFERENT
UNTRIED, FLAKY = Verdict.UNTRIED, Verdict.FLAKY


def judged(*verdicts: Verdict, passed: bool = False) -> Judgement:
    """Return the judgement of a notebook with these cells: `=x~?!`."""
    cells = (same("1"), breaks("2"), noise("3"), untried("4"), fails_differently("5"))
    notebook = TruthNotebook(name="a", upgrade=("frostcall",), cells=cells)
    return Judgement(notebook=notebook, verdicts=verdicts, passed=passed)


def test_catalog_has_sixty_notebooks_of_both_kinds() -> None:
    names = Counter(notebook.name for notebook in NOTEBOOKS)
    kinds = Counter(notebook.kind for notebook in NOTEBOOKS)
    assert (len(names), names.total()) == (60, 60)
    assert kinds["demo"] >= 40
    assert kinds["real"] >= 12
    assert len(SAMPLE) == 8
    assert {notebook.kind for notebook in SAMPLE} == {"demo"}


@pytest.mark.parametrize(
    ("verdicts", "right", "alarm"),
    [
        ((SAME, BROKEN, FLAKY, UNTRIED, UNTRIED), True, False),
        ((Verdict.SLOWER, BROKEN, Verdict.WARNS, UNTRIED, BROKEN), True, False),
        ((SAME, DIFFERENT, FLAKY, UNTRIED, UNTRIED), False, False),
        ((SAME, UNTRIED, FLAKY, UNTRIED, UNTRIED), False, False),
        ((SAME, BROKEN, DIFFERENT, UNTRIED, UNTRIED), False, True),
        ((SAME, BROKEN, FLAKY, BROKEN, UNTRIED), False, True),
        ((SAME, BROKEN, FLAKY, SAME, UNTRIED), False, False),
    ],
)
def test_verdicts_are_compared_with_the_truth(
    verdicts: tuple[Verdict, ...], right: bool, alarm: bool
) -> None:
    judgement = judged(*verdicts)
    assert (judgement.is_right, judgement.is_false_alarm) == (right, alarm)


def test_passed_notebook_that_is_broken_is_counted() -> None:
    missed = judged(SAME, FLAKY, FLAKY, UNTRIED, UNTRIED, passed=True)
    assert missed.is_missed
    assert missed.unblamed_count == 1
    assert (missed.truth_signs, missed.verdict_signs) == ("=x~?!", "=~~??")
    found = judged(SAME, BROKEN, FLAKY, UNTRIED, UNTRIED)
    assert not found.is_missed
    lines = totals([missed, found]).splitlines()
    assert lines[0] == "1 of 2 notebooks are judged right"
    assert lines[1] == "1 of 2 broken notebooks would be passed (aim: 0)"
    assert lines[-2] == "4 cells of 2 notebooks could not be tried"
