"""What is imported before a plan is applied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fakes import FakeImportChecker, FakeKit
from faults.tiny_environment import FolderDisk, LockableFakeEnvironment

from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.connect import recovery_archive
from pkgwidgets.core.interfaces import ImportCheck, Report, no_report
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_upgrade

NEEDED = ("pkgwidgets.worker", "pkgwidgets.recover")


def pkgwidgets(version: str, *modules: str) -> BuiltWheel:
    files = {f"pkgwidgets/{name}.py": "" for name in ("__init__", *modules)}
    return BuiltWheel(name="pkgwidgets", version=version, files=files)


class Recorder(FakeImportChecker):
    """Imports as the fake does, and remembers what."""

    imported: tuple[str, ...] = ()

    def check(self, modules: Sequence[str], report: Report = no_report, **more: Any) -> ImportCheck:
        self.imported += (*modules,)
        return ImportCheck(errors={})


def test_undo_modules_of_a_new_pkgwidgets_are_imported(
    tmp_path: Path,
) -> None:
    environment = LockableFakeEnvironment(FolderDisk(tmp_path), tmp_path)
    old, new = pkgwidgets("1.0", "worker", "recover"), pkgwidgets("2.0", "worker")
    kit = FakeKit(environment, (old, new), ("pkgwidgets==1.0",))
    recorder = Recorder(environment)
    backend = replace(
        kit.backend,
        journal=FolderJournal(tmp_path / ".pkgwidgets", recovery_archive),
        import_checker=recorder,
        undo_modules=NEEDED,
    )
    apply.apply_plan(backend, plan_upgrade(backend, "pkgwidgets"))
    assert [name for name in recorder.imported if name in NEEDED] == ["pkgwidgets.worker"] * 2
