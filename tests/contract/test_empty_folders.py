"""Wheels with empty folders, which no RECORD lists: uv makes them, and an undo removes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import Oracle
from transaction_faults import FailingInstaller

from pkgwidgets.core.errors import InstallFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade

FOLDERS = ("pergola/assets/source/", "pergola/assets/build/deep/", "trellis/")
"""In a package, below another empty one, and beside the package."""


class FolderWheel(BuiltWheel):
    """A wheel whose files with a `/` at the end are folders."""

    def record_of(self, rows: list[tuple[str, str, str]]) -> str:
        files = [row for row in rows if not row[0].endswith("/")]
        return super().record_of(files)


def pergola(version: str, *folders: str) -> BuiltWheel:
    files = {"pergola/__init__.py": f"x = {version!r}\n", **dict.fromkeys(folders, "")}
    return FolderWheel(name="pergola", version=version, files=files)


@pytest.fixture
def prepared(garden: Demo, backend: Backend) -> Backend:
    """Install a wheel with one empty folder, and publish one with more."""
    garden.index.publish(pergola("1.0", "pergola/old/"))
    apply.apply_plan(backend, plan_install(backend, "pergola"))
    garden.index.publish(pergola("2.0", "pergola/old/", *FOLDERS))
    assert (garden.site_packages / "pergola" / "old").is_dir()
    return backend


def test_undo_removes_new_empty_folders(prepared: Backend, garden: Demo, tree: Oracle) -> None:
    before = tree(garden.folder / "env")
    apply.apply_plan(prepared, plan_upgrade(prepared, "pergola"))
    assert all((garden.site_packages / folder).is_dir() for folder in FOLDERS)
    apply.apply_plan(prepared, plan_undo(prepared))
    assert tree(garden.folder / "env") == before


def test_undo_of_the_undo_makes_them_again(prepared: Backend, garden: Demo, tree: Oracle) -> None:
    apply.apply_plan(prepared, plan_upgrade(prepared, "pergola"))
    upgraded = tree(garden.folder / "env")
    undone = apply.apply_plan(prepared, plan_undo(prepared))
    apply.apply_plan(prepared, plan_undo(prepared, undone.id))
    assert tree(garden.folder / "env") == upgraded


def test_rollback_removes_new_empty_folders(prepared: Backend, garden: Demo, tree: Oracle) -> None:
    before = tree(garden.folder / "env")
    plan = plan_upgrade(prepared, "pergola")
    failing = replace(prepared, installer=FailingInstaller(prepared))  # type: ignore[arg-type]
    with pytest.raises(InstallFailed):
        apply.apply_plan(failing, plan)
    assert tree(garden.folder / "env") == before


def test_undo_keeps_a_file_in_a_folder_that_was_new(prepared: Backend, garden: Demo) -> None:
    apply.apply_plan(prepared, plan_upgrade(prepared, "pergola"))
    note = garden.site_packages / "trellis" / "note.txt"
    note.write_text("mine\n")
    apply.apply_plan(prepared, plan_undo(prepared))
    assert note.read_text() == "mine\n"
