"""Crashes of other users and processes; each case is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = ("crash-fork-holds-the-lock", "crash-root-in-a-users-environment")


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
