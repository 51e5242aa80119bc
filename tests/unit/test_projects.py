"""The project of an environment is found from its files, with the command that restores it."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from hashlib import sha256
from pathlib import Path

import pytest

from pkgwidgets.backends.config.projects import owning_project
from pkgwidgets.core.projects import OwningProject


def write(root: Path, *names: str, pyproject: str = "") -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name in names:
        (root / name).write_text("", encoding="utf-8")
    (root / "pyproject.toml").write_text(pyproject, encoding="utf-8")


def found(prefix: Path, folder: Path) -> tuple[str, str, str] | None:
    project = owning_project(prefix, folder)
    if project is None:
        return None
    return project.tool, project.file.name, project.command


def digest(root: Path) -> str:
    return urlsafe_b64encode(sha256(os.fsencode(os.path.realpath(root))).digest()).decode()[:8]


@pytest.mark.parametrize(
    ("files", "pyproject", "expected"),
    [
        (["uv.lock"], "", ("uv", "pyproject.toml", "uv sync")),
        (["poetry.lock"], "", ("Poetry", "pyproject.toml", "poetry sync")),
        ([], "[tool.poetry]\nname = 'p'", ("Poetry", "pyproject.toml", "poetry sync")),
        (["pdm.lock"], "", ("PDM", "pyproject.toml", "pdm sync")),
        (["Pipfile", "Pipfile.lock"], "", ("Pipenv", "Pipfile", "pipenv sync")),
        ([], "[tool.hatch.envs.default]\npath = '.venv'", ("Hatch", "pyproject.toml", "hatch run")),
        ([], "", None),
        ([], "[project]\nname = 'p'", None),
        ([], "tool = 'no table'", None),
        ([], "not = [TOML", None),
    ],
)
def test_project_beside_the_environment_is_found(
    tmp_path: Path, files: list[str], pyproject: str, expected: tuple[str, str, str] | None
) -> None:
    write(tmp_path / "p", *files, pyproject=pyproject)
    assert found(tmp_path / "p" / ".venv", tmp_path) == expected


def test_lock_without_a_project_file_is_no_project(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("", encoding="utf-8")
    assert found(tmp_path / ".venv", tmp_path) is None


def test_environment_elsewhere_is_not_that_of_the_working_folder(tmp_path: Path) -> None:
    write(tmp_path / "p", "uv.lock")
    assert found(tmp_path / "other" / ".venv", tmp_path / "p") is None


def test_environment_that_uv_is_told_to_use_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "p", "uv.lock")
    (tmp_path / "p" / "deep").mkdir()
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", "../conda")
    assert found(tmp_path / "conda", tmp_path / "p" / "deep") == (
        "uv", "pyproject.toml", "uv sync"
    )  # fmt: skip


def test_environment_in_the_cache_of_poetry_is_found(tmp_path: Path) -> None:
    write(tmp_path / "p", "poetry.lock")
    prefix = tmp_path / "virtualenvs" / f"p-{digest(tmp_path / 'p')}-py3.11"
    assert found(prefix, tmp_path / "p") == ("Poetry", "pyproject.toml", "poetry sync")


def test_environment_that_pdm_remembers_is_found(tmp_path: Path) -> None:
    write(tmp_path / "p", "pdm.lock")
    python = tmp_path / "venvs" / "p-1" / "bin" / "python"
    (tmp_path / "p" / ".pdm-python").write_text(f"{python}\n", encoding="utf-8")
    assert found(tmp_path / "venvs" / "p-1", tmp_path / "p") == (
        "PDM", "pyproject.toml", "pdm sync"
    )  # fmt: skip


def test_environment_in_the_folder_of_hatch_is_found(tmp_path: Path) -> None:
    write(tmp_path / "p")
    prefix = tmp_path / "env" / "virtual" / "p" / digest(tmp_path / "p") / "default"
    assert found(prefix, tmp_path / "p") == ("Hatch", "pyproject.toml", "hatch run")


@pytest.mark.parametrize("name", ["pixi.toml", "pyproject.toml"])
def test_environment_of_pixi_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("", encoding="utf-8")
    prefix = tmp_path / ".pixi" / "envs" / "default"
    assert found(prefix, tmp_path / "other") == ("pixi", name, "pixi install")


def test_warning_names_the_file_and_the_command() -> None:
    project = OwningProject(tool="uv", file=Path("/p/pyproject.toml"), command="uv sync")
    assert project.warning == (
        "this environment belongs to the uv project /p/pyproject.toml:"
        " its next `uv sync` will revert the change"
    )
