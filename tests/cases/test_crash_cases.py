"""Kills that once left files behind; each is a program of its own."""

from __future__ import annotations

import pytest
from case_runner import check_case


@pytest.mark.slow
@pytest.mark.parametrize("case", ["crash-killed-while-unmarking"])
def test_crash_case_is_without_fault(case: str) -> None:
    check_case(case)
