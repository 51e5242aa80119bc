"""Cells that the impact once passed over; each case is a program of its own."""

from __future__ import annotations

import pytest
from case_runner import check_case


@pytest.mark.slow
@pytest.mark.parametrize("case", ["impact-of-magics", "impact-swapped-parameters"])
def test_case_of_the_impact_is_without_fault(case: str) -> None:
    check_case(case)
