"""The oldest versions that the package says it works with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import uv

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
REAL = "(test_transactions.py or test_planning.py) and not fake"
TWICE = f"{REAL} and not bad_upgrade"
"""Plans and transactions with a real uv: only uv itself has a lower bound in them."""
QUICK = (
    *("tests/unit", "tests/integration", "tests/contract"),
    *("-m", "not slow", "-k", f"unit or not ({TWICE})"),
)
REHEARSED = (
    "tests/contract/test_notebook_runner.py",
    "-k",
    "run_in_order or modules_come_first or over_the_time_limit",
)
"""Of the slow ones those that run a notebook as every rehearsal does."""


def test_unit_and_contract_tests_pass_on_the_lower_bounds(tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    uv_path = uv.find_uv_bin()
    install = [uv_path, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([uv_path, "venv", "--quiet", str(tmp_path / "env")], check=True)
    tools = ["pytest>=8.3", "pytest-xdist>=3.6", "ipykernel>=6.29", "pip>=24"]
    lowest = ["--resolution", "lowest-direct", f"{ROOT}[impact]", *tools]
    subprocess.run([*install, *lowest], check=True)
    pytest_run = [str(python), "-m", "pytest", "-q", "--override-ini", "addopts="]
    options = ["--import-mode=importlib", "-p", "no:cacheprovider"]
    options += ["--numprocesses=4", "--dist=loadfile"]
    for tests in (QUICK, REHEARSED):
        done = subprocess.run(
            [*pytest_run, *options, *tests], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
