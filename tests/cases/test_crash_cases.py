"""Kills that once left files behind; each is a program of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("case", ["crash-killed-while-unmarking"])
def test_crash_case_is_without_fault(case: str) -> None:
    completed = subprocess.run(
        [sys.executable, Path(__file__).with_name(f"{case}.py")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
