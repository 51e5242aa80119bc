"""Real upgrades: the impact names the cell before, the rehearsal confirms it, nothing changes.

Real packages from the configured index: minutes, and megabytes.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import uv
from fakes import Oracle
from scratch_notebooks import write

from pkgwidgets import PackageService

pytestmark = pytest.mark.slow

PACKAGES = (
    "ipykernel", "numpy==1.26.4", "pandas==2.2.3", "matplotlib==3.9.1", "scikit-learn==1.3.2",
    "altair==4.2.2", "setuptools<81",
)  # fmt: skip
SAME, ERROR, OTHER, WARNS = "same", "would fail", "different output", "new warning"


@dataclass(frozen=True, kw_only=True)
class Case:
    """An upgrade, a notebook, what its impact must name and what its rehearsal must say."""

    upgrade: tuple[str, str]
    cells: tuple[str, ...]
    breaks: tuple[tuple[int, str], ...] = ()
    changes: tuple[tuple[int, str], ...] = ()
    verdicts: tuple[str, ...]


CASES = {
    "numpy 2 has no float_": Case(
        upgrade=("numpy", "2.1.0"),
        cells=("import numpy as np", "float(np.zeros(3).sum())", "np.float_(1) + 1"),
        breaks=((3, "float_ is not in numpy 2.1.0"),),
        verdicts=(SAME, SAME, ERROR),
    ),
    "what numpy 2 still has": Case(
        upgrade=("numpy", "2.1.0"),
        cells=(
            "import numpy as np",
            "float(np.float64(1) + 1)",
            "np.arange(3).sum().item(), np.linalg.norm(np.ones(4), axis=0).item()",
        ),
        verdicts=(SAME, SAME, SAME),
    ),
    "pandas 3 and chained assignment": Case(
        upgrade=("pandas", "3.0.0"),
        cells=(
            "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3]})",
            "frame['a'][0] = 100",
            "frame['a'].tolist()",
            "frame.loc[0, 'a'] = 7",
        ),
        changes=((2, "chained assignment changes nothing in pandas 3.0.0 (copy-on-write)"),),
        verdicts=(SAME, WARNS, OTHER, SAME),
    ),
    "a patch of matplotlib": Case(
        upgrade=("matplotlib", "3.9.2"),
        cells=(
            "%matplotlib inline\nimport matplotlib.pyplot as plt",
            "fig, axes = plt.subplots()\naxes.plot([1, 2])\nplt.show()",
            "len(axes.lines)",
        ),
        verdicts=(SAME, SAME, SAME),
    ),
    "a parameter of scikit-learn is gone": Case(
        upgrade=("scikit-learn", "1.5.2"),
        cells=(
            "from sklearn.preprocessing import OneHotEncoder",
            "OneHotEncoder(sparse=False).sparse",
            "OneHotEncoder(sparse_output=False).fit_transform([[1]]).tolist()",
        ),
        breaks=((2, "OneHotEncoder has no parameter sparse in scikit-learn 1.5.2"),),
        verdicts=(SAME, ERROR, SAME),
    ),
    "altair 5 has no vegalite.v4": Case(
        upgrade=("altair", "5.5.0"),
        cells=(
            "import altair as alt\nchart = alt.Chart('beds.csv').mark_bar()",
            "from altair.vegalite.v4 import schema",
            "alt.utils.sanitize_dataframe",
            "chart.encode(x='a:Q').to_dict()['encoding']",
        ),
        breaks=(
            (2, "there is no module altair.vegalite.v4 in altair 5.5.0"),
            (3, "sanitize_dataframe is not in altair 5.5.0"),
        ),
        verdicts=(SAME, ERROR, ERROR, SAME),
    ),
}


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


@pytest.mark.parametrize("name", CASES)
def test_impact_names_the_cell_and_the_rehearsal_confirms_it(
    service: PackageService, tree: Oracle, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    package, version = case.upgrade
    notebook = write(tmp_path / "story.ipynb", *case.cells)
    before = tree(service.prefix)
    plan = service.plan_upgrade(package, version, allow="all")
    (change,) = (change for change in plan.changes if change.id == package)
    assert change.before is not None
    assert change.after is not None
    assert change.after > change.before

    impact = service.impact(plan, notebook)
    for severity, expected in (("breaks", case.breaks), ("changes", case.changes)):
        rows = impact[(impact["severity"] == severity) & (impact["package"] == package)]
        named = list(zip(rows["cell"], rows["finding"], strict=True))
        if severity == "breaks":
            assert {cell for cell, _ in named} == {cell for cell, _ in expected}, impact.to_string()
        assert set(expected) <= {(int(cell), str(text)) for cell, text in named}, impact.to_string()

    frame = service.rehearse(plan, notebook)
    verdicts = [str(verdict) for verdict in frame["verdict"]]
    assert verdicts == list(case.verdicts), frame.to_string()
    assert tree(service.prefix) == before


def test_upgrade_that_breaks_the_notebook_is_held_back(
    service: PackageService, tmp_path: Path
) -> None:
    """Last of these, for it changes the environment."""
    notebook = write(tmp_path / "story.ipynb", *CASES["numpy 2 has no float_"].cells)
    done = service.upgrade_all_packages(notebooks=notebook)
    assert done.loc["numpy", "kind"] == "held back"
    assert "it breaks cell 3 of story.ipynb" in str(done.loc["numpy", "status"])
    assert service.get_package("numpy").version == "1.26.4"
    assert (done["kind"] == "upgrade").sum() >= 1
