"""A failed rollback is reported everywhere: the files, the reasons and the command to run."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel

from pkgwidgets import PackageService
from pkgwidgets.core.errors import PkgwidgetsError, RollbackFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_upgrade

pytestmark = pytest.mark.slow

ODD = "seeds; and more.csv"
"""A file name that looks like two names in a list."""


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """A transaction whose rollback could not be completed."""

    id: str
    folder: Path
    before: object
    damaged: dict[Path, Path]
    """The damaged saved copies, with the paths they belong to."""

    @property
    def differences(self) -> tuple[str, ...]:
        paths = sorted(self.damaged.values())
        return tuple(f"{path}: its saved copy is damaged" for path in paths)

    @property
    def command(self) -> str:
        return f"python -I -S {shlex.quote(str(self.folder / 'recover.pyz'))}"

    def repair(self) -> None:
        for kept in self.damaged:
            kept.write_bytes(kept.read_bytes()[:-1])

    def is_reported_by(self, error: PkgwidgetsError) -> bool:
        assert isinstance(error, RollbackFailed)
        assert (error.transaction, error.kept) == (self.id, str(self.folder))
        assert error.differences == self.differences
        return self.is_in(str(error))

    def is_in(self, text: object) -> bool:
        return all(detail in str(text) for detail in (*self.differences, self.command))


@pytest.fixture
def stuck(garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path) -> Stuck:
    """Cancel an upgrade in its last step, when two of the saved files have been damaged."""
    files = {"seedshelf.py": "x = 1\n", ODD: "1,2\n"}
    script = "[console_scripts]\nseedshelf = seedshelf:main\n"
    odd = BuiltWheel(name="seedshelf", version="1.8", files=files, entry_points=script)
    garden.index.publish(odd)
    transactions.apply_and_follow(backend, plan_upgrade(backend, "seedshelf"))
    before = tree(garden.folder / "env")
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    eventually(lambda: "SYNCED" in backend.journal.steps(transaction_id))
    folder = backend.journal.folder(transaction_id)
    rows = json.loads((folder / "manifest.json").read_bytes())["rows"]
    damaged = {
        folder / "objects" / row["object"]: garden.folder / "env" / row["path"]
        for row in rows
        if Path(row["path"]).name in files
    }
    assert len(damaged) == 2
    for kept in damaged:
        content = kept.read_bytes()
        kept.unlink()
        kept.write_bytes(content + b"!")
    transactions.cancel(backend, transaction_id)
    eventually(lambda: "INCOMPLETE" in backend.journal.steps(transaction_id))
    return Stuck(id=transaction_id, folder=folder, before=before, damaged=damaged)


def run(command: str) -> subprocess.CompletedProcess[str]:
    """Run the command of the hint without pkgwidgets on the path."""
    program, *argv = shlex.split(command)
    assert program == "python"
    return subprocess.run(
        [sys.executable, *argv],
        env={"PATH": os.defpath},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_follow_reports_files_reasons_and_command_of_a_failed_rollback(
    backend: Backend, stuck: Stuck
) -> None:
    for _ in range(2):
        with pytest.raises(RollbackFailed) as caught:
            transactions.follow(backend, stuck.id)
        assert stuck.is_reported_by(caught.value)


def test_history_shows_the_failed_rollback(service: PackageService, stuck: Stuck) -> None:
    shown = service.history().loc[stuck.id]
    assert shown["outcome"] == Outcome.INCOMPLETE.value
    assert stuck.is_in(shown["error"])
    assert "the rollback is incomplete" in str(service.values.history()[-1])


def test_changes_of_the_same_files_are_refused_until_the_rollback_is_completed(
    backend: Backend, service: PackageService, stuck: Stuck, tree: Oracle, tmp_path: Path
) -> None:
    (tmp_path / "gate").touch()
    assert "frostcall" in service.get_packages().index
    for _ in range(2):
        with pytest.raises(RollbackFailed) as caught:
            service.upgrade_package("seedshelf")
        assert stuck.is_reported_by(caught.value)
    assert len(backend.journal.ids()) == 2  # type: ignore[attr-defined]
    assert service.upgrade_package("frostcall").outcome is Outcome.COMMITTED
    service.undo()
    stuck.repair()
    again = PackageService(service.python, index_url=service.index_url)
    assert tree(service.prefix) == stuck.before
    shown = again.history().loc[stuck.id]
    assert shown["outcome"] == Outcome.ROLLED_BACK.value
    assert shown["error"] == "its rollback was completed later"
    assert again.upgrade_package("seedshelf").outcome is Outcome.COMMITTED


def test_recovery_command_names_the_files_and_completes_the_rollback(
    garden: Demo, stuck: Stuck, tree: Oracle
) -> None:
    done = run(stuck.command)
    assert done.returncode == 1
    assert stuck.is_in(done.stdout)
    assert done.stderr == ""
    stuck.repair()
    done = run(stuck.command)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The interrupted change {stuck.id} was rolled back." in done.stdout
    assert tree(garden.folder / "env") == stuck.before
