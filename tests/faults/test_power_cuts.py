"""The power fails at any moment, and what was not synced is lost: it is the old one or the new."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from faults.plot import Plot, states
from faults.powercut import Trace, crashes, traced

from pkgwidgets.core.errors import PkgwidgetsError
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The digests of the old and the new environment."""
    return states(tmp_path_factory.mktemp("trees"))


EVERY = pytest.mark.parametrize(
    "every", [pytest.param(1, marks=pytest.mark.slow), 29], ids=["all", "one in 29"]
)


def recovered_from_all(
    trace: Trace, folder: Path, every: int, check: Callable[[Plot, int, str], None]
) -> int:
    """Recover each disk that the power cut may have left, or one of so many; count all.

    In any case those that it may have left right after a record was said to be durable.
    """
    seen: set[object] = set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        for count, lost, image in crashes(trace):
            is_record = count in trace.markers.values()
            if (key := (image.key, is_record)) in seen:
                continue
            seen.add(key)
            if len(seen) % every and not is_record:
                continue
            prefix = folder / "crashed"
            shutil.rmtree(prefix, ignore_errors=True)
            image.materialise(trace.prefix, prefix)
            plot = Plot(prefix)
            assert plot.recover() == 0, (count, lost)
            assert plot.leftovers() == [], (count, lost)
            check(plot, count, lost)
    return len(seen)


@EVERY
def test_power_cut_during_upgrade_leaves_the_old_or_the_new_environment(
    tmp_path: Path, trees: tuple[str, str], every: int
) -> None:
    plot = Plot.planted(tmp_path / "env")
    record = plot.journal.record

    def marked(transaction: str, step: str, **facts: str | int | None) -> None:
        record(transaction, step, **facts)
        trace.mark(step)

    plot.journal.record = marked  # type: ignore[method-assign]
    with traced(plot.prefix) as trace:
        plot.upgrade()

    def check(crashed: Plot, count: int, lost: str) -> None:
        committed = "COMMIT" in crashed.last_steps()
        assert crashed.digest() == trees[committed], (count, lost)
        if count >= trace.markers["COMMIT"]:
            assert committed, (count, lost)
        if committed:
            assert count > trace.markers["VERIFIED"]

    assert recovered_from_all(trace, tmp_path, every, check) >= 1200


@EVERY
def test_power_cut_during_rollback_leaves_the_old_environment(
    tmp_path: Path, trees: tuple[str, str], every: int
) -> None:
    plot = Plot.planted(tmp_path / "env")
    install = plot.installer.install

    def failing(plan: Plan, report: Report) -> None:
        install(plan, report)
        raise OSError(5, "Input/output error")

    plot.installer.install = failing  # type: ignore[method-assign]
    with traced(plot.prefix) as trace, suppress(OSError, PkgwidgetsError):
        plot.upgrade()
    assert plot.last_steps()[-1] == "ROLLED_BACK"

    def check(crashed: Plot, count: int, lost: str) -> None:
        assert crashed.digest() == trees[0], (count, lost)

    assert recovered_from_all(trace, tmp_path, every, check) >= 1200


@pytest.mark.slow
def test_second_power_cut_during_recovery_leaves_the_old_environment(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    plot = Plot.planted(tmp_path / "env")
    record = plot.journal.record

    def marked(transaction: str, step: str, **facts: str | int | None) -> None:
        trace.mark(step)
        record(transaction, step, **facts)

    plot.journal.record = marked  # type: ignore[method-assign]
    with traced(plot.prefix) as trace:
        plot.upgrade()
    installed = trace.markers["INSTALLED"]
    for number, lost in enumerate(("nothing", "everything")):
        image = next(i for count, what, i in crashes(trace) if (count, what) == (installed, lost))
        image.materialise(trace.prefix, tmp_path / f"half{number}")
        half = Plot(tmp_path / f"half{number}")
        with traced(half.prefix) as again:
            assert half.recover() == 0

        def check(crashed: Plot, count: int, lost: str) -> None:
            assert crashed.digest() == trees[0], (count, lost)

        assert recovered_from_all(again, tmp_path, 1, check) >= 40
