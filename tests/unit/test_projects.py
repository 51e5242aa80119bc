"""The project of an environment is found from its files, with the command that restores it."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from pkgwidgets.backends.config.projects import owning_project
from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.plan_arguments import checked_project
from pkgwidgets.core.plan_json import plan_from_text, plan_to_text
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.projects import FileEdit, OwningProject, ProjectChange


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
    project = OwningProject(tool="PDM", file=Path("/p/pyproject.toml"), command="pdm sync")
    assert project.warning == (
        "this environment belongs to the PDM project /p/pyproject.toml:"
        " its next `pdm sync` will revert the change"
    )


def test_warning_for_uv_says_that_a_plan_can_change_the_project_too() -> None:
    file = Path("/p/pyproject.toml")
    uv = OwningProject(tool="uv", file=file, command="uv sync")
    poetry = OwningProject(tool="Poetry", file=file, command="poetry sync")
    assert (uv.can_change, poetry.can_change) == (True, False)
    assert uv.warning.endswith("revert the change, unless the plan changes the project, too")
    assert poetry.warning.endswith("`poetry sync` will revert the change")


def edit_of(old: str, new: str) -> FileEdit:
    return FileEdit.between(Path("/p/uv.lock"), old, new)


def test_edit_of_a_file_is_applied_to_its_own_text_only() -> None:
    edit = edit_of("a\r\nb\n", "a\r\nc\n")
    assert edit.apply_to("a\r\nb\n") == "a\r\nc\n"
    assert edit.reversed().apply_to("a\r\nc\n") == "a\r\nb\n"
    assert edit.reversed().reversed() == edit
    with pytest.raises(ValueError, match=r"uv\.lock was edited"):
        edit.apply_to("a\nb\n")


def test_damaged_edit_is_refused() -> None:
    edit = edit_of("a\nb", "a\nc")
    other = replace(edit.edits[0], added=("d",))
    with pytest.raises(ValueError, match=r"the edits of uv\.lock are damaged"):
        replace(edit, edits=(other,)).apply_to("a\nb")


def plan_with(project: ProjectChange | None) -> Plan:
    return Plan(
        requested=(),
        changes=(),
        environment_fingerprint="",
        python=Path("/p/.venv/bin/python"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
        project=project,
    )


def test_plan_that_changes_only_the_project_is_one_with_an_id_and_a_text_of_its_own() -> None:
    change = ProjectChange(name="plot", files=(edit_of("a", "b"),))
    other = ProjectChange(name="plot", files=(edit_of("a", "c"),))
    plans = [plan_with(project) for project in (None, change, other)]
    assert [bool(plan) for plan in plans] == [False, True, True]
    assert len({plan.id for plan in plans}) == 3
    assert plans[1].change_texts == ("uv.lock of plot",)
    assert plan_from_text(plan_to_text(plans[1])) == plans[1]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [(("yes", "dependencies"), "project"), ((True, "all"), "allow"), ((True, "self"), "allow")],
)
def test_limits_of_a_plan_are_those_of_the_project(arguments: tuple[bool, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        checked_project(*arguments)
    assert caught.value.field == field


def test_step_is_refused_with_the_project_and_fine_without() -> None:
    with pytest.raises(InvalidRequest, match="the project's tool chooses the versions"):
        checked_project(True, "dependencies", "minor")
    assert checked_project(False, "all", "minor") is False
