"""Settings that plans once passed over; each case is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("case", ["env-constraints"])
def test_case_of_limits_is_without_fault(case: str) -> None:
    here = Path(__file__).parent
    completed = subprocess.run(
        [sys.executable, here / f"{case}.py"],
        env={name: value for name, value in os.environ.items() if name != "UV_NO_CONFIG"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
