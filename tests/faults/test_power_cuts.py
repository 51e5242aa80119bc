"""A power cut at any moment loses what was not synced, and leaves the old or the new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from faults.powercut import Trace, crashes, traced
from faults.tiny_environment import TinyEnvironment, undisturbed_digests

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests of the old and the new environment."""
    return undisturbed_digests(tmp_path_factory.mktemp("trees"))


STRIDES = pytest.mark.parametrize(
    "stride", [pytest.param(1, marks=pytest.mark.slow), 29], ids=["all", "one in 29"]
)


def check_all_crashes(
    trace: Trace, folder: Path, stride: int, check: Callable[[TinyEnvironment, int, str], None]
) -> int:
    """Recover every n-th disk that a power cut may leave; return how many there are.

    Disks right after a journal record became durable are always recovered.
    """
    seen: set[object] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        for count, lost, image in crashes(trace):
            is_record = count in trace.markers.values()
            if (key := (image.key, is_record)) in seen:
                continue
            seen.add(key)
            if len(seen) % stride and not is_record:
                continue
            prefix = folder / "crashed"
            shutil.rmtree(prefix, ignore_errors=True)
            image.materialise(trace.prefix, prefix)
            env = TinyEnvironment(prefix)
            assert env.recover() == 0, (count, lost)
            assert env.leftovers() == [], (count, lost)
            check(env, count, lost)
    return len(seen)


@STRIDES
def test_power_cut_during_upgrade_leaves_the_old_or_the_new_environment(
    tmp_path: Path, trees: tuple[str, str], stride: int
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    record = env.journal.record

    def record_and_mark(transaction: str, step: str, **facts: str | int | None) -> None:
        record(transaction, step, **facts)
        trace.mark(step)

    env.journal.record = record_and_mark  # type: ignore[method-assign]
    with traced(env.prefix) as trace:
        env.upgrade()

    def check(crashed: TinyEnvironment, count: int, lost: str) -> None:
        committed = "COMMIT" in crashed.last_steps()
        assert crashed.digest() == trees[committed], (count, lost)
        if count >= trace.markers["COMMIT"]:
            assert committed, (count, lost)
        if committed:
            assert count > trace.markers["VERIFIED"]

    assert check_all_crashes(trace, tmp_path, stride, check) >= 1200


@STRIDES
def test_power_cut_during_rollback_leaves_the_old_environment(
    tmp_path: Path, trees: tuple[str, str], stride: int
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    install = env.installer.install

    def failing(plan: Plan, report: Report) -> None:
        install(plan, report)
        raise OSError(5, "Input/output error")

    env.installer.install = failing  # type: ignore[method-assign]
    with traced(env.prefix) as trace, suppress(OSError, PkgwidgetsError):
        env.upgrade()
    assert env.last_steps()[-1] == "ROLLED_BACK"

    def check(crashed: TinyEnvironment, count: int, lost: str) -> None:
        assert crashed.digest() == trees[0], (count, lost)

    assert check_all_crashes(trace, tmp_path, stride, check) >= 1200


@pytest.mark.slow
def test_second_power_cut_during_recovery_leaves_the_old_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    record = env.journal.record

    def record_and_mark(transaction: str, step: str, **facts: str | int | None) -> None:
        trace.mark(step)
        record(transaction, step, **facts)

    env.journal.record = record_and_mark  # type: ignore[method-assign]
    with traced(env.prefix) as trace:
        env.upgrade()
    installed = trace.markers["INSTALLED"]
    for number, lost in enumerate(("nothing", "everything")):
        image = next(i for count, what, i in crashes(trace) if (count, what) == (installed, lost))
        image.materialise(trace.prefix, tmp_path / f"half{number}")
        half = TinyEnvironment(tmp_path / f"half{number}")
        with traced(half.prefix) as again:
            assert half.recover() == 0

        def check(crashed: TinyEnvironment, count: int, lost: str) -> None:
            assert crashed.digest() == trees[0], (count, lost)

        assert check_all_crashes(again, tmp_path, 1, check) >= 40
