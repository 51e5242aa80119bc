"""Run a case: a program of its own, which ends with 0 if the fault that it shows is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent


def check_case(case: str, seconds: float = 300) -> None:
    """Run `tests/cases/CASE.py`; raise AssertionError with its output if it fails."""
    completed = subprocess.run(
        [sys.executable, TESTS / "cases" / f"{case}.py"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
