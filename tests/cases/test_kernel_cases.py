"""Kernels that were once taken for others, and a follower that read too much."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = (
    "kernels-run-headless",
    "rest-follower-reads-all-history",
    "rest-kernel-behind-a-wrapper",
    "rest-kernels-on-a-gateway",
)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_case_is_without_fault(case: str) -> None:
    here = Path(__file__).parent
    completed = subprocess.run(
        [sys.executable, here / f"{case}.py"],
        env={**os.environ, "PYTHONPATH": str(here.parent)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
