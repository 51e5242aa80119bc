"""Find the step that introduces a failure, for several failures at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

Failure = TypeVar("Failure")
"""Something that either fails or does not after a given number of steps."""


def first_failing(
    step_count: int,
    find_failing: Callable[[int], Collection[Failure]],
    failures: Collection[Failure],
    known_bounds: Mapping[Failure, tuple[int, int]] | None = None,
) -> dict[Failure, int]:
    """Return, for each failure, the smallest number of steps after which it occurs.

    `find_failing(n)` returns what fails after the first n steps; one call serves all failures.
    Every failure must occur after all steps and must not occur after none. `known_bounds` narrows
    this: the largest count without the failure and the smallest count with it. Calls
    `find_failing` at most ceil(log2(step_count)) times for each failure.
    """
    bounds = {failure: (known_bounds or {}).get(failure, (0, step_count)) for failure in failures}
    while open_bounds := {
        failure: (low, high) for failure, (low, high) in bounds.items() if high - low > 1
    }:
        # Halve the widest bounds: the same answer narrows the others.
        low, high = max(open_bounds.values(), key=lambda bound: bound[1] - bound[0])
        middle = (low + high) // 2
        failing = find_failing(middle)
        for failure, (low, high) in open_bounds.items():
            if low < middle < high:
                bounds[failure] = (low, middle) if failure in failing else (middle, high)
    return {failure: high for failure, (_, high) in bounds.items()}
