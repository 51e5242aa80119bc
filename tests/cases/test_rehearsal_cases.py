"""Inputs on which rehearsals were once wrong; each is a program of its own."""

from __future__ import annotations

import pytest
from case_runner import check_case

CASES = ("rehearsal-of-a-notebook-in-a-project",)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_case_is_without_fault(case: str) -> None:
    check_case(case, seconds=600)
