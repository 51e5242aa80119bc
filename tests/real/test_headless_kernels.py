"""Kernels of papermill and engines of ipyparallel, from the registry, are seen by their process."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import uv
from held_transactions import eventually

from pkgwidgets.connect import connect, interpreter_of_process, other_kernels
from pkgwidgets.core.interfaces import OtherKernels

pytestmark = pytest.mark.slow

PROGRAMS = ("papermill==2.7.0", "ipyparallel==9.2.0", "ipykernel")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the programs in an environment of their own; return its folder of commands."""
    folder = tmp_path_factory.mktemp("programs") / "venv"
    subprocess.run([uv.find_uv_bin(), "venv", "--quiet", str(folder)], check=True)
    install = [uv.find_uv_bin(), "pip", "install", "--quiet", "--python", str(folder)]
    subprocess.run([*install, *PROGRAMS], check=True)
    return folder / "bin"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Return variables with which the programs write only into the test's folder."""
    own = {name: str(tmp_path / name) for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR")}
    return {**os.environ, **own, "JPY_SESSION_NAME": str(tmp_path / "parent.ipynb")}


@pytest.fixture
def kernels(programs: Path) -> Iterator[OtherKernels]:
    """Yield the kernels of the programs' environment; none is left afterwards."""
    found = other_kernels(connect(programs / "python"))
    yield found
    eventually(lambda: found.running() == ())


def test_kernel_of_papermill_is_listed_with_its_notebook(
    programs: Path, kernels: OtherKernels, variables: dict[str, str], tmp_path: Path
) -> None:
    notebook = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [],
                   "execution_count": None, "source": "input_ = __import__('time').sleep(120)"}],
    }  # fmt: skip
    (tmp_path / "nightly.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    argv = [str(programs / "papermill"), "-k", "python3", "nightly.ipynb", "out.ipynb"]
    with subprocess.Popen(argv, cwd=tmp_path, env=variables) as running:
        eventually(kernels.running)
        [kernel] = kernels.running()
        assert kernel.notebook == "nightly.ipynb"
        assert Path(kernel.connection_file).name.startswith("tmp")
        assert interpreter_of_process(running.pid, kernel.connection_file) == programs / "python"
        running.terminate()


def test_engines_of_a_cluster_are_listed(
    programs: Path, kernels: OtherKernels, variables: dict[str, str], tmp_path: Path
) -> None:
    argv = [str(programs / "ipcluster"), "start", "-n", "2"]
    with subprocess.Popen(argv, cwd=tmp_path, env=variables) as running:
        eventually(lambda: len(kernels.running()) == 2)
        assert {kernel.notebook for kernel in kernels.running()} == {""}
        running.terminate()
