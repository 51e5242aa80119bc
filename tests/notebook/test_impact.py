"""The impact of a plan on a notebook, from the notebook file to the frame."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from fakes import Oracle

from pkgwidgets import PackageService
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.events import Event
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation
from pkgwidgets.notebook import frames, impact, notebook_code
from pkgwidgets.notebook.notebook_code import NotebookCells

Publish = Callable[..., None]
OLD = {
    "bed/__init__.py": "from .tools import *\nfrom ._row import Row\nSIZE = 3\nold_size = 3\n",
    "bed/tools.py": "def dig(depth, width=1): ...\ndef water(litres, *, slow=False): ...\n"
    "def weed(): ...\ndef rake(a, b=1): ...\n"
    "def make(): ...\n",
    "bed/_row.py": "class Base:\n    def thin(self): ...\n"
    "class Row(Base):\n    def __init__(self, crop, spacing=30): ...\n    def harvest(self): ...\n",
    "bed/glass/__init__.py": "def cover(): ...\n",
}
NEW = {
    "bed/__init__.py": "from .tools import *\nfrom ._row import Row\nSIZE = 3\n",
    "bed/tools.py": "from old import deprecated\ndef dig(depth, width=2): ...\n"
    "def water(litres): ...\n@deprecated('use hoe')\ndef weed(): ...\ndef rake(a): ...\n"
    "def make(): ...\n",
    "bed/_row.py": "class Base: ...\n"
    "class Row(Base):\n    def __init__(self, crop, variety): ...\n",
}


@pytest.fixture
def beds(service: PackageService, garden: Demo, published: Publish) -> PackageService:
    """Install `bed` and `gardens`, which depends on it; the index has a newer `bed`."""
    installed = (
        BuiltWheel(name="bed", version="1.0", files=OLD),
        BuiltWheel(name="Fine_Garden", version="1.0", files={"gardens.py": ""}, requires=("bed",)),
    )
    published(*installed, BuiltWheel(name="bed", version="2.0", files=NEW))
    scheme = connect(garden.python, garden.index_url).environment.interpreter.scheme
    for wheel in installed:
        WheelInstallation(wheel=wheel, python=garden.python, scheme=scheme, requested=True).run()
    return service


def notebook(folder: Path, *cells: str) -> Path:
    file = folder / "notes.ipynb"
    written = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    text = {"cell_type": "markdown", "source": ["import bed"]}
    content = {"cells": [text, *written], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}
    file.write_text(json.dumps(content))
    return file


def rows(frame: pd.DataFrame, *severities: str) -> list[tuple[int, str, str, str]]:
    kept = frame[frame["severity"].isin(severities)] if severities else frame
    columns = [kept[name].tolist() for name in ("cell", "name", "finding", "severity")]
    return list(zip(*columns, strict=True))


def findings(service: PackageService, folder: Path, cells: Sequence[str], *kinds: str) -> list[str]:
    frame = service.impact(service.plan_upgrade("bed"), notebook(folder, *cells))
    return [f"{cell} {name}: {text}" for cell, name, text, _ in rows(frame, *kinds)]


def test_impact_frame_is_sorted_by_severity(beds: PackageService, tmp_path: Path) -> None:
    cells = ["import bed, gardens", "bed.SIZE", "bed.dig(1)", "bed.old_size", "x ="]
    frame = beds.impact(beds.plan_upgrade("bed"), notebook(tmp_path, *cells))
    assert list(frame.columns) == list(frames.IMPACT)
    assert rows(frame) == [
        (4, "bed.old_size", "old_size is not in bed 2.0", "breaks"),
        (3, "bed.dig", "the default of width of dig is 2 in bed 2.0, not 1", "changes"),
        (5, "", "this cell is not Python, so the names that it uses are unknown", "unknown"),
        (1, "gardens", "through Fine_Garden, which depends on it", "indirect"),
        (1, "bed", "", "none"),
        (2, "bed.SIZE", "", "none"),
    ]
    assert frame["package"].tolist() == ["bed", "bed", "", "bed", "bed", "bed"]
    assert frame["severity"].max() == "none"


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["import bed as b\nb.old_size"], ["1 bed.old_size: old_size is not in bed 2.0"]),
        (["from bed import old_size as o"], ["1 bed.old_size: old_size is not in bed 2.0"]),
        (["import bed", "%time bed.old_size"], ["2 bed.old_size: old_size is not in bed 2.0"]),
        (["%%time\nimport bed\nbed.old_size"], ["1 bed.old_size: old_size is not in bed 2.0"]),
        (["!ls\n%matplotlib inline\nimport bed\nbed.old_size?"], []),
        (["import bed.glass"], ["1 bed.glass: there is no module bed.glass in bed 2.0"]),
        (["from bed.glass import cover"], ["1 bed.glass: there is no module bed.glass in bed 2.0",
                                             "1 bed.glass.cover: cover is not in bed 2.0"]),
        (["import bed", "bed = 3", "bed.old_size"], []),
        (["import bed\nold_size = 1\nprint(old_size)"], []),
        (["import bed\ndef f(bed): return bed.old_size"], []),
        (["import bed\n[bed.old_size for bed in ()]"], []),
        (["import bed\ndef f(): return bed.old_size"],
         ["1 bed.old_size: old_size is not in bed 2.0"]),
        (["import bed\nbed.water(1, slow=True)"],
         ["1 bed.water: water has no parameter slow in bed 2.0"]),
        (["import bed\nbed.water(1)"], []),
        (["import bed\nbed.water(1, **options)"], []),
        (["import bed\nbed.rake(1, 2)"],
         ["1 bed.rake: rake accepts 1 positional argument in bed 2.0, not 2"]),
        (["import bed\nbed.rake(*two)"], []),
        (["import bed\nr = bed.Row('pea')", "r.harvest()"],
         ["1 bed.Row: Row requires an argument for variety in bed 2.0",
          "2 bed.Row().harvest: harvest is not in bed 2.0"]),
        (["from bed import Row\nRow('pea', variety='a', spacing=3).thin()"],
         ["1 bed.Row: Row has no parameter spacing in bed 2.0",
          "1 bed.Row().thin: thin is not in bed 2.0"]),
        (["import bed\nf = bed.water\nf(1, slow=1)"],
         ["1 bed.water: water has no parameter slow in bed 2.0"]),
        (["import bed\nbed.nowhere"], []),
        (["import seedshelf"], []),
        ([], []),
    ],
)  # fmt: skip
def test_breaking_changes_are_found(
    beds: PackageService, tmp_path: Path, cells: Sequence[str], expected: Sequence[str]
) -> None:
    assert findings(beds, tmp_path, cells, "breaks") == list(expected)


def test_new_deprecation_is_a_warning(beds: PackageService, tmp_path: Path) -> None:
    warnings = findings(beds, tmp_path, ["import bed\nbed.weed()"], "warns")
    assert warnings == ["1 bed.weed: weed is deprecated in bed 2.0"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["import bed\nbed.make().harvest"],
         ["1 bed.make(): what bed.make returns is unknown, so its attributes are not compared"]),
        (["import bed\nbed.nowhere"],
         ["1 bed.nowhere: nowhere was not found in the installed version, nor in bed 2.0"]),
        (["import bed\nimport nowhere"],
         ["1 : no module nowhere was found, so what it uses is unknown"]),
        (["import bed\n%run gone.py"], ["1 : gone.py was not found, so what it uses is unknown"]),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_unknown(
    beds: PackageService, tmp_path: Path, cells: Sequence[str], expected: Sequence[str]
) -> None:
    assert findings(beds, tmp_path, cells, "unknown") == list(expected)


def test_finding_in_a_module_names_its_file(beds: PackageService, tmp_path: Path) -> None:
    tools = tmp_path / "src" / "tools.py"
    tools.parent.mkdir()
    tools.write_text("from bed import *\nprint(old_size)\n")
    cells = ["import sys\nsys.path.append('src')", "import tools"]
    assert findings(beds, tmp_path, cells, "breaks") == [
        f"2 bed.old_size: old_size is not in bed 2.0 (in {Path('src', 'tools.py')})"
    ]


def test_uninstall_breaks_the_cells_that_use_the_package(
    beds: PackageService, tmp_path: Path
) -> None:
    plan = beds.plan_uninstall(["bed", "fine-garden"])
    frame = beds.impact(plan, notebook(tmp_path, "import bed"))
    assert rows(frame) == [(1, "bed", "bed is removed", "breaks")]


def test_impact_leaves_the_environment_unchanged(
    beds: PackageService, tmp_path: Path, tree: Oracle
) -> None:
    before = tree(beds.prefix)
    assert findings(beds, tmp_path, ["import bed\nbed.old_size"], "breaks")
    assert tree(beds.prefix) == before


_IMPACT_CODE = """
import sys
from pkgwidgets import PackageService
service = PackageService(sys.argv[1], index_url=sys.argv[2])
plan = service.plan_upgrade("bed")

def wait(event):
    print("fetching", flush=True)
    sys.stdin.read()

service.impact(plan, sys.argv[3], report=wait)
"""


@pytest.mark.slow
def test_downloads_of_a_killed_process_are_removed_by_the_next_run(
    beds: PackageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, cells = tmp_path / "tmp", notebook(tmp_path, "import bed\nbed.old_size")
    place.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _IMPACT_CODE, str(beds.python), beds.index_url, str(cells)],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as looking:
        assert looking.stdout is not None
        assert looking.stdout.readline() == b"fetching\n"
        looking.kill()
    leftovers = {path.name.rpartition("-")[0] for path in place.iterdir()}
    assert leftovers == {"pkgwidgets-stage", "pkgwidgets-uv"}
    monkeypatch.setattr("tempfile.tempdir", str(place))
    assert len(beds.impact(beds.plan_upgrade("bed"), cells)) == 1
    assert list(place.iterdir()) == []


def test_plan_without_changes_has_no_impact(service: PackageService, tmp_path: Path) -> None:
    plan = service.plan_upgrade("seedshelf", version="1.4.1")
    assert not plan
    assert service.impact(plan, notebook(tmp_path, "import seedshelf")).empty


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"cells": [{}]}', '{"cells": 3}'])
def test_invalid_notebook_is_refused(
    service: PackageService, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "notes.ipynb"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InvalidRequest):
        notebook_code.notebook_cells(file)


def test_value_that_is_not_a_plan_is_refused(service: PackageService) -> None:
    with pytest.raises(InvalidRequest):
        service.impact("bed")  # type: ignore[arg-type]


def test_impact_without_griffe_is_refused_before_any_download(
    service: PackageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "pkgwidgets.analysis.needs.importlib.util.find_spec",
        lambda name, *more: None if name == "griffe" else real(name, *more),
    )
    plan, fetched = service.plan_upgrade("frostcall"), list[Event]()
    with pytest.raises(InvalidRequest) as raised:
        service.impact(plan, tmp_path / "missing.ipynb", report=fetched.append)
    assert (raised.value.code, fetched) == ("invalid-request", [])
    assert str(raised.value) == (
        'The analysis of a plan needs griffe: `pip install "pkgwidgets[impact]"`. '
        "Nothing was changed."
    )
    with pytest.raises(InvalidRequest, match="needs griffe"):
        impact.plan_impact(service._backend, plan, NotebookCells(cells=()), (), fetched.append)
    service.apply(plan)
    assert service.get_package("frostcall").version == "2.0.0"


def test_impact_outside_a_kernel_requires_a_notebook() -> None:
    with pytest.raises(InvalidRequest, match="Give the path of a notebook"):
        notebook_code.executed_cells()


@pytest.mark.slow
def test_impact_in_a_kernel_uses_run_cells_and_their_warnings(
    beds: PackageService, tmp_path: Path
) -> None:
    """In a process of the environment, with IPython's shell as in a kernel."""
    code = f"""
import sys
sys.path += {[str(Path(__file__).parents[2]), *(p for p in sys.path if "packages" in p)]!r}
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.history_manager.enabled = False
for cell in ("import warnings, bed", "In[1] = ''; del In", "import warnings, bed",
             "1\\nwarnings.warn('old_size goes', DeprecationWarning,"
             " stacklevel=1); bed.old_size"):
    assert shell.run_cell(cell, store_history=True).success
from pkgwidgets import PackageService
service = PackageService(index_url={beds.index_url!r})
found = service.impact(service.plan_upgrade("bed"))
print(found[["cell", "finding", "severity"]].to_json(orient="values"))
"""
    done = subprocess.run(
        [str(beds.python), "-c", code],
        capture_output=True, text=True, check=False, timeout=120,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [
        [4, "old_size is not in bed 2.0", "breaks"],
        [4, "DeprecationWarning: old_size goes", "warns"],
        [3, "", "none"],  # the first cell, which was run again
    ]
