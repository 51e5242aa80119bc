"""What real upgrades mean for cells: the configured index, and megabytes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import uv

from pkgwidgets import PackageService

pytestmark = pytest.mark.slow

PACKAGES = ("numpy==1.26.4", "altair==4.2.2", "scikit-learn==1.3.2")


def _uv(*argv: str) -> None:
    subprocess.run([uv.find_uv_bin(), *argv], check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> PackageService:
    """An environment with old versions of three packages."""
    folder = tmp_path_factory.mktemp("real") / "env"
    _uv("venv", "--quiet", str(folder))
    python = folder / "bin" / "python"
    _uv("pip", "install", "--quiet", "--python", str(python), *PACKAGES)
    return PackageService(python)


def said(
    service: PackageService, folder: Path, name: str, version: str, cells: Sequence[str]
) -> list[tuple[int, str, str]]:
    """Return the cell, the name and the finding of what breaks."""
    file = folder / "notes.ipynb"
    written = [{"cell_type": "code", "source": cell} for cell in cells]
    file.write_text(json.dumps({"cells": written, "nbformat": 4}))
    found = service.impact(service.plan_upgrade(name, version, allow="all"), file)
    found = found[found["severity"] == "breaks"]
    return [
        (int(cell), str(name), str(text))
        for cell, name, text in zip(found["cell"], found["name"], found["finding"], strict=True)
    ]


def test_numpy_2_has_no_float_(service: PackageService, tmp_path: Path) -> None:
    cells = ["import numpy as np", "a = np.zeros(3)", "b = np.float_(3)\nnp.float64(3)"]
    assert said(service, tmp_path, "numpy", "2.1.0", cells) == [
        (3, "numpy.float_", "float_ is not in numpy 2.1.0")
    ]


def test_what_numpy_2_still_has_does_not_break(service: PackageService, tmp_path: Path) -> None:
    cells = [
        "import numpy as np",
        "a = np.array([1.0, 2.0])\nnp.linspace(0, 1, num=5)",
        "np.linalg.norm(a, axis=0)\nnp.random.default_rng(1)\nnp.float64(a.sum())",
    ]
    assert said(service, tmp_path, "numpy", "2.1.0", cells) == []


def test_altair_5_has_no_vegalite_4(service: PackageService, tmp_path: Path) -> None:
    cells = [
        "import altair as alt\nchart = alt.Chart('beds.csv').mark_bar()",
        "from altair.vegalite.v4 import schema",
        "alt.utils.sanitize_dataframe(None)",
    ]
    found = said(service, tmp_path, "altair", "5.5.0", cells)
    assert (2, "altair.vegalite.v4", "there is no module altair.vegalite.v4 in altair 5.5.0") in (
        found
    )
    assert (3, "altair.utils.sanitize_dataframe",
            "sanitize_dataframe is not in altair 5.5.0") in found  # fmt: skip
    assert {cell for cell, _, _ in found} == {2, 3}


def test_a_parameter_of_scikit_learn_is_gone(service: PackageService, tmp_path: Path) -> None:
    cells = [
        "from sklearn.preprocessing import OneHotEncoder",
        "OneHotEncoder(sparse=False)",
        "OneHotEncoder(sparse_output=False).fit([[1]])",
    ]
    assert said(service, tmp_path, "scikit-learn", "1.5.2", cells) == [
        (2, "sklearn.preprocessing.OneHotEncoder",
         "OneHotEncoder has no parameter sparse in scikit-learn 1.5.2")
    ]  # fmt: skip
