"""The search for items that work together needs few attempts."""

from __future__ import annotations

import pytest

from pkgwidgets.core.workable import workable_items


@pytest.mark.parametrize("bad", [set(), {0}, {99}, {3, 50}, {10, 11, 12}, {0, 33, 66, 99}])
def test_all_good_items_are_found_in_few_attempts(bad: set[int]) -> None:
    attempts: list[tuple[int, ...]] = []

    def attempt(items: tuple[int, ...]) -> str | None:
        attempts.append(items)
        failing = bad & set(items)
        return f"{min(failing)} fails" if failing else None

    working, failures = workable_items([range(100)], attempt, max_attempts=1000)
    assert set(working) == set(range(100)) - bad
    assert failures == {number: f"{number} fails" for number in bad}
    assert len(attempts) <= 1 + 2 * 7 * len(bad)


def test_suspected_group_is_tried_last() -> None:
    attempts: list[tuple[str, ...]] = []

    def attempt(items: tuple[str, ...]) -> str | None:
        attempts.append(items)
        return "bad" if "bad" in items else None

    working, failures = workable_items([["a", "b", "c"], ["bad"]], attempt, max_attempts=9)
    assert attempts == [("a", "b", "c"), ("a", "b", "c", "bad")]
    assert (working, failures) == (("a", "b", "c"), {"bad": "bad"})


def test_two_items_that_exclude_each_other_leave_the_first() -> None:
    def attempt(items: tuple[str, ...]) -> str | None:
        return "conflict" if {"left", "right"} <= set(items) else None

    assert workable_items([["left", "x", "right"]], attempt, max_attempts=20) == (
        ("left", "x"),
        {"right": "conflict"},
    )


@pytest.mark.parametrize("groups", [[], [[]], [[], []]])
def test_nothing_to_try_needs_no_attempt(groups: list[list[str]]) -> None:
    def attempt(items: tuple[str, ...]) -> str | None:
        pytest.fail(f"{items} were tried")

    assert workable_items(groups, attempt, max_attempts=5) == ((), {})


def test_search_stops_after_the_attempts_and_names_what_is_left() -> None:
    count = 0

    def attempt(items: tuple[int, ...]) -> str | None:
        nonlocal count
        count += 1
        return "all fail"

    working, failures = workable_items([range(64)], attempt, max_attempts=5)
    assert (working, count) == ((), 5)
    assert failures == dict.fromkeys(range(64), "all fail")
