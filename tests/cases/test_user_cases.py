"""Crashes of other users and processes; each case is a program of its own."""

from __future__ import annotations

import pytest
from case_runner import check_case

CASES = ("crash-fork-holds-the-lock", "crash-root-in-a-users-environment")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_case_is_without_fault(case: str) -> None:
    check_case(case)
