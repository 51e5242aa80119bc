"""A plan changes a real uv project and its environment, and uv itself has nothing to add."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from uv_projects import PYPROJECT, UvProject, run_uv, served_project

from pkgwidgets import (
    EnvironmentRefused,
    InvalidRequest,
    PackagePanel,
    PackageService,
    PlanImpossible,
    StalePlan,
    StillNeeded,
)
from pkgwidgets.cli.main import main


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None
) -> Iterator[UvProject]:
    with served_project(tmp_path, monkeypatch) as made:
        yield made


def test_upgrade_changes_the_lock_and_what_it_installs(project: UvProject) -> None:
    old, service = project.files(), project.service
    owner = service.project()
    assert owner is not None
    assert (owner.tool, owner.file) == ("uv", project.folder / "pyproject.toml")
    plan = service.plan_upgrade("pea", project=True)
    assert sorted(map(str, plan.changes)) == ["pea 1.0 → 2.0", "stem 1.0 (new)"]
    assert plan.warnings == ()
    assert plan.change_texts[-1] == "uv.lock of plot"
    assert plan.commands == (
        f"uv lock --project {project.folder} --upgrade-package=pea",
        f"uv sync --inexact --project {project.folder}",
    )
    assert project.files() == old
    service.apply(plan)
    assert project.files()["pyproject.toml"] == old["pyproject.toml"]
    assert b'name = "stem"' in project.files()["uv.lock"]
    assert project.installed() == {"pea": "2.0", "pod": "1.0", "stem": "1.0"}
    project.check()


@pytest.mark.slow
def test_undo_and_redo_bring_back_the_same_bytes(project: UvProject) -> None:
    old, service = project.files(), project.service
    done = service.apply(service.plan_upgrade("pea", project=True))
    new = project.files()
    undo = service.plan_undo(done)
    assert undo.change_texts[-1] == "uv.lock of plot"
    redone = service.apply(undo)
    assert project.files() == old
    project.check()
    service.undo(redone)
    assert project.files() == new
    project.check()


@pytest.mark.slow
def test_commands_of_the_plan_do_the_same(project: UvProject, tmp_path: Path) -> None:
    plan = project.service.plan_upgrade("pea", project=True)
    old = project.files()
    for command in plan.commands:
        run_uv(*command.split()[1:], folder=tmp_path)
    by_uv = project.files(), project.installed()
    (project.folder / "uv.lock").write_bytes(old["uv.lock"])
    run_uv("sync", "--locked", folder=project.folder)
    project.service.apply(project.service.plan_upgrade("pea", project=True))
    assert (project.files(), project.installed()) == by_uv


@pytest.mark.slow
def test_installation_and_removal_edit_the_project(project: UvProject) -> None:
    old, service = project.files(), project.service
    plan = service.plan_install("leaf", project=True)
    assert list(map(str, plan.changes)) == ["leaf 1.0 (new)"]
    assert plan.change_texts[-1] == "pyproject.toml and uv.lock of plot"
    added = service.apply(plan)
    text = project.files()["pyproject.toml"].decode()
    assert '    "leaf>=1.0",\n' in text
    assert text.startswith("# The project of the plots.\n")
    assert "# not yet 3" in text
    project.check()
    with pytest.raises(StillNeeded):
        service.plan_uninstall("pea", project=True)
    removed = service.apply(service.plan_uninstall("leaf", project=True))
    assert project.files() == old
    assert "leaf" not in project.installed()
    project.check()
    service.undo(removed)
    service.undo(added)
    assert project.files() == old


@pytest.mark.slow
def test_package_that_is_installed_already_is_added_to_the_project_alone(
    project: UvProject,
) -> None:
    old, service = project.files(), project.service
    service.install_package("leaf")
    plan = service.plan_install("leaf", project=True)
    assert plan.changes == ()
    assert plan.change_texts == ("pyproject.toml and uv.lock of plot",)
    done = service.apply(plan)
    project.check()
    service.undo(done)
    assert project.files() == old
    assert project.installed()["leaf"] == "1.0"


@pytest.mark.slow
def test_upgrade_of_everything_follows_groups_and_installed_extras(project: UvProject) -> None:
    service = project.service
    service.install_package("extra==1.0")
    plan = service.plan_upgrade(project=True)
    assert sorted(plan.pins) == ["extra==2.0", "pea==2.0", "pod==2.0", "stem==1.0"]
    service.apply(plan)
    project.check("--all-extras")
    after = service.plan_upgrade(project=True)
    assert not after
    assert after.project is None


@pytest.mark.slow
def test_project_decides_which_versions_are_allowed(project: UvProject) -> None:
    text = PYPROJECT.replace("pea>=1", "pea<2")
    project.make(text)
    plan = project.service.plan_upgrade("pea", project=True)
    assert not plan
    (note,) = plan.notes
    assert note == f"{project.folder}/pyproject.toml allows no other release of pea than 1.0"
    with pytest.raises(PlanImpossible, match=r"uv cannot change the project: .*pea"):
        project.service.plan_upgrade("pea", "2.0", project=True)
    assert "pod" in project.installed()


def test_hold_forbids_what_the_new_lock_has(project: UvProject) -> None:
    service, old = project.service, project.files()
    service.hold("pea", "<2")
    with pytest.raises(
        PlanImpossible, match=r"The new lock has pea 2\.0, but .* allows only pea<2"
    ):
        service.plan_upgrade("pea", project=True)
    assert project.files() == old


@pytest.mark.slow
def test_later_edit_makes_plan_and_undo_impossible(project: UvProject) -> None:
    service = project.service
    plan = service.plan_upgrade("pea", project=True)
    lock = project.folder / "uv.lock"
    original = lock.read_bytes()
    lock.write_bytes(original + b"\n")
    with pytest.raises(StalePlan, match=r"uv\.lock' was edited"):
        service.apply(plan)
    assert project.installed()["pea"] == "1.0"
    lock.write_bytes(original)
    first = service.apply(plan)
    service.apply(service.plan_upgrade("pod", project=True))
    with pytest.raises(InvalidRequest, match=r"uv\.lock' was edited"):
        service.plan_undo(first)
    service.undo()
    service.undo(first)
    assert lock.read_bytes() == original


@pytest.mark.slow
def test_removal_of_what_the_project_does_not_name_is_refused(project: UvProject) -> None:
    project.service.install_package("leaf")
    with pytest.raises(PlanImpossible, match=r"uv cannot change the project: .*leaf"):
        project.service.plan_uninstall("leaf", project=True)


@pytest.mark.slow
def test_linked_or_read_only_files_are_refused_before_a_plan_is_made(project: UvProject) -> None:
    lock = project.folder / "uv.lock"
    lock.chmod(0o444)
    with pytest.raises(EnvironmentRefused, match=r"The project cannot be changed: .*read-only"):
        project.service.plan_upgrade("pea", project=True)
    lock.chmod(0o644)
    lock.rename(project.folder / "other.lock")
    lock.symlink_to("other.lock")
    with pytest.raises(EnvironmentRefused, match=r"The project cannot be changed: .*is a link"):
        project.service.plan_upgrade("pea", project=True)


WORKSPACE = """\
[project]
name = "plot"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["pea>=1", "member"]

[tool.uv.sources]
member = { workspace = true }

[tool.uv.workspace]
members = ["parts/*"]
"""
MEMBER = """\
[project]
name = "member"
version = "0.1.0"
requires-python = ">=3.10"
dependencies = ["pod"]

[tool.uv]
package = false
"""


@pytest.mark.slow
def test_workspace_is_changed_at_its_root(project: UvProject) -> None:
    member = project.folder / "parts" / "member"
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text(MEMBER)
    project.make(WORKSPACE, "pea==1.0", "pod==1.0")
    service = project.service
    service.apply(service.plan_upgrade(["pea", "pod"], project=True))
    assert {"pea": "2.0", "pod": "2.0"}.items() <= project.installed().items()
    project.check()
    service.apply(service.plan_install("leaf", project=True))
    assert (member / "pyproject.toml").read_text() == MEMBER
    project.check()
    service.undo()
    service.undo()
    project.check()


SOURCES = PYPROJECT.replace('"pea>=1",', '"pea>=1", "member",') + (
    '\n[tool.uv.sources]\nmember = {{ path = "{}" }}\n'
)


@pytest.mark.slow
@pytest.mark.parametrize("place", ["../member", "../../tools/member", "parts/member"])
def test_path_source_may_be_outside_of_the_project(
    project: UvProject, tmp_path: Path, place: str
) -> None:
    inner = replace(project, folder=tmp_path / "inner" / "plot")
    member = inner.folder / place
    inner.folder.mkdir(parents=True)
    member.mkdir(parents=True)
    (member / "pyproject.toml").write_text(MEMBER)
    inner.make(SOURCES.format(place), "pea==1.0", "pod==1.0")
    service = inner.service
    service.apply(service.plan_upgrade(["pea", "pod"], project=True))
    assert {"pea": "2.0", "pod": "2.0"}.items() <= inner.installed().items()
    assert f'"{place}"' in inner.files()["uv.lock"].decode()
    inner.check()
    service.apply(service.plan_install("leaf", project=True))
    inner.check()
    assert (member / "pyproject.toml").read_text() == MEMBER


def test_path_source_that_is_missing_is_named_before_anything(project: UvProject) -> None:
    edited = SOURCES.format("../member")
    (project.folder / "pyproject.toml").write_text(edited)
    missing = project.folder.parent / "member"
    why = f"The project cannot be changed: its source {missing} is missing"
    with pytest.raises(EnvironmentRefused, match=re.escape(why)):
        project.service.plan_upgrade("pea", project=True)
    (project.folder / "pyproject.toml").write_text(edited.replace("../member", ".."))
    with pytest.raises(EnvironmentRefused, match=r"source .* holds the project itself"):
        project.service.plan_upgrade("pea", project=True)


def test_environment_of_no_uv_project_has_none_to_change(tmp_path: Path) -> None:
    run_uv("venv", "-q", "env", folder=tmp_path)
    service = PackageService(tmp_path / "env" / "bin" / "python")
    with pytest.raises(InvalidRequest, match="This environment belongs to no project"):
        service.plan_upgrade(project=True)


run_command = partial(main, start_demo=lambda terminal: 1)


def click(widget: Any, **message: object) -> None:
    """Send what a browser sends."""
    widget._handle_custom_msg(message, [])


@pytest.mark.slow
def test_switch_of_the_panel_plans_with_the_project(project: UvProject) -> None:
    panel = PackagePanel(project.service, check_updates=False)
    view = panel.plan_view

    def shown() -> tuple[object, str, list[str]]:
        assert panel.wait(60)
        assert view.state == "ready", view.error
        return view.plan["project"], view.plan["cell"].splitlines()[-1], view.plan["warnings"]

    click(panel.table, type="plan", names=["pea"])
    switch, _, (warning,) = shown()
    assert (switch, view.plan["minor_only"]) == (False, False)
    assert warning.endswith("revert the change, unless the plan changes the project, too.")
    click(view, type="project", change=True)
    assert shown() == (
        True,
        "service.apply(service.plan_upgrade('pea', project=True))",
        ["uv.lock of plot will change, too."],
    )
    assert view.plan["minor_only"] is None
    click(view, type="apply", id=view.plan["id"])
    assert panel.wait(120)
    project.check()
    panel.close()


@pytest.mark.slow
def test_command_line_changes_the_project(
    project: UvProject, capsys: pytest.CaptureFixture[str]
) -> None:
    python = str(project.folder / ".venv" / "bin" / "python")
    assert run_command(["plan", "pea", "--project", "--python", python]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "uv.lock of plot will change, too." in text
    assert f"pkgwidgets upgrade --python {python} --project pea" in text
    assert run_command(["upgrade", "pea", "--project", "--yes", "--python", python]) == 0
    assert "uv.lock of plot" in capsys.readouterr().out
    project.check()
