"""Which of some steps, taken in order, makes things fail; for many things at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

Sign = TypeVar("Sign")
"""Something that is seen to fail or not."""


def first_failing(
    steps: int,
    failing: Callable[[int], Collection[Sign]],
    signs: Collection[Sign],
    known: Mapping[Sign, tuple[int, int]] | None = None,
) -> dict[Sign, int]:
    """Return for each sign the first number of steps with which it fails.

    `failing(n)` tells what fails after the first n steps; one answer serves all signs. Each fails
    after all steps and not after none; `known` gives narrower bounds, the last number with which
    it did not and the first with which it did. Asks at most ceil(log2(steps)) times for each.
    """
    bounds = {sign: (known or {}).get(sign, (0, steps)) for sign in signs}
    while wide := {sign: (low, high) for sign, (low, high) in bounds.items() if high - low > 1}:
        # Of the widest: the others are narrowed by the way.
        low, high = max(wide.values(), key=lambda bound: bound[1] - bound[0])
        middle = (low + high) // 2
        failed = failing(middle)
        for sign, (low, high) in wide.items():
            if low < middle < high:
                bounds[sign] = (low, middle) if sign in failed else (middle, high)
    return {sign: high for sign, (_, high) in bounds.items()}
