"""The first failing step is found for several symptoms at once, with few questions."""

from __future__ import annotations

from itertools import combinations
from math import ceil, log2

import pytest

from pkgwidgets.analysis.bisect import first_failing


def run_bisect(steps: int, culprits: dict[str, int]) -> tuple[dict[str, int], int]:
    """Return the first failing steps, and how many questions it took."""
    questions: list[int] = []

    def failing(count: int) -> set[str]:
        questions.append(count)
        return {sign for sign, first in culprits.items() if count >= first}

    return first_failing(steps, failing, list(culprits)), len(questions)


@pytest.mark.parametrize("steps", range(1, 20))
def test_one_culprit_is_found_in_log2_questions(steps: int) -> None:
    for place in range(1, steps + 1):
        culprits, questions = run_bisect(steps, {"a": place})
        assert culprits == {"a": place}
        assert questions <= ceil(log2(steps))


@pytest.mark.parametrize("steps", [2, 5, 12, 16])
def test_two_culprits_are_found_with_shared_questions(steps: int) -> None:
    for first, second in combinations(range(1, steps + 1), 2):
        culprits = {"a": first, "b": second}
        results, questions = run_bisect(steps, culprits)
        assert results == culprits
        assert questions <= max(1, 2 * ceil(log2(steps)) - 1)


def test_known_bounds_are_not_asked_again() -> None:
    def never(count: int) -> set[str]:
        raise AssertionError(count)

    assert first_failing(12, never, ["a", "b"], {"a": (4, 5), "b": (0, 1)}) == {"a": 5, "b": 1}
    assert first_failing(12, never, []) == {}
