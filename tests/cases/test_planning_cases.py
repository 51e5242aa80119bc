"""Inputs on which plans were once wrong; each is a program of its own."""

from __future__ import annotations

import pytest
from case_runner import check_case

CASES = (
    "env-metadata-uv-cannot-read",
    "env-nothing-newer-by-name",
    "env-one-broken-already",
    "env-system-site-packages",
    "page-a-file-is-missing",
    "page-installed-version-is-gone",
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_case_is_without_fault(case: str) -> None:
    check_case(case)
