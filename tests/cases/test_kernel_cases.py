"""Kernels that were once taken for others, and a follower that read too much."""

from __future__ import annotations

import pytest
from case_runner import check_case

CASES = (
    "kernels-run-headless",
    "rest-follower-reads-all-history",
    "rest-kernel-behind-a-wrapper",
    "rest-kernels-on-a-gateway",
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_case_is_without_fault(case: str) -> None:
    check_case(case)
