"""A kill at any moment, and again during recovery, leaves the old or the new environment."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import count, product
from pathlib import Path

import pytest
from faults.tiny_environment import TinyEnvironment, run_and_kill

from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply

pytestmark = pytest.mark.usefixtures("without_sync")

RECORDS = (
    "PLAN", "STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED", "VERIFIED", "COMMIT",
)  # fmt: skip
MOMENTS = ("before", "written", "synced")
ROLLBACK_POINTS = [
    f"{record}:{moment}" for record in ("RB_BEGIN", "ROLLED_BACK") for moment in MOMENTS
]


def recover_twice(env: TinyEnvironment) -> str:
    """Recover twice, the second time without a change; return the digest."""
    assert env.recover() == 0
    digest = env.digest()
    assert env.leftovers() == []
    assert env.recover() == 0
    assert env.digest() == digest
    return digest


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_at_a_journal_record_leaves_the_old_or_the_new_environment(
    tmp_path: Path, trees: tuple[str, str], record: str, moment: str
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    assert run_and_kill(env.upgrade, f"{record}:{moment}")
    committed = record == "COMMIT" and moment != "before"
    assert recover_twice(env) == trees[committed]
    assert ("COMMIT" in env.last_steps()) == committed
    env.upgrade() if not committed else None
    assert env.digest() == trees[1]


@pytest.mark.slow
def test_kill_at_any_file_operation_leaves_old_or_new_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        if not run_and_kill(env.upgrade, f"operation#{number}"):
            break
        assert recover_twice(env) == trees["COMMIT" in env.last_steps()], number
    assert number > 100
    assert env.digest() == trees[1]


@pytest.mark.slow
def test_kill_while_a_prepared_plan_is_made_or_applied_leaves_old_or_new_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        if not run_and_kill(env.prepare_and_upgrade, f"operation#{number}"):
            break
        assert recover_twice(env) == trees["COMMIT" in env.last_steps()], number
        # What the killed process prepared is of no use to anyone, and goes with the next change.
        env.prepare_and_upgrade()
        assert env.digest() == trees[1], number
        # One without a lock may be another process's, which is just making it.
        left = [path.name for path in (env.place / "prepared").iterdir()]
        assert [name for name in left if not name.startswith("new-")] == [], number
    assert number > 100
    assert env.digest() == trees[1]


def create_with_a_shared_file(prefix: Path) -> TinyEnvironment:
    """Create an environment in which pod owns a file that the new pea has no more."""
    env = TinyEnvironment.create(prefix)
    files = {"pea/gone.py": "only in the old one\n", "pod.py": ""}
    env.installer.put(BuiltWheel(name="pod", version="1.0", files=files), requested=True)
    return env


@pytest.mark.slow
def test_kill_while_a_shared_file_is_put_back_leaves_old_or_new_environment(tmp_path: Path) -> None:
    env = create_with_a_shared_file(tmp_path / "env")
    old = env.digest()
    env.upgrade()
    new = env.digest()
    assert (env.prefix / "lib/pea/gone.py").read_text() == "only in the old one\n"
    for number in count(1):
        env = create_with_a_shared_file(tmp_path / "env")
        if not run_and_kill(env.upgrade, f"operation#{number}"):
            break
        assert recover_twice(env) == (new if "COMMIT" in env.last_steps() else old), number
    assert number > 100
    assert env.digest() == new


@pytest.fixture
def interrupted(tmp_path: Path) -> Callable[[], TinyEnvironment]:
    """Return a function that resets an environment killed during its installation."""
    env, kept = TinyEnvironment.create(tmp_path / "env"), tmp_path / "kept"
    assert run_and_kill(env.upgrade, "INSTALLED:before")
    shutil.copytree(env.prefix, kept, symlinks=True)

    def again() -> TinyEnvironment:
        shutil.rmtree(env.prefix)
        shutil.copytree(kept, env.prefix, symlinks=True)
        return env

    return again


@pytest.mark.slow
def test_kill_at_any_operation_of_recovery_still_rolls_back(
    interrupted: Callable[[], TinyEnvironment], trees: tuple[str, str]
) -> None:
    for number in count(1):
        env = interrupted()
        if not run_and_kill(env.recover, f"operation#{number}"):
            break
        assert recover_twice(env) == trees[0], number
    assert number > 30


@pytest.mark.slow
@pytest.mark.parametrize("first", ROLLBACK_POINTS)
def test_three_kills_at_records_during_recovery_still_roll_back(
    interrupted: Callable[[], TinyEnvironment],
    trees: tuple[str, str],
    first: str,
) -> None:
    for second, third in product(ROLLBACK_POINTS, repeat=2):
        env = interrupted()
        kills = [run_and_kill(env.recover, point) for point in (first, second, third)]
        assert kills[0]
        assert recover_twice(env) == trees[0], (first, second, third)


@pytest.mark.slow
def test_three_kills_at_random_during_recovery_still_roll_back(
    interrupted: Callable[[], TinyEnvironment], trees: tuple[str, str]
) -> None:
    chance = random.Random(3)
    for _ in range(10):
        env = interrupted()
        numbers = [chance.randint(1, 40) for _ in range(3)]
        kills = [run_and_kill(env.recover, f"operation#{number}") for number in numbers]
        assert any(kills)
        assert recover_twice(env) == trees[0], numbers


class CorruptingInstaller:
    """An installer that leaves its files in any state, and may be killed."""

    def __init__(self, env: TinyEnvironment, seed: int) -> None:
        self._chance = random.Random(seed)
        self._inner = env.installer
        self._env = env

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        self._inner.stage(plan, folder, report)

    def install(self, plan: Plan, report: Report) -> None:
        if self._chance.random() < 0.5:
            self._inner.install(plan, report)
        touched = sorted(self._env.backend.records.touched_paths(plan, None))
        lib = self._env.prefix / "lib"
        touched += [
            lib / "pea/fresh.py",
            lib / "pea/deep/er/module.py",
            lib / "pea-2.0.dist-info/RECORD",
        ]
        for path in touched:
            if self._chance.random() < 0.03:
                os.kill(os.getpid(), signal.SIGKILL)
            self._spoil(path)
        if self._chance.random() < 0.5:
            os.kill(os.getpid(), signal.SIGKILL)

    def _spoil(self, path: Path) -> None:
        how = self._chance.choice(
            ["leave", "missing", "empty", "garbage", "mode", "folder", "link", "in place"]
        )
        if how == "leave" or (how in ("mode", "in place") and not path.is_file()):
            return
        if how == "mode":
            path.chmod(self._chance.choice([0o600, 0o755, 0o444]))
            return
        if how == "in place" and path.suffix != ".pth":
            return  # modules are not written in place: they are linked, not copied
        if how != "in place" and (path.is_file() or path.is_symlink()):
            path.unlink()
        if how in ("empty", "garbage", "in place"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"" if how == "empty" else self._chance.randbytes(99))
        elif how == "folder" and not path.exists():
            path.mkdir(parents=True)
            (path / "inside").write_text("x")
        elif how == "link" and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.symlink_to("nowhere")


def upgrade_with_corruption(env: TinyEnvironment, seed: int) -> None:
    """Upgrade with the corrupting installer."""
    plan = env.plan()
    backend = env.backend
    apply.apply_plan(replace(backend, installer=CorruptingInstaller(env, seed)), plan)  # type: ignore[arg-type]


def _random_kills(folder: Path, trees: tuple[str, str], seeds: range) -> None:
    for seed in seeds:
        env = TinyEnvironment.create(folder / "env")
        chance = random.Random(seed)
        run_and_kill(
            partial(upgrade_with_corruption, env, seed), f"operation#{chance.randint(60, 220)}"
        )
        committed = "COMMIT" in env.last_steps()
        assert recover_twice(env) == trees[committed], seed


@pytest.mark.slow
def test_random_kills_of_a_vandal_installer_leave_old_or_new_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    _random_kills(tmp_path, trees, range(200))
