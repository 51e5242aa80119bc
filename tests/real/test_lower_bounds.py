"""The oldest and the newest versions that the package says it works with."""

from __future__ import annotations

import re
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement
from packaging.version import Version

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BOUNDS = [
    Requirement(text)
    for text in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["impact"])
]
REAL = "(test_transactions.py or test_planning.py) and not fake"
TWICE = f"{REAL} and not bad_upgrade"
"""Plans and transactions with a real uv: only uv itself has a lower bound in them."""
QUICK = (
    *("tests/unit", "tests/integration", "tests/contract"),
    *("-m", "not slow", "-k", f"unit or not ({TWICE})"),
    # It reads the demo's wheels with `packaging.metadata`, which came with packaging 23.2.
    "--ignore=tests/unit/test_wheel_builder.py",
)
REHEARSED = (
    "tests/contract/test_notebook_runner.py",
    "-k",
    "run_in_order or modules_come_first or over_the_time_limit",
)
"""Of the slow ones those that run a notebook as every rehearsal does."""
# The newest IPython needs a newer psutil. pandas 2.0 and 2.1 are built for NumPy 1.
TOOLS = ("pytest>=8.3", "pytest-xdist>=3.6", "ipykernel>=6.29", "ipython>=8.24", "pip>=24")
WITH_OLD_PANDAS = "numpy>=1.26,<2"
OLDER = (
    *("ipywidgets==8.0.6", "msgspec==0.18.6", "numpy==1.26.4", "packaging==23.1", "pandas==2.0.3"),
    *("platformdirs==3.10.0", "psutil==5.9.5", "requests==2.31.0", "tqdm==4.65.0"),
    *("urllib3==1.26.18", "rich==13.7.0"),
)
"""What an environment of 2023 has."""
UV = uv.find_uv_bin()


def _create(folder: Path, *requirements: str) -> Path:
    """Create an environment with these requirements; return its Python."""
    python = folder / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", str(folder)], check=True)
    install = [UV, "pip", "install", "--quiet", "--python", str(python)]
    subprocess.run([*install, *requirements], check=True)
    return python


def _freeze(python: Path) -> dict[str, str]:
    """Return what is installed, by normalized name."""
    listed = subprocess.run(
        [UV, "pip", "freeze", "--python", str(python)], check=True, capture_output=True, text=True
    )
    return dict(re.findall(r"^([\w.-]+)==(\S+)$", listed.stdout, re.MULTILINE))


def test_unit_and_contract_tests_pass_on_the_lower_bounds(tmp_path: Path) -> None:
    lowest = ("--resolution", "lowest-direct", f"{ROOT}[impact]", WITH_OLD_PANDAS)
    python = _create(tmp_path / "env", *lowest, *TOOLS)
    installed = _freeze(python)
    for bound in BOUNDS:
        (lower,) = (spec.version for spec in bound.specifier)
        assert Version(installed[bound.name]).release[:2] == (*Version(lower).release, 0)[:2]
    pytest_run = [str(python), "-m", "pytest", "-q", "--override-ini", "addopts="]
    options = ["--import-mode=importlib", "-p", "no:cacheprovider"]
    options += ["--numprocesses=4", "--dist=loadfile"]
    for tests in (QUICK, REHEARSED):
        done = subprocess.run(
            [*pytest_run, *options, *tests], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_other_tests_run_with_the_newest_versions() -> None:
    """What holds a dependency back here, such as a tool of the tests, hides the newest version."""
    compiled = subprocess.run(
        [UV, "pip", "compile", "--quiet", "--no-deps", "--no-header", "-"],
        input="\n".join(bound.name for bound in BOUNDS),
        check=True,
        capture_output=True,
        text=True,
    )
    newest = dict(re.findall(r"^([\w-]+)==(\S+)$", compiled.stdout, re.MULTILINE))
    assert {*newest} == {bound.name for bound in BOUNDS}
    held_back = {
        name: version(name)
        for name, latest in newest.items()
        if Version(version(name)).release[:2] < Version(latest).release[:2]
    }
    assert held_back == {}


def test_installation_moves_nothing_in_an_older_environment(tmp_path: Path) -> None:
    python = _create(tmp_path / "env", *OLDER)
    before = _freeze(python)
    assert {*before.items()} >= {tuple(pin.split("==")) for pin in OLDER}
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--python", str(python), f"{ROOT}[cli]"], check=True
    )
    after = _freeze(python)
    assert {name: after[name] for name in before} == before
    check = "import pandas, pkgwidgets; print(len(pkgwidgets.PackageService().get_packages()))"
    done = subprocess.run([str(python), "-c", check], check=True, capture_output=True, text=True)
    assert int(done.stdout) > len(before)
