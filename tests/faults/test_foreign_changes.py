"""Changes by other programs since a plan was made are named, and the plan is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeKit, Kit, Oracle

from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.connect import connect
from pkgwidgets.core import fingerprint
from pkgwidgets.core.errors import InstallFailed, StalePlan
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.operations.snapshot import changes_since_plan


class Foreign:
    """Changes by another program between planning and applying."""

    def __init__(self, garden: Demo) -> None:
        self.site = garden.site_packages
        self.prefix = garden.folder / "env"
        self.python = garden.python

    def info(self, name: str) -> Path:
        (folder,) = self.site.glob(f"{name}-*.dist-info")
        return folder

    def _version(self, version: str) -> None:
        metadata = self.info("seedshelf") / "METADATA"
        text = metadata.read_text().replace("Version: 1.4.1", f"Version: {version}")
        metadata.write_text(text)

    def install(self) -> None:
        (self.site / "new-1.0.dist-info").mkdir()
        (self.site / "new-1.0.dist-info" / "METADATA").write_text("Name: new\nVersion: 1.0\n")

    def upgrade(self) -> None:
        self._version("1.4.2")

    def downgrade(self) -> None:
        self._version("1.0")

    def uninstall(self) -> None:
        shutil.rmtree(self.info("seedshelf"))

    def uninstall_a_dependency(self) -> None:
        shutil.rmtree(self.info("sundrift"))

    def reinstall(self) -> None:
        record = self.info("seedshelf") / "RECORD"
        record.write_bytes(record.read_bytes())
        os.utime(record, (1_800_000_000, 1_800_000_000))

    def edit_record(self) -> None:
        record = self.info("seedshelf") / "RECORD"
        record.write_text(record.read_text() + "more.py,,\n")

    def delete_record(self) -> None:
        (self.info("seedshelf") / "RECORD").unlink()

    def add_a_second_dist_info(self) -> None:
        shutil.copytree(self.info("seedshelf"), self.site / "seedshelf-1.3.dist-info")

    def rename_the_dist_info(self) -> None:
        self.info("seedshelf").rename(self.site / "seedshelf-1.4.dist-info")

    def edit_a_file(self) -> None:
        (self.site / "seedshelf.py").write_text("x = 1\n")

    def edit_a_command(self) -> None:
        (self.prefix / "bin" / "seedshelf").write_text("#!/bin/sh\n")

    def delete_a_file(self) -> None:
        (self.site / "bedplanner" / "layout.py").unlink()

    def edit_installer(self) -> None:
        (self.info("seedshelf") / "INSTALLER").write_text("pip\n")

    def hand_to_conda(self) -> None:
        (self.info("seedshelf") / "INSTALLER").write_text("conda\n")

    def make_editable(self) -> None:
        text = '{"url": "file:///src", "dir_info": {"editable": true}}'
        (self.info("seedshelf") / "direct_url.json").write_text(text)

    def add_a_pth_file(self) -> None:
        (self.site / "mine.pth").write_text("/somewhere\n")

    def add_a_sitecustomize(self) -> None:
        (self.site / "sitecustomize.py").write_text("x = 1\n")

    def link_the_folder(self) -> None:
        (self.site / "bedplanner").rename(self.site / "elsewhere")
        (self.site / "bedplanner").symlink_to("elsewhere")

    def remove_write_permission(self) -> None:
        self.site.chmod(0o555)

    def freeze(self) -> None:
        (self.prefix / "conda-meta").mkdir()
        (self.prefix / "conda-meta" / "frozen").touch()

    def replace_the_interpreter(self) -> None:
        target = self.python.resolve()
        self.python.unlink()
        self.python.write_text(f'#!/bin/sh\nexec {target} "$@"\n')
        self.python.chmod(0o755)

    def corrupt_metadata(self) -> None:
        (self.info("frostcall") / "METADATA").write_bytes(b"")


MESSAGES = {
    "install": r"new 1\.0 was added",
    "upgrade": r"seedshelf is now 1\.4\.2 \(it was 1\.4\.1\)",
    "downgrade": r"seedshelf is now 1\.0 \(it was 1\.4\.1\)",
    "uninstall": r"seedshelf was uninstalled",
    "uninstall_a_dependency": r"sundrift was uninstalled",
    "reinstall": r"seedshelf 1\.4\.1 was reinstalled, or its metadata was edited",
    "edit_record": r"seedshelf 1\.4\.1 was reinstalled, or its metadata was edited",
    "delete_record": r"seedshelf 1\.4\.1 was reinstalled, or its metadata was edited",
    "add_a_second_dist_info": "seedshelf cannot be read: installed twice: seedshelf-1.3.dist-info",
    "rename_the_dist_info": r"seedshelf 1\.4\.1 was reinstalled, or its metadata was edited",
    "edit_a_file": "a file of seedshelf changed",
    "edit_a_command": "a file of seedshelf changed",
    "delete_a_file": "a file of bedplanner changed",
    "edit_installer": r"seedshelf 1\.4\.1 was reinstalled, or its metadata was edited",
    "hand_to_conda": "seedshelf now comes from another source .conda",
    "make_editable": "seedshelf now comes from another source .editable",
    "add_a_pth_file": "a file that runs each time Python starts changed",
    "add_a_sitecustomize": "a file that runs each time Python starts changed",
    "link_the_folder": "a file of bedplanner changed",
    "remove_write_permission": "the permissions of a folder changed",
    "freeze": "was frozen by its owner",
    "replace_the_interpreter": "the interpreter changed",
    "corrupt_metadata": "frostcall cannot be read: METADATA has no valid project name",
}


@pytest.mark.parametrize("change", MESSAGES)
def test_foreign_change_makes_a_plan_stale(
    backend: Backend, garden: Demo, tree: Oracle, change: str
) -> None:
    plan = plan_upgrade(backend, ["seedshelf", "bedplanner"])
    assert changes_since_plan(backend, plan) == ()
    getattr(Foreign(garden), change)()
    before = tree(garden.folder / "env")
    with pytest.raises(StalePlan, match=MESSAGES[change]) as caught:
        apply.apply_plan(backend, plan)
    assert caught.value.differences
    assert tree(garden.folder / "env") == before
    assert list(backend.journal.transactions()) == []
    garden.site_packages.chmod(0o755)


def test_environment_that_became_externally_managed_makes_a_plan_stale(
    backend: Backend, garden: Demo, tree: Oracle, tmp_path: Path
) -> None:
    """PEP 668 applies outside virtual environments; this one is made to look like that."""
    facts = replace(backend.environment.interpreter, stdlib=tmp_path)
    facts = replace(facts, base_prefix=facts.prefix)
    closed = replace(backend, environment=InstalledEnvironment(facts))
    plan = plan_upgrade(closed, "seedshelf")
    (tmp_path / "EXTERNALLY-MANAGED").write_text("[externally-managed]\n")
    before = tree(facts.prefix)
    with pytest.raises(StalePlan, match="is managed by the operating system"):
        apply.apply_plan(closed, plan)
    assert tree(facts.prefix) == before


def test_index_with_different_files_fails_the_hash_check(
    backend: Backend, garden: Demo, tree: Oracle
) -> None:
    """The hashes of the plan decide, not the configuration when it is applied."""
    plan = plan_upgrade(backend, "seedshelf")
    before = tree(garden.folder / "env")
    other = BuiltWheel(name="seedshelf", version="1.4.2", files={"seedshelf.py": "evil = 1\n"})
    with DemoIndex([other]) as index:
        with pytest.raises(InstallFailed, match=r"[Hh]ash mismatch"):
            apply.apply_plan(connect(garden.python, index.url), plan)
        assert tree(garden.folder / "env") == before
        (done,) = backend.journal.transactions()
        assert "INTENT" not in backend.journal.steps(done.id)


def test_plan_can_be_applied_from_another_index_with_the_same_files(
    backend: Backend, garden: Demo
) -> None:
    plan = plan_upgrade(backend, "seedshelf")
    same = [w for w in garden.index._wheels.values() if w.name == "seedshelf"]
    with DemoIndex(same) as index:
        done = apply.apply_plan(connect(garden.python, index.url), plan)
    assert done.outcome is Outcome.COMMITTED


PLANS: dict[str, Callable[[Backend], object]] = {
    "upgrade": lambda backend: plan_upgrade(backend, "seedshelf"),
    "install": lambda backend: plan_install(backend, "pea"),
    "removal": lambda backend: plan_uninstall(backend, "frostcall"),
    "undo": plan_undo,
}


@pytest.mark.parametrize("name", PLANS)
def test_every_kind_of_plan_becomes_stale(name: str) -> None:
    kit = FakeKit()
    kit.publish(BuiltWheel(name="pea", version="1", files={"pea.py": "x = 1\n"}))
    apply.apply_plan(kit.backend, plan_upgrade(kit.backend, "frostcall"))
    plan = PLANS[name](kit.backend)
    if name == "install":
        kit.installer.put(BuiltWheel(name="bean", version="1"), requested=True)
    else:
        kit.edit("seedshelf.py" if name == "upgrade" else "frostcall.py", b"x = 2\n")
    before = kit.tree()
    with pytest.raises(StalePlan):
        apply.apply_plan(kit.backend, plan)  # type: ignore[arg-type]
    assert kit.tree() == before


def test_edited_file_of_another_package_does_not_make_a_plan_stale(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    kit.edit("frostcall.py", b"x = 2\n")
    assert apply.apply_plan(kit.backend, plan).outcome is Outcome.COMMITTED


def test_new_bytecode_does_not_make_a_plan_stale(backend: Backend, garden: Demo) -> None:
    plan = plan_upgrade(backend, "bedplanner")
    assert backend.import_checker.check(["bedplanner"]).errors == {}
    assert (garden.site_packages / "bedplanner" / "__pycache__").is_dir()
    assert changes_since_plan(backend, plan) == ()


def test_rolled_back_plan_can_be_applied_again(backend: Backend, garden: Demo) -> None:
    """Restored files count as unchanged, whatever their inode."""
    plan = plan_upgrade(backend, ["seedshelf", "bedplanner"])

    def fail(event: Event) -> None:
        if event.stage is Stage.VERIFYING:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(BaseException, match="Cancelled"):
            apply.apply_plan(backend, plan, fail)
        assert changes_since_plan(backend, plan) == ()
    assert apply.apply_plan(backend, plan).outcome is Outcome.COMMITTED


def test_fingerprint_of_another_format_makes_a_plan_stale(backend: Backend) -> None:
    old = replace(plan_upgrade(backend, "seedshelf"), environment_fingerprint="0" * 32)
    with pytest.raises(StalePlan):
        apply.apply_plan(backend, old)
    installed = backend.environment.distributions()
    assert fingerprint.changes_since(fingerprint.fingerprint(installed), installed) == ()
