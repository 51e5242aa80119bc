"""A change of the environment and its project, killed anywhere: all is old, or all is new."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from faults.tiny_environment import TinyEnvironment, run_and_kill

from pkgwidgets.backends.installer.uv_project import UvProjectFiles
from pkgwidgets.backends.store import manifest
from pkgwidgets.core.errors import EnvironmentRefused, InvalidRequest, PkgwidgetsError, StalePlan
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.projects import FileEdit, ProjectChange
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_undo

pytestmark = pytest.mark.usefixtures("without_sync")

OLD = {"pyproject.toml": "# mine\nversions = 1\n", "uv.lock": "a\nb\nc\n"}
NEW = {"pyproject.toml": "# mine\nversions = 2\n", "uv.lock": "a\nx\nc\nd\n"}


class Project:
    """A tiny environment in the folder of a project, and the plan that changes both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.env = TinyEnvironment.create(folder / ".venv")
        for path in folder.glob(".*.pkgwidgets"):
            path.unlink()
        for name, text in OLD.items():
            self.write(name, text)
        (folder / "uv.lock").chmod(0o640)
        files = UvProjectFiles(self.env.environment.interpreter)
        self.env.backend = replace(self.env.backend, project_files=files)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_bytes(text.encode())

    def plan(self) -> Plan:
        edits = [FileEdit.between(self.folder / name, OLD[name], NEW[name]) for name in OLD]
        return replace(self.env.plan(), project=ProjectChange(name="plot", files=tuple(edits)))

    def upgrade(self) -> None:
        apply.apply_plan(self.env.backend, self.plan())

    def undo(self) -> None:
        """Undo the last change, which may be an undo."""
        backend = self.env.backend
        last = backend.journal.transactions()[-1].id
        apply.apply_plan(backend, plan_undo(backend, last))

    def state(self) -> tuple[str, dict[str, str], int]:
        """Return the environment, all files of the project and a mode."""
        texts = {p.name: p.read_bytes().decode() for p in self.folder.iterdir() if p.is_file()}
        return self.env.digest(), texts, (self.folder / "uv.lock").stat().st_mode


def recovered(project: Project) -> tuple[str, dict[str, str], int]:
    assert project.env.recover() == 0
    assert project.env.leftovers() == []
    state = project.state()
    assert project.env.recover() == 0
    assert project.state() == state
    return state


def test_change_and_undo_are_those_of_environment_and_project(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    old = project.state()
    project.upgrade()
    new = project.state()
    assert (old[1], new[1]) == (OLD, NEW)
    assert old[0] != new[0]
    project.undo()
    assert project.state() == old
    project.undo()
    assert project.state() == new


def test_undo_without_its_save_point_gives_back_the_old_files(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    project.upgrade()
    done = project.env.backend.journal.transactions()[-1]
    project.env.backend.save_point(done.id).discard()
    assert not plan_undo(project.env.backend).from_save_point
    project.undo()
    assert project.state()[1] == OLD


@pytest.mark.slow
def test_kill_at_any_file_operation_leaves_all_old_or_all_new(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    states = [project.state()]
    project.upgrade()
    states.append(project.state())
    for number in count(1):
        project = Project(tmp_path / "plot")
        if not run_and_kill(project.upgrade, f"operation#{number}"):
            break
        assert recovered(project) == states["COMMIT" in project.env.last_steps()], number
    assert number > 100
    assert project.state() == states[1]


@pytest.mark.slow
def test_kill_at_any_file_operation_of_an_undo_leaves_all_old_or_all_new(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    old = project.state()
    for number in count(1):
        project = Project(tmp_path / "plot")
        project.upgrade()
        new = project.state()
        if not run_and_kill(project.undo, f"operation#{number}"):
            break
        is_undone = "COMMIT" in project.env.last_steps() and len(project.env.journal.ids()) == 2
        assert recovered(project) == (old if is_undone else new), number
    assert number > 100
    assert project.state() == old


@pytest.mark.slow
def test_kill_at_any_file_operation_of_the_recovery_leaves_all_old(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    old = project.state()
    for number in count(1):
        project = Project(tmp_path / "plot")
        assert run_and_kill(project.upgrade, "INSTALLED:synced")
        if not run_and_kill(project.env.recover, f"operation#{number}"):
            break
        assert recovered(project) == old, number
    assert number > 20


def edited_while_installing(project: Project, name: str, text: str, *, fails: bool) -> None:
    """Let the user edit a file while the packages are installed, which may fail then."""
    install = project.env.installer.install

    def edit_and_install(plan: Plan, report: object) -> None:
        project.write(name, text)
        if fails:
            raise StalePlan("", ("of a test",))
        install(plan, report)  # type: ignore[arg-type]

    installer = project.env.installer
    installer.install = edit_and_install  # type: ignore[method-assign]


@pytest.mark.parametrize("fails", [False, True])
def test_edit_of_the_user_meanwhile_is_never_lost(tmp_path: Path, *, fails: bool) -> None:
    project = Project(tmp_path / "plot")
    edited_while_installing(project, "pyproject.toml", "# edited\n", fails=fails)
    if fails:
        with pytest.raises(StalePlan):
            project.upgrade()
    else:
        project.upgrade()
    kept = (OLD if fails else NEW) | {"pyproject.toml": "# edited\n"}
    assert project.state()[1] == kept


@pytest.mark.parametrize("name", OLD)
def test_plan_is_stale_after_an_edit_of_the_project(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path / "plot")
    plan, digest = project.plan(), project.env.digest()
    project.write(name, OLD[name] + "# edited\n")
    with pytest.raises(StalePlan, match=f"{name}' was edited"):
        apply.apply_plan(project.env.backend, plan)
    assert project.env.digest() == digest
    assert project.state()[1] == OLD | {name: OLD[name] + "# edited\n"}


def test_undo_is_refused_after_an_edit_of_the_project(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    project.upgrade()
    project.write("uv.lock", NEW["uv.lock"] + "e\n")
    state = project.state()
    with pytest.raises(InvalidRequest, match=r"because .*uv\.lock' was edited"):
        plan_undo(project.env.backend)
    assert project.state() == state


def break_link(folder: Path) -> None:
    (folder / "uv.lock").rename(folder / "elsewhere")
    (folder / "uv.lock").symlink_to("elsewhere")


def make_read_only(folder: Path) -> None:
    (folder / "pyproject.toml").chmod(0o444)


def close_folder(folder: Path) -> None:
    folder.chmod(0o555)


def delete(folder: Path) -> None:
    (folder / "uv.lock").unlink()


def make_folder(folder: Path) -> None:
    delete(folder)
    (folder / "uv.lock").mkdir()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (break_link, "uv.lock is a link"),
        (make_read_only, "pyproject.toml is read-only"),
        (close_folder, "plot is read-only"),
        (delete, "uv.lock is missing"),
        (make_folder, "uv.lock is not a file"),
    ],
)
def test_project_that_may_not_be_changed_is_refused_before_anything(
    tmp_path: Path, change: object, why: str
) -> None:
    project = Project(tmp_path / "plot")
    plan, digest = project.plan(), project.env.digest()
    assert callable(change)
    change(project.folder)
    try:
        with pytest.raises(EnvironmentRefused, match=f"The project cannot be changed: .*{why}"):
            apply.apply_plan(project.env.backend, plan)
        assert project.env.digest() == digest
        assert project.env.journal.ids() == []
    finally:
        project.folder.chmod(0o755)


def test_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = Project(tmp_path / "plot")
    change = project.plan().project
    assert change is not None
    files = project.env.backend.project_files
    assert files.refusal(change) is None
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    why = f"{project.folder}/pyproject.toml belongs to another user"
    assert files.refusal(change) == why


def test_manifest_that_names_files_of_others_restores_nothing(tmp_path: Path) -> None:
    project = Project(tmp_path / "plot")
    other = tmp_path / "plot" / "notes.txt"
    other.write_text("mine\n")
    save_point = project.env.backend.save_point("one")
    (project.env.place / "txn" / "one").mkdir(parents=True)
    with pytest.raises(PkgwidgetsError, match="it is no file of a project"):
        save_point.save([], outside={other: "0" * 64})
    assert not save_point.is_intact()
    assert other.read_text() == "mine\n"


PROJECT_FILE: manifest.Row = {
    "path": "/p/uv.lock",
    "type": "file",
    "mode": 0o644,
    "size": 1,
    "sha256": "0" * 64,
}


@pytest.mark.parametrize(
    ("row", "version"), [({"path": "lib/pea.py", "type": "absent"}, 1), (PROJECT_FILE, 2)]
)
def test_older_version_does_not_read_a_manifest_with_files_of_a_project(
    row: manifest.Row, version: int
) -> None:
    text = manifest.encode([row])
    assert json.loads(text)["v"] == version
    assert manifest.decode(text) == [row]
    assert not manifest.is_other_format(text)


@pytest.mark.parametrize(
    "change", [{"path": "/etc/passwd"}, {"path": "/p/uv.lock/x"}, {"type": "link", "target": "x"}]
)
def test_manifest_with_other_files_outside_is_refused(change: manifest.Row) -> None:
    with pytest.raises(ValueError, match="it names files of others"):
        manifest.decode(manifest.encode([PROJECT_FILE | change]))
