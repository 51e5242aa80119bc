"""Killed at any moment, and again while it recovers: it is the old environment or the new one."""

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
from faults.plot import Plot, killed

from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import apply

pytestmark = pytest.mark.usefixtures("without_sync")

RECORDS = (
    "PLAN", "STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED", "VERIFIED", "COMMIT",
)  # fmt: skip
MOMENTS = ("before", "written", "synced")
BACK = [f"{record}:{moment}" for record in ("RB_BEGIN", "ROLLED_BACK") for moment in MOMENTS]


def ended(plot: Plot) -> str:
    """Recover, and again, which changes nothing; return the digest."""
    assert plot.recover() == 0
    digest = plot.digest()
    assert plot.leftovers() == []
    assert plot.recover() == 0
    assert plot.digest() == digest
    return digest


@pytest.mark.parametrize("record", RECORDS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_at_a_journal_record_leaves_the_old_or_the_new_environment(
    tmp_path: Path, trees: tuple[str, str], record: str, moment: str
) -> None:
    plot = Plot.planted(tmp_path / "env")
    assert killed(plot.upgrade, f"{record}:{moment}")
    committed = record == "COMMIT" and moment != "before"
    assert ended(plot) == trees[committed]
    assert ("COMMIT" in plot.last_steps()) == committed
    plot.upgrade() if not committed else None
    assert plot.digest() == trees[1]


@pytest.mark.slow
def test_kill_at_any_file_operation_leaves_old_or_new_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    plot = Plot.planted(tmp_path / "env")
    for number in count(1):
        plot = Plot.planted(tmp_path / "env")
        if not killed(plot.upgrade, f"operation#{number}"):
            break
        assert ended(plot) == trees["COMMIT" in plot.last_steps()], number
    assert number > 100
    assert plot.digest() == trees[1]


@pytest.fixture
def half_done(tmp_path: Path) -> Callable[[], Plot]:
    """Return what gives the same environment again: killed in the middle of its installation."""
    plot, kept = Plot.planted(tmp_path / "env"), tmp_path / "kept"
    assert killed(plot.upgrade, "INSTALLED:before")
    shutil.copytree(plot.prefix, kept, symlinks=True)

    def again() -> Plot:
        shutil.rmtree(plot.prefix)
        shutil.copytree(kept, plot.prefix, symlinks=True)
        return plot

    return again


@pytest.mark.slow
def test_kill_at_any_operation_of_recovery_still_rolls_back(
    half_done: Callable[[], Plot], trees: tuple[str, str]
) -> None:
    for number in count(1):
        plot = half_done()
        if not killed(plot.recover, f"operation#{number}"):
            break
        assert ended(plot) == trees[0], number
    assert number > 30


@pytest.mark.parametrize("first", BACK)
@pytest.mark.parametrize(
    "thirds", [BACK[:1], pytest.param(BACK[1:], marks=pytest.mark.slow)], ids=["one", "the rest"]
)
def test_three_kills_at_records_during_recovery_still_roll_back(
    half_done: Callable[[], Plot], trees: tuple[str, str], first: str, thirds: list[str]
) -> None:
    for second, third in product(BACK, thirds):
        plot = half_done()
        deaths = [killed(plot.recover, point) for point in (first, second, third)]
        assert deaths[0]
        assert ended(plot) == trees[0], (first, second, third)


def test_three_kills_at_random_during_recovery_still_roll_back(
    half_done: Callable[[], Plot], trees: tuple[str, str]
) -> None:
    chance = random.Random(3)
    for _ in range(10):
        plot = half_done()
        numbers = [chance.randint(1, 40) for _ in range(3)]
        deaths = [killed(plot.recover, f"operation#{number}") for number in numbers]
        assert any(deaths)
        assert ended(plot) == trees[0], numbers


class Vandal:
    """An engine that leaves the files that it may touch in any state, and may die at it."""

    def __init__(self, plot: Plot, seed: int) -> None:
        self._chance = random.Random(seed)
        self._inner = plot.installer
        self._plot = plot

    def stage(self, plan: Plan, folder: Path, report: Report) -> None:
        self._inner.stage(plan, folder, report)

    def install(self, plan: Plan, report: Report) -> None:
        if self._chance.random() < 0.5:
            self._inner.install(plan, report)
        touched = sorted(self._plot.backend.records.touched_paths(plan, None))
        lib = self._plot.prefix / "lib"
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
            return  # nobody writes modules in place: they are linked, not copied
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


def vandalised(plot: Plot, seed: int) -> None:
    """Upgrade with the vandal, and die at a random operation if not before."""
    plan = plot.plan()
    backend = plot.backend
    apply.apply_plan(replace(backend, installer=Vandal(plot, seed)), plan)  # type: ignore[arg-type]


def _random_kills(folder: Path, trees: tuple[str, str], seeds: range) -> None:
    for seed in seeds:
        plot = Plot.planted(folder / "env")
        chance = random.Random(seed)
        killed(partial(vandalised, plot, seed), f"operation#{chance.randint(60, 220)}")
        committed = "COMMIT" in plot.last_steps()
        assert ended(plot) == trees[committed], seed


@pytest.mark.slow
def test_random_kills_of_a_vandal_installer_leave_old_or_new_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    _random_kills(tmp_path, trees, range(200))
