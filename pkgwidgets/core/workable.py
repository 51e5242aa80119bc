"""Find as many items as possible that work together, with few attempts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
E = TypeVar("E")


def workable_items(
    groups: Sequence[Sequence[T]],
    attempt: Callable[[tuple[T, ...]], E | None],
    *,
    max_attempts: int,
) -> tuple[tuple[T, ...], dict[T, E]]:
    """Return the items that work together, and the failures of the others.

    `attempt` tries items together and returns the failure, None if they work. A group that fails
    is halved, down to single items: k bad ones of n take about 2·k·log2(n) attempts. After
    `max_attempts`, the items of a group that failed get its failure.

    >>> workable_items([[1, 2, 3, 4]], lambda items: "odd" if 3 in items else None, max_attempts=9)
    ((1, 2, 4), {3: 'odd'})
    """
    working: tuple[T, ...] = ()
    failures: dict[T, E] = {}
    pending: list[tuple[Sequence[T], E | None]] = [(group, None) for group in groups[::-1] if group]
    attempts = 0
    while pending:
        group, known_failure = pending.pop()
        if attempts >= max_attempts and known_failure is not None:
            failures |= dict.fromkeys(group, known_failure)
            continue
        attempts += 1
        failure = attempt((*working, *group))
        if failure is None:
            working = (*working, *group)
        elif len(group) == 1:
            failures[group[0]] = failure
        else:
            half = len(group) // 2
            pending += [(group[half:], failure), (group[:half], failure)]
    return working, failures
