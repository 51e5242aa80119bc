"""An outcome is recorded once it is checked, and errors say what is there and what helps."""

from __future__ import annotations

import errno
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uv
from faults import tree
from faults.operation_matrix import CHANGES, RELEASES, Place, release
from faults.tiny_environment import run_and_kill

from pkgwidgets.backends.store import fail_points
from pkgwidgets.core.errors import (
    DiskFailed,
    RollbackFailed,
    SavedFilesLost,
    VerificationFailed,
)
from pkgwidgets.core.interfaces import Backend, Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade
from pkgwidgets.presentation.hints import Face, hint_text

OTHER = release("other", "1.0")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with DemoIndex([*RELEASES, OTHER]) as index:
        place = Place.create(tmp_path, index.url, "upgrade")
        place.publish = index.publish
        yield place


def site(place: Place) -> Path:
    return place.backend.environment.interpreter.scheme["purelib"]


def write(path: Path, text: str = "x = 1\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def outcomes(place: Place) -> list[Outcome]:
    return [entry.outcome for entry in place.backend.journal.transactions()]


class InstallerThen:
    """The real installer, and what else happens before it returns."""

    def __init__(self, backend: Backend, then: Callable[[], object]) -> None:
        self._inner, self._then = backend.installer, then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def install(self, plan: Plan, report: Report) -> None:
        self._inner.install(plan, report)
        self._then()


def upgrade_then(place: Place, then: Callable[[], object]) -> object:
    """Upgrade; `then` runs right after the installer."""
    backend = place.backend
    installer: Any = InstallerThen(backend, then)
    return apply.apply_plan(replace(backend, installer=installer), plan_upgrade(backend, "top"))


# --- another program changed the same packages


def add_to_new_metadata(folder: Path) -> list[Path]:
    return [write(folder / "dep-2.0.dist-info" / "NOTES")]


def add_to_new_folder(folder: Path) -> list[Path]:
    return [write(folder / "top" / "only_2" / "deep" / "notes.txt")]


def add_to_old_metadata(folder: Path) -> list[Path]:
    return [write(folder / "dep-1.0.dist-info" / "NOTES")]


def install_another_version(folder: Path) -> list[Path]:
    """Leave what pip installs: files, some of which the save point does not know."""
    info = folder / "Dep-3.0.dist-info"
    rows = ["dep/__init__.py", "dep/third.py", "Dep-3.0.dist-info/METADATA"]
    for row in rows:
        write(folder / row)
    write(info / "RECORD", "".join(f"{row},,\n" for row in rows))
    return [info, folder / "dep" / "third.py", info / "METADATA"]


def install_another_build(folder: Path) -> list[Path]:
    """Leave the same version with one more module."""
    record = folder / "dep-2.0.dist-info" / "RECORD"
    with record.open("a") as file:
        file.write("dep/fast.py,,\n")
    return [write(folder / "dep" / "fast.py")]


FOREIGN = (
    add_to_new_metadata,
    add_to_new_folder,
    add_to_old_metadata,
    install_another_version,
    install_another_build,
)


def move_away(paths: list[Path], folder: Path) -> None:
    for number, path in enumerate(paths):
        if path.exists():
            shutil.move(path, folder / str(number))


@pytest.mark.parametrize("change", FOREIGN)
def test_foreign_files_make_a_rollback_incomplete_until_they_are_gone(
    place: Place, tmp_path: Path, change: Callable[[Path], list[Path]]
) -> None:
    before = place.digest()
    assert run_and_kill(lambda: CHANGES["upgrade"](place.backend), "INSTALLED:before")
    foreign = change(site(place))
    for _ in range(2):
        with pytest.raises(RollbackFailed) as caught:
            recovery.recover_if_needed(place.backend)
        assert {*caught.value.paths} == {str(path) for path in foreign}
        assert all(str(path) in str(caught.value) for path in foreign)
        assert outcomes(place) == [Outcome.INCOMPLETE]
    move_away(foreign, tmp_path)
    assert recovery.recover_if_needed(place.backend) != ()
    assert outcomes(place) == [Outcome.ROLLED_BACK]
    assert place.digest() == before
    assert not place.is_open


def test_foreign_files_are_still_known_after_a_kill_of_the_rollback(place: Place) -> None:
    """The rollback takes the RECORD away that lists them."""
    assert run_and_kill(lambda: CHANGES["upgrade"](place.backend), "INSTALLED:before")
    (foreign,) = install_another_build(site(place))
    assert run_and_kill(place.recover, "INCOMPLETE:before")
    assert not (site(place) / "dep-2.0.dist-info").exists()
    with pytest.raises(RollbackFailed) as caught:
        recovery.recover_if_needed(place.backend)
    assert caught.value.paths == (str(foreign),)


def test_other_packages_can_be_changed_while_a_rollback_is_incomplete(
    place: Place, tmp_path: Path
) -> None:
    assert run_and_kill(lambda: CHANGES["upgrade"](place.backend), "INSTALLED:before")
    foreign = add_to_new_metadata(site(place))
    with pytest.raises(RollbackFailed):
        plan_upgrade(place.backend, "dep")
    assert not plan_upgrade(place.backend, "top")  # it needs the new dep
    apply.apply_plan(place.backend, plan_install(place.backend, "other"))
    with_other = place.digest()
    assert outcomes(place) == [Outcome.INCOMPLETE, Outcome.COMMITTED]
    move_away(foreign, tmp_path)
    assert place.recover() == 0
    assert outcomes(place) == [Outcome.ROLLED_BACK, Outcome.COMMITTED]
    assert (site(place) / "other" / "__init__.py").exists()
    assert not (site(place) / "dep-2.0.dist-info").exists()
    assert with_other != place.digest()


def test_completed_rollback_keeps_later_changes_of_other_paths(
    place: Place, tmp_path: Path
) -> None:
    """The rollback was complete for top, which was upgraded alone since."""
    alone = release("top", "3.0")
    assert run_and_kill(lambda: CHANGES["upgrade"](place.backend), "INSTALLED:before")
    foreign = add_to_new_metadata(site(place))
    assert place.publish is not None
    place.publish(alone)
    apply.apply_plan(place.backend, plan_upgrade(place.backend, "top", version="3.0"))
    move_away(foreign, tmp_path)
    assert place.recover() == 0
    assert outcomes(place) == [Outcome.ROLLED_BACK, Outcome.COMMITTED]
    assert "3.0" in (site(place) / "top" / "__init__.py").read_text()
    assert (site(place) / "top-3.0.dist-info" / "RECORD").exists()
    assert not (site(place) / "top-1.0.dist-info").exists()


def test_bytecode_and_caches_in_new_folders_are_removed(place: Place) -> None:
    before = place.digest()
    assert run_and_kill(lambda: CHANGES["upgrade"](place.backend), "INSTALLED:before")
    for folder in (site(place) / "top" / "only_2", site(place) / "dep" / "only_2" / "empty"):
        write(folder / "__pycache__" / "compiled.nbi")
    assert place.recover() == 0
    assert place.digest() == before
    assert not (site(place) / "top" / "only_2").exists()


def test_package_that_is_installed_twice_after_the_change_is_not_committed(place: Place) -> None:
    foreign: list[Path] = []
    with pytest.raises(RollbackFailed) as caught:
        upgrade_then(place, lambda: foreign.extend(install_another_version(site(place))))
    assert {*caught.value.paths} == {str(path) for path in foreign}
    assert outcomes(place) == [Outcome.INCOMPLETE]


def test_left_file_of_the_old_version_is_not_committed(place: Place) -> None:
    before, left = place.digest(), site(place) / "top" / "only_1" / "data.txt"
    content = left.read_text()
    with pytest.raises(VerificationFailed, match=r"only_1/data\.txt is left of another version"):
        upgrade_then(place, lambda: write(left, content))
    assert outcomes(place) == [Outcome.ROLLED_BACK]
    assert place.digest() == before


def test_undo_restores_a_record_that_was_rewritten(place: Place) -> None:
    before = tree.rows(place.prefix)
    CHANGES["upgrade"](place.backend)
    assert not (site(place) / "dep-2.0.dist-info" / "REQUESTED").exists()
    CHANGES["undo"](place.backend)
    assert tree.rows(place.prefix) == before


# --- the folder of pkgwidgets is deleted


def test_change_is_complete_although_the_folder_was_deleted(place: Place) -> None:
    data = place.prefix / ".pkgwidgets"
    upgrade_then(place, lambda: shutil.rmtree(data))
    (done,) = place.backend.journal.transactions()
    assert done.outcome is Outcome.COMMITTED
    assert "could not be rolled back. It is complete: top 1.0 → 2.0" in str(done.error)
    assert not plan_undo(place.backend).from_save_point
    assert not place.is_open


def test_incomplete_change_says_that_its_folder_was_deleted(place: Place) -> None:
    """The command of the error makes the environment whole."""
    missing = site(place) / "dep" / "only_2" / "data.txt"

    def meddle() -> None:
        shutil.rmtree(place.prefix / ".pkgwidgets")
        missing.unlink()

    with pytest.raises(SavedFilesLost) as caught:
        upgrade_then(place, meddle)
    error = caught.value
    assert "was deleted during the change. So it could not be rolled back" in str(error)
    assert "dep/only_2/data.txt cannot be read" in str(error)
    assert "unchanged" not in str(error)
    (entry,) = place.backend.journal.transactions()
    assert (entry.outcome, entry.error) == (Outcome.INCOMPLETE, error.sentence())
    program, *argv = shlex.split(error.command)
    assert program == "uv"
    done = subprocess.run(
        [uv.find_uv_bin(), *argv], env={**os.environ, "UV_DEFAULT_INDEX": place.url}, check=False
    )
    assert done.returncode == 0
    assert missing.exists()
    apply.apply_plan(place.backend, plan_upgrade(place.backend))


def test_folder_that_is_deleted_before_anything_changed_is_no_harm(place: Place) -> None:
    before, backend = place.digest(), place.backend
    stage = backend.installer.stage

    class Deleting(InstallerThen):
        def stage(self, plan: Plan, folder: Path, report: Report) -> None:
            stage(plan, folder, report)
            shutil.rmtree(place.prefix / ".pkgwidgets")

    installer: Any = Deleting(backend, lambda: None)
    with pytest.raises(DiskFailed, match="The environment is unchanged") as caught:
        apply.apply_plan(replace(backend, installer=installer), plan_upgrade(backend, "top"))
    assert "rolled back" not in str(caught.value)
    assert place.digest() == before


# --- a read-only file system


def test_recovery_on_a_read_only_file_system_says_what_is_still_to_be_done(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = place.digest()
    assert run_and_kill(lambda: CHANGES["upgrade"](place.backend), "INSTALLED:before")

    def refuse(name: str, path: str | Path) -> None:
        if name != "sha256":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(fail_points, "watch", refuse)
    with pytest.raises(DiskFailed, match="read-only file system") as caught:
        recovery.recover_if_needed(place.backend)
    assert "An interrupted change is not rolled back yet." in caught.value.hint
    shown = hint_text(caught.value, Face.CLI)
    assert shown.endswith("Fix this problem, then run `pkgwidgets recover`.")
    monkeypatch.setattr(fail_points, "watch", None)
    assert recovery.recover_if_needed(place.backend) != ()
    assert place.digest() == before


@pytest.mark.parametrize("step", ["sync_path", "link", "write"])
def test_disk_error_of_a_change_that_was_rolled_back_says_so(
    place: Place, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    before, plan = place.digest(), plan_upgrade(place.backend, "top")
    is_first = True

    def refuse(name: str, path: str | Path) -> None:
        nonlocal is_first
        if is_first and name == step and "/txn/" in str(path):
            is_first = step == "link"  # a refused link is copied: then there is no error
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(fail_points, "watch", refuse)
    if step == "link":
        apply.apply_plan(place.backend, plan)
        return
    with pytest.raises(DiskFailed) as caught:
        apply.apply_plan(place.backend, plan)
    text = "The environment is unchanged. Fix this problem, then try again."
    assert caught.value.hint == text
    assert place.digest() == before
