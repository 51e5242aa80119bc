"""Rehearsals with real packages from the configured index: minutes, and megabytes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import uv
from fakes import Oracle
from scratches import write

from pkgwidgets import PackageService

pytestmark = pytest.mark.slow

PACKAGES = ("ipykernel", "numpy==1.26.4", "pandas==2.2.3", "matplotlib==3.9.1")
OLD_NUMPY = ("import numpy as np", "np.float_(1) + 1")
ANY_NUMPY = ("import numpy as np", "float(np.float64(1) + 1)", "np.arange(3).sum().item()")
CHAINED = (
    "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3]})",
    "frame['a'][0] = 100",
    "frame['a'].tolist()",
)
PLOT = (
    "%matplotlib inline\nimport matplotlib.pyplot as plt",
    "fig, axes = plt.subplots()\naxes.plot([1, 2])\nplt.show()",
    "len(axes.lines)",
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> PackageService:
    """A new environment with old packages and a kernel of its own."""
    folder = tmp_path_factory.mktemp("real") / "env"
    for argv in (
        ("venv", "--quiet", str(folder)),
        ("pip", "install", "--quiet", "--python", str(folder / "bin" / "python"), *PACKAGES),
    ):
        subprocess.run([uv.find_uv_bin(), *argv], check=True)
    return PackageService(folder / "bin" / "python")


@pytest.mark.parametrize(
    ("name", "version", "cells", "verdicts"),
    [
        ("numpy", None, OLD_NUMPY, ["same", "new error"]),
        ("numpy", None, ANY_NUMPY, ["same", "same", "same"]),
        ("pandas", "3.0.0", CHAINED, ["same", "new warning", "different output"]),
        ("matplotlib", "3.9.2", PLOT, ["same", "same", "same"]),
    ],
    ids=["what numpy 2 took away", "what it did not", "chained assignment", "a patch"],
)
def test_what_an_upgrade_breaks_is_known_before_it(
    service: PackageService,
    tree: Oracle,
    tmp_path: Path,
    name: str,
    version: str | None,
    cells: tuple[str, ...],
    verdicts: list[str],
) -> None:
    before = tree(service.prefix)
    plan = service.plan_upgrade(name, version)
    (change,) = (change for change in plan.changes if change.id == name)
    assert change.before is not None
    assert change.after is not None
    assert change.after > change.before
    found = service.rehearse(plan, write(tmp_path / "story.ipynb", *cells))
    assert [str(verdict) for verdict in found["verdict"]] == verdicts, found.to_string()
    assert tree(service.prefix) == before


def test_what_the_notebook_needs_is_held_back_and_the_rest_is_upgraded(
    service: PackageService, tmp_path: Path
) -> None:
    """Last of these, for it changes the environment."""
    notebook = write(tmp_path / "story.ipynb", *OLD_NUMPY)
    done = service.upgrade_all_packages(check=notebook)
    assert done.loc["numpy", "kind"] == "held back"
    assert "it breaks cell 2 of story.ipynb" in str(done.loc["numpy", "status"])
    assert service.get_package("numpy").version == "1.26.4"
    assert (done["kind"] == "upgrade").sum() >= 1
