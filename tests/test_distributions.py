"""The wheel and the sdist as a user gets them: built, checked, installed, started."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
import uv

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
TOP = {".ci", ".github", ".gitignore", "LICENSE", "PKG-INFO", "README.md", "jupyter-config"} | {
    *("notebooks", "pkgwidgets", "pyproject.toml", "tests")
}
NEVER = re.compile(r"__pycache__|\.py[co]$|artefacts|node_modules|checkpoints")


@dataclass(frozen=True)
class Environment:
    """A fresh virtual environment without anything of this one."""

    folder: Path

    @classmethod
    def create(cls, folder: Path, *requirements: str) -> Environment:
        _run(uv.find_uv_bin(), "venv", "--quiet", folder)
        python = folder / "bin" / "python"
        install = (uv.find_uv_bin(), "pip", "install", "--quiet", "--python", python)
        _run(*install, *requirements)
        return cls(folder)

    def run(self, command: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run a command of the environment; return what it printed."""
        return _run(self.folder / "bin" / command, *arguments, cwd=cwd)


def _run(*argv: str | Path, cwd: Path | None = None) -> str:
    environment = {
        **{name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
    done = subprocess.run(
        [*map(str, argv)], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.create(tmp_path_factory.mktemp("tools") / "env", "build", "twine", "uv")


@pytest.fixture(scope="module")
def built(tools: Environment, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist, and the wheel that is built from it, by `wheel` and `sdist`."""
    folder = tmp_path_factory.mktemp("dist")
    tools.run("python", "-m", "build", "--installer", "uv", "--outdir", folder, ROOT)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": wheel, "sdist": sdist}


def sdist_files(built: dict[str, Path]) -> set[str]:
    """Return the files of the sdist, relative to its folder."""
    with tarfile.open(built["sdist"]) as archive:
        return {member.name.partition("/")[2] for member in archive if member.isfile()}


def test_twine_accepts_both(tools: Environment, built: dict[str, Path]) -> None:
    said = tools.run("python", "-m", "twine", "check", "--strict", *built.values())
    assert said.count("PASSED") == 2


def test_sdist_contains_what_the_build_and_the_tests_need(built: dict[str, Path]) -> None:
    files = sdist_files(built)
    for folder in ("pkgwidgets", "tests", "notebooks", "jupyter-config", ".github", ".ci"):
        here = (ROOT / folder).rglob("*")
        paths = {path.relative_to(ROOT).as_posix() for path in here if path.is_file()}
        wanted = {path for path in paths if not NEVER.search(path)}
        assert wanted
        assert wanted <= files


def test_sdist_contains_nothing_else(built: dict[str, Path]) -> None:
    files = sdist_files(built)
    assert {PurePosixPath(file).parts[0] for file in files} == TOP
    assert not [file for file in files if NEVER.search(file)]


def test_wheel_of_the_sdist_equals_that_of_the_checkout(
    built: dict[str, Path], tools: Environment, tmp_path: Path
) -> None:
    tools.run("python", "-m", "build", "--installer", "uv", "-w", "-o", tmp_path, ROOT)
    (direct,) = tmp_path.glob("*.whl")
    first, second = zipfile.ZipFile(direct), zipfile.ZipFile(built["wheel"])
    assert {i.filename: i.CRC for i in first.infolist()} == {
        i.filename: i.CRC for i in second.infolist()
    }


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_installed_distribution_works(built: dict[str, Path], kind: str, tmp_path: Path) -> None:
    """Only with what it requires: no JupyterLab, no extra."""
    environment = Environment.create(tmp_path / "env", str(built[kind]))
    ask = "from importlib.metadata import version; print(version('pkgwidgets'))"
    assert environment.run("python", "-c", ask, cwd=tmp_path).strip() in built[kind].name
    story = environment.run("pkgwidgets", "demo", "--terminal", cwd=tmp_path)
    assert "Undo the upgrade" in story
    assert story.rstrip().endswith("raintable 2.4.0 → 2.0.0.")
    shared = environment.folder / "share"
    assert (shared / "pkgwidgets" / "notebooks" / "quickstart.ipynb").is_file()
    assert (shared / "jupyter" / "labextensions" / "pkgwidgets" / "package.json").is_file()
    config = environment.folder / "etc" / "jupyter" / "jupyter_server_config.d"
    assert (config / "pkgwidgets.json").is_file()


def test_notebooks_of_the_demo_run_with_the_lab_extra_alone(
    built: dict[str, Path], tmp_path: Path
) -> None:
    environment = Environment.create(tmp_path / "env", f"{built['wheel']}[lab]")
    copied = tmp_path / "notebooks"
    copy = (
        "import sys; from pathlib import Path; from pkgwidgets.demo.guide import copy_notebooks; "
        "print(*copy_notebooks(Path(sys.argv[1])), sep='\\n')"
    )
    said = environment.run("python", "-c", copy, copied, cwd=tmp_path)
    needs = "it needs `pip install distributed` beside pkgwidgets."
    assert said.splitlines() == [f"cluster.ipynb can be read. To be run, {needs}"]
    here = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    notebooks = sorted(copied.iterdir())
    assert {path.name for path in notebooks} == here
    for notebook in notebooks:
        if notebook.name == "cluster.ipynb":
            continue
        before = notebook.read_bytes()
        environment.run("jupyter", "execute", notebook, cwd=copied)
        assert notebook.read_bytes() == before  # nothing is saved without --inplace
