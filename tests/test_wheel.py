"""The wheel, built from this checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import pkgwidgets

ROOT = Path(__file__).parent.parent
LABEXTENSION = ROOT / "pkgwidgets" / "labextension"
VIEWS = ROOT / "pkgwidgets" / "widgets" / "static"
STATIC_IMPORT = re.compile(r'^import .* from "\./([\w.]+)";$', re.MULTILINE)
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
        "pkgwidgets/labextension/package.json",
        "pkgwidgets/backends/environment/scripts/describe_interpreter.py",
        *(f"pkgwidgets/backends/sandbox/scripts/{path.name}" for path in SCRIPTS.glob("*.py")),
    ],
)
def test_wheel_contains_the_files_read_at_run_time(wheel: zipfile.ZipFile, file: str) -> None:
    assert wheel.read(file) == (ROOT / file).read_bytes()


def labextension_files(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    """Return the files that an installation puts where JupyterLab looks, by their paths there."""
    folder = ".data/data/share/jupyter/labextensions/pkgwidgets/"
    return {n.partition(folder)[2]: wheel.read(n) for n in wheel.namelist() if folder in n}


def test_wheel_contains_the_labextension_and_the_views(wheel: zipfile.ZipFile) -> None:
    files = labextension_files(wheel)
    for source, target in ((LABEXTENSION, ""), (VIEWS, "static/views/")):
        paths = [path for path in source.rglob("*") if path.is_file()]
        assert paths
        for path in paths:
            name = f"{target}{path.relative_to(source).as_posix()}"
            assert files.pop(name) == path.read_bytes()
    assert not files


def test_labextension_has_the_version_of_the_package(wheel: zipfile.ZipFile) -> None:
    files = labextension_files(wheel)
    for name in ("package.json", "schemas/pkgwidgets/package.json.orig"):
        assert json.loads(files[name])["version"] == pkgwidgets.__version__
    assert json.loads(files["package.json"])["jupyterlab"]["_build"]["load"] in files


def test_script_that_every_page_loads_is_small(wheel: zipfile.ZipFile) -> None:
    """The container, and what it imports before anything is opened: at most 15 kB."""
    files = labextension_files(wheel)
    entry = ["remoteEntry.js", "plugin.js"]
    for name in entry:
        text = files[f"static/{name}"].decode()
        entry += [path for path in STATIC_IMPORT.findall(text) if path not in entry]
    assert {"badge.js", "shared.js"} <= {*entry}
    assert sum(len(files[f"static/{name}"]) for name in entry) <= 15_000


@pytest.mark.slow
def test_installed_labextension_is_enabled(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    folder = tmp_path / "labextensions" / "pkgwidgets"
    for name, content in labextension_files(wheel).items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    environment = {**os.environ, "JUPYTER_PATH": str(tmp_path), "JUPYTER_PREFER_ENV_PATH": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "jupyter", "labextension", "list"],
        env={**environment, "JUPYTER_DATA_DIR": str(tmp_path), "NO_COLOR": "1"},
        check=True,
        capture_output=True,
        text=True,
    )
    listed = re.sub(r"\x1b\[\d*m", "", done.stdout + done.stderr)
    ours = listed.partition(f"{tmp_path}")[2]
    assert f"pkgwidgets v{pkgwidgets.__version__} enabled OK (python, pkgwidgets)" in ours


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
