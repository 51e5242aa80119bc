"""Cancelled while the old files are saved: nothing was changed, and nothing has to be put back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from faults.plot import Plot, states

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.operations import apply

pytestmark = pytest.mark.usefixtures("without_sync")

MANY = 500


def at_saving(number: int) -> Callable[[Event], None]:
    """Return a report that cancels at the so-manieth time that it hears of saving."""
    times = count(1)

    def report(event: Event) -> None:
        if event.stage is Stage.SAVING and next(times) == number:
            raise Cancelled("")

    return report


def in_small_steps(plot: Plot) -> Backend:
    """Return a backend whose save points tick after every second file."""

    def save_point(transaction_id: str) -> FolderSavePoint:
        return FolderSavePoint(plot.journal.folder(transaction_id), plot.prefix, files_per_tick=2)

    return replace(plot.backend, save_point=save_point)


def test_cancellation_during_saving_leaves_the_environment_unchanged(tmp_path: Path) -> None:
    old, new = states(tmp_path)
    plot = Plot.planted(tmp_path / "env")
    for number in count(1):
        plot = Plot.planted(tmp_path / "env")
        plan = plot.plan()
        try:
            apply.apply_plan(in_small_steps(plot), plan, at_saving(number))
        except Cancelled:
            assert plot.digest() == old
            assert "INTENT" not in plot.last_steps()
            assert plot.last_steps()[-1] in ("ABORTED", "ROLLED_BACK")
            assert plot.journal.transactions()[-1].outcome is Outcome.ROLLED_BACK
            assert plot.leftovers() == []
            assert list(plot.place.glob("txn/*/objects")) == []
        else:
            break
    assert number > 6
    assert plot.digest() == new


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    (tmp_path / "lib").mkdir()
    paths = [tmp_path / "lib" / f"{number}.py" for number in range(MANY)]
    for path in paths:
        path.write_text(path.name)
    return paths


def test_save_reports_progress_regularly(tmp_path: Path, many: list[Path]) -> None:
    reports: list[None] = []
    save_point = FolderSavePoint(tmp_path / ".pkgwidgets" / "txn" / "1", tmp_path)
    save_point.save(many, lambda: reports.append(None))
    assert len(reports) >= 2 * MANY // 32
    assert save_point.is_intact()


def test_cancellation_stops_slow_hashing_early(
    tmp_path: Path, many: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundredth of a second for each of so many is more than anybody waits who cancels."""
    hashed: list[None] = []

    def slowly(path: Path | str) -> str:
        time.sleep(0.01)
        hashed.append(None)
        return ""

    monkeypatch.setattr(filesystem, "sha256", slowly)
    save_point = FolderSavePoint(tmp_path / ".pkgwidgets" / "txn" / "1", tmp_path)

    def cancel() -> None:
        if hashed:
            raise Cancelled("")

    with pytest.raises(Cancelled):
        save_point.save(many, cancel)
    assert len(hashed) < MANY // 2
    assert not save_point.is_intact()
