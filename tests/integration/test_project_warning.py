"""A plan for the environment of a real uv project warns that `uv sync` reverts it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.backends.installer import uv
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel


def run_uv(*arguments: str, folder: Path) -> None:
    completed = subprocess.run(
        [uv.find_uv(), *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert completed.returncode == 0, completed.stderr


@pytest.fixture
def index() -> Iterator[DemoIndex]:
    with DemoIndex([BuiltWheel(name="pea", version=v) for v in ("1.0", "2.0")]) as running:
        yield running


@pytest.fixture
def project(
    tmp_path: Path, index: DemoIndex, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None
) -> Path:
    monkeypatch.delenv("UV_NO_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    folder = tmp_path / "project"
    folder.mkdir()
    python = ("--python", sys.executable)
    run_uv("init", "--bare", "--name", "plot", *python, folder=folder)
    run_uv("add", "pea==1.0", *python, folder=folder)
    return folder


def test_plan_warns_that_a_sync_of_the_project_reverts_it(project: Path, tmp_path: Path) -> None:
    service = PackageService(project / ".venv" / "bin" / "python")
    plan = service.plan_upgrade("pea")
    (warning,) = plan.warnings
    assert f"the uv project {project / 'pyproject.toml'}" in warning
    assert "`uv sync` will revert the change" in warning
    service.apply(plan)
    assert service.get_packages().loc["pea", "version"] == "2.0"
    run_uv("sync", folder=project)
    assert service.get_packages().loc["pea", "version"] == "1.0"


def test_plan_without_changes_and_an_undo_do_not_warn(project: Path) -> None:
    service = PackageService(project / ".venv" / "bin" / "python")
    service.upgrade_package("pea")
    assert service.plan_upgrade("pea").warnings == ()
    assert service.plan_undo().warnings == ()


def test_environment_of_no_project_gets_no_warning(
    tmp_path: Path, index: DemoIndex, empty_index_cache: None
) -> None:
    run_uv("venv", "-q", "env", "--python", sys.executable, folder=tmp_path)
    python = tmp_path / "env" / "bin" / "python"
    service = PackageService(python, index_url=index.url)
    plan = service.plan_install("pea")
    assert plan.changes
    assert plan.warnings == ()
