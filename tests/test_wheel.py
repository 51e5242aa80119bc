"""The wheel, built from this checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / "pkgwidgets" / "backends" / "sandbox" / "scripts"
DEPENDENCIES = {
    "anywidget",
    "ipywidgets",
    "msgspec",
    "packaging",
    "pandas",
    "platformdirs",
    "psutil",
    "requests",
    "tqdm",
    "urllib3",
    "uv",
}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built with the tools that are installed: no network."""
    folder = tmp_path_factory.mktemp("dist")
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_enables_the_server_extension(wheel: zipfile.ZipFile) -> None:
    name = next(
        n for n in wheel.namelist() if n.endswith("jupyter_server_config.d/pkgwidgets.json")
    )
    assert ".data/data/etc/jupyter/" in name
    assert json.loads(wheel.read(name)) == {
        "ServerApp": {"jpserver_extensions": {"pkgwidgets": True}}
    }


@pytest.mark.parametrize(
    "file",
    [
        "pkgwidgets/widgets/static/table/table.js",
        "pkgwidgets/widgets/static/plan_view.js",
        "pkgwidgets/widgets/static/plan.css",
        "pkgwidgets/widgets/static/progress_view.js",
        "pkgwidgets/widgets/static/jupyter_page.js",
        "pkgwidgets/widgets/static/panel.css",
        "pkgwidgets/py.typed",
        "pkgwidgets/backends/environment/scripts/describe_interpreter.py",
        *(f"pkgwidgets/backends/sandbox/scripts/{path.name}" for path in SCRIPTS.glob("*.py")),
    ],
)
def test_wheel_contains_the_files_read_at_run_time(wheel: zipfile.ZipFile, file: str) -> None:
    assert wheel.read(file) == (ROOT / file).read_bytes()


def test_wheel_contains_the_quickstart_notebook(wheel: zipfile.ZipFile) -> None:
    name = next(n for n in wheel.namelist() if n.endswith("quickstart.ipynb"))
    assert ".data/data/share/pkgwidgets/notebooks/" in name


def test_wheel_contains_no_tests(wheel: zipfile.ZipFile) -> None:
    assert not [n for n in wheel.namelist() if "test" in n]


def test_wheel_requires_only_the_documented_dependencies(wheel: zipfile.ZipFile) -> None:
    metadata = next(n for n in wheel.namelist() if n.endswith("METADATA"))
    required = message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist") or []
    bare = {text.split(">=")[0] for text in required if "extra ==" not in text}
    assert bare == DEPENDENCIES


def test_every_dependency_has_a_lower_bound_and_no_upper_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert all(">=" in text and "<" not in text for text in project["dependencies"])
