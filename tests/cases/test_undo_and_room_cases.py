"""Undo over another build, and a volume that becomes full; each is a program of its own."""

from __future__ import annotations

import pytest
from case_runner import check_case

CASES = ("crash-undo-over-another-build", "crash-full-volume-with-copies")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_case_is_without_fault(case: str) -> None:
    check_case(case)
