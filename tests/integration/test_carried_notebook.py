"""A notebook is saved in one environment and works in another, as nbval, uv and pip see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pytest
from borrowed_libraries import borrow_libraries
from lock_files import installed_in, new_environment, run_uv

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow

CELLS = (
    "import importlib.metadata, bedplanner, seedshelf",
    "[importlib.metadata.version(name) for name in ('bedplanner', 'seedshelf', 'sundrift')]",
    "seedshelf.sow('carrot')",
)


@pytest.fixture
def variables(tmp_path: Path) -> Mapping[str, str]:
    """Return variables for Jupyter, whose kernels are in a folder of the test."""
    for name in ("kernels", "home"):
        (tmp_path / name).mkdir()
    kernels = {"JUPYTER_PATH": str(tmp_path), "HOME": str(tmp_path / "home")}
    return {**os.environ, **kernels, "IPYTHONDIR": str(tmp_path / "home")}


def offer_kernel(folder: Path, name: str, python: Path) -> None:
    """Offer a kernel of an environment without one: it borrows that of these tests."""
    borrowed = borrow_libraries(folder / "borrowed", has_pkgwidgets=False)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    env = {"PYTHONPATH": str(borrowed), "PYTHONDONTWRITEBYTECODE": "1"}
    spec = {"argv": argv, "display_name": name, "language": "python", "env": env}
    (folder / "kernels" / name).mkdir()
    (folder / "kernels" / name / "kernel.json").write_text(json.dumps(spec))


def run(*words: str | Path, variables: Mapping[str, str], folder: Path) -> tuple[int, str]:
    """Run a module of these tests' Python; return its exit code and its output."""
    argv = [sys.executable, "-m", *map(str, words)]
    done = subprocess.run(
        argv, env=dict(variables), cwd=folder, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_notebook_of_one_environment_works_in_another(
    service: PackageService, garden: Demo, tmp_path: Path, variables: Mapping[str, str]
) -> None:
    python = new_environment(tmp_path / "other")
    newest = ("bedplanner", "seedshelf", "frostcall")
    options = ["--index-url", garden.index_url, "--python", str(python)]
    assert run_uv("pip", "install", *options, *newest).returncode == 0
    for name, interpreter in (("here", garden.python), ("there", python)):
        offer_kernel(tmp_path, name, interpreter)
    story = tmp_path / "story.ipynb"
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]  # type: ignore[no-untyped-call]
    content = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]
    nbformat.write(content, story)  # type: ignore[no-untyped-call]
    convert = ("nbconvert", "--execute", "--inplace", "--to=notebook")
    kernel = "--ExecutePreprocessor.kernel_name=here"
    code, output = run(*convert, kernel, story, variables=variables, folder=tmp_path)
    assert code == 0, output
    assert service.embed(story) == ()

    def validate() -> tuple[int, str]:
        checks = ("-p", "nbval", "--nbval", "--nbval-kernel-name=there")
        options = ("-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={tmp_path}")
        return run("pytest", *checks, *options, story, variables=variables, folder=tmp_path)

    code, output = validate()
    assert code == 1, output
    there = PackageService(python, index_url=garden.index_url)
    assert there.drift(story).loc["seedshelf", "difference"] == "other version"
    there.apply(there.plan_restore(story))
    code, output = validate()
    assert code == 0, output

    assert installed_in(garden.python) <= installed_in(python)
    assert there.apply(there.plan_restore(story, exact=True)) is not None
    lock, requirements = tmp_path / "pylock.toml", tmp_path / "requirements.txt"
    lock.write_text(str(service.export()), "utf-8")
    requirements.write_text(str(service.export("requirements.txt")), "utf-8")
    checked = run_uv("pip", "sync", "--check", "--require-hashes", *options, lock)
    assert checked.returncode == 0, checked.stderr
    words = ("pip", "--python", python, "install", "--dry-run", "--require-hashes")
    sources = ("--index-url", garden.index_url, "-r", requirements)
    code, output = run(*words, *sources, variables=variables, folder=tmp_path)
    assert code == 0, output
    assert "Would install" not in output
