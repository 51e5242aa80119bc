"""The recovery archive of a transaction needs only a Python interpreter."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from faults.tiny_environment import TinyEnvironment, run_and_kill

import pkgwidgets
from pkgwidgets.backends.store import journal_file
from pkgwidgets.backends.store.lock import hold_lock
from pkgwidgets.connect import RECOVERY_FILES, recovery_archive
from pkgwidgets.core.errors import RollbackFailed
from pkgwidgets.operations import recovery

PACKAGE = Path(pkgwidgets.__file__).parent


def recovery_modules() -> list[str]:
    """Return the modules in the archive: whole folders and single files."""
    modules = []
    for name in RECOVERY_FILES:
        paths = PACKAGE.glob(f"{name}*.py" if name.endswith("/") else name)
        modules += [path for path in paths if path.name != "__init__.py"]
    return sorted(path.relative_to(PACKAGE).as_posix() for path in modules)


@pytest.fixture
def interrupted(tmp_path: Path) -> TinyEnvironment:
    """An environment whose transaction was killed after the installation."""
    env = TinyEnvironment.create(tmp_path / "env")
    assert run_and_kill(env.upgrade, "INSTALLED:synced")
    return env


def archive_path(env: TinyEnvironment) -> Path:
    return env.journal.folder(env.journal.ids()[-1]) / "recover.pyz"


def run(tool: Path, **variables: str) -> tuple[int, str]:
    """Run the archive as the hint says; return its exit code and its line of output."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tool)],
        cwd=tool.anchor,
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == ""
    (output,) = done.stdout.splitlines()
    return done.returncode, output


def test_archive_removes_what_killed_processes_tried(interrupted: TinyEnvironment) -> None:
    """A process that is killed while it tries whether it may write leaves a folder."""
    prefix = archive_path(interrupted).parents[3]
    running = f".pkgwidgets-trial-{os.getppid()}-1"
    site_packages = prefix / "lib" / "python3.11" / "site-packages"
    folders = (prefix, prefix / "bin", site_packages)
    for folder in folders:
        (folder / f".pkgwidgets-trial-{2**22 + 1}-0a1b").mkdir(parents=True)
    (prefix / running).mkdir()
    code, _ = run(archive_path(interrupted))
    assert code == 0
    left = [path.name for folder in folders for path in folder.glob(".pkgwidgets-trial-*")]
    assert left == [running]


def imported_modules(module: str) -> set[str]:
    """Return the full names that a module imports at run time."""
    names = set()
    tree = ast.parse((PACKAGE / module).read_text("utf-8"))
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = ["pkgwidgets", *Path(module).parent.parts]
            base = package[: len(package) + 1 - node.level] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            names |= {f"{name}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("module", recovery_modules())
def test_archive_modules_import_only_the_standard_library(module: str) -> None:
    known = {
        f"pkgwidgets.{name.removesuffix('.py').replace('/', '.')}" for name in recovery_modules()
    }
    for name in imported_modules(module):
        ours = any(name == prefix or name.startswith(f"{prefix}.") for prefix in known)
        assert ours or name.partition(".")[0] in sys.stdlib_module_names, name


def test_archive_contains_the_same_code_as_the_package() -> None:
    with zipfile.ZipFile(BytesIO(recovery_archive())) as file:
        names = [name for name in file.namelist() if not name.endswith("__init__.py")]
        assert sorted(names) == sorted(
            ["__main__.py", *(f"pkgwidgets/{module}" for module in recovery_modules())]
        )
        for module in recovery_modules():
            assert file.read(f"pkgwidgets/{module}") == (PACKAGE / module).read_bytes()


def test_archive_rolls_back_an_interrupted_change(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    assert interrupted.digest() == trees[1]
    transaction_id = interrupted.journal.ids()[-1]
    tool = archive_path(interrupted)
    message = (
        f"The interrupted change {transaction_id} was rolled back. The environment is unchanged."
    )
    assert run(tool) == (0, message)
    assert (interrupted.digest(), interrupted.leftovers()) == (trees[0], [])
    assert interrupted.journal.transactions()[0].error == "it was interrupted"


def test_archive_works_after_the_environment_was_moved(
    interrupted: TinyEnvironment, trees: tuple[str, str], tmp_path: Path
) -> None:
    interrupted.prefix.rename(tmp_path / "moved")
    renamed = TinyEnvironment(tmp_path / "moved")
    code, _ = run(archive_path(renamed))
    assert (code, renamed.digest()) == (0, trees[0])
    assert not interrupted.prefix.exists()


def test_archive_reports_if_there_is_nothing_to_recover(
    interrupted: TinyEnvironment, trees: tuple[str, str], tmp_path: Path
) -> None:
    tool = archive_path(interrupted)
    kept = shutil.copy(tool, tmp_path)
    assert run(tool)[0] == 0
    shutil.copy(kept, tool)
    assert run(tool) == (0, "There was nothing to recover.")
    assert interrupted.digest() == trees[0]


def test_archive_keeps_a_committed_transaction(tmp_path: Path, trees: tuple[str, str]) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    assert run_and_kill(env.upgrade, "COMMIT:synced")
    transaction_id = env.journal.ids()[-1]
    message = f"The interrupted change {transaction_id} was already complete. It is kept."
    assert run(archive_path(env)) == (0, message)
    assert (env.digest(), env.leftovers()) == (trees[1], [])


def test_archive_ends_a_transaction_that_changed_nothing(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    assert run_and_kill(env.upgrade, "LOCKED:synced")
    transaction_id = env.journal.ids()[-1]
    message = (
        f"The interrupted change {transaction_id} had not changed any file. "
        "The environment is unchanged."
    )
    assert run(archive_path(env)) == (0, message)
    assert (env.digest(), env.last_steps()[-1]) == (trees[0], "ABORTED")


def test_archive_names_paths_that_cannot_be_rolled_back(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    kept = archive_path(interrupted).with_name("objects")
    shutil.move(kept, interrupted.prefix.with_name("elsewhere"))
    code, output = run(archive_path(interrupted))
    assert code == 1
    assert f"{interrupted.prefix / 'lib/pea/gone.py'}: no such file or directory" in output
    assert f"python -I -S {archive_path(interrupted)}" in output
    with pytest.raises(RollbackFailed), interrupted.environment.locked("recovery"):
        recovery.recover(interrupted.backend)
    shutil.move(interrupted.prefix.with_name("elsewhere"), kept)
    assert run(archive_path(interrupted))[0] == 0
    assert interrupted.digest() == trees[0]


def test_archive_refuses_while_the_environment_is_locked(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    with hold_lock(interrupted.place, "uv"):
        code, output = run(archive_path(interrupted))
    assert (code, interrupted.digest()) == (1, trees[1])
    assert output.startswith("The environment is being changed by uv (process ")
    assert run(archive_path(interrupted))[0] == 0
    assert interrupted.digest() == trees[0]


def test_archive_can_be_killed_and_run_again(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    tool = archive_path(interrupted)
    for point in ("RB_BEGIN:written", "operation#12", "ROLLED_BACK:before"):
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(tool)], env={"PKGWIDGETS_FAIL": point}, check=False
        )
        assert done.returncode == -9
    assert run(tool)[0] == 0
    assert (interrupted.digest(), interrupted.leftovers()) == (trees[0], [])


def test_transaction_of_another_format_is_recovered_by_its_archive(
    interrupted: TinyEnvironment, trees: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the running code stands for the old version: it knows only a later format."""
    monkeypatch.setattr(journal_file, "FORMAT", 2)
    transaction_id = interrupted.journal.ids()[-1]
    with interrupted.environment.locked("recovery"):
        assert recovery.recover(interrupted.backend) == (transaction_id,)
    assert (interrupted.digest(), interrupted.leftovers()) == (trees[0], [])


def test_archive_reports_an_unknown_journal_format(
    interrupted: TinyEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = interrupted.journal.ids()[-1]
    with monkeypatch.context() as newer:
        newer.setattr(journal_file, "FORMAT", 2)
        interrupted.journal.record(transaction_id, "SYNCED")
    before = interrupted.digest()
    code, output = run(archive_path(interrupted))
    assert (code, interrupted.digest()) == (1, before)
    assert "Another version of pkgwidgets began the change" in output
    with (
        pytest.raises(RollbackFailed, match="Another version"),
        interrupted.environment.locked("x"),
    ):
        recovery.recover(interrupted.backend)


def test_archive_is_synced_before_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    synced: list[str] = []
    monkeypatch.setattr(os, "sync", lambda: None)

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)

    monkeypatch.setattr(os, "fsync", sync)
    transaction_id = env.journal.start(env.plan()).id
    assert synced.index("recover.pyz.new") < synced.index("journal")
    assert zipfile.is_zipfile(env.journal.folder(transaction_id) / "recover.pyz")
