"""Undo over another build, and a volume that becomes full; each is a program of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = ("crash-undo-over-another-build", "crash-full-volume-with-copies")


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
    print(completed.stdout)
    assert completed.returncode == 0, completed.stdout + completed.stderr
