"""Cells that the impact once passed over; each case is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("case", ["impact-of-magics", "impact-swapped-parameters"])
def test_case_of_the_impact_is_without_fault(case: str) -> None:
    completed = subprocess.run(
        [sys.executable, Path(__file__).parent / f"{case}.py"],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
