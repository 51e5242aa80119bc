"""Cancellation while the old files are saved: nothing was changed, so nothing is rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from faults.tiny_environment import TinyEnvironment, undisturbed_digests

from pkgwidgets.backends.store import filesystem
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES
from pkgwidgets.operations import apply

pytestmark = pytest.mark.usefixtures("without_sync")

MANY = 500


def cancel_at_save(number: int) -> Callable[[Event], None]:
    """Return a report that cancels at its n-th event of the saving stage."""
    times = count(1)

    def report(event: Event) -> None:
        if event.stage is Stage.SAVING and next(times) == number:
            raise Cancelled("")

    return report


def with_small_ticks(env: TinyEnvironment) -> Backend:
    """Return a backend whose save points report progress after every second file."""

    def save_point(transaction_id: str) -> FolderSavePoint:
        return FolderSavePoint(env.journal.folder(transaction_id), env.prefix, files_per_tick=2)

    return replace(env.backend, save_point=save_point)


def test_cancellation_during_saving_leaves_the_environment_unchanged(tmp_path: Path) -> None:
    old, new = undisturbed_digests(tmp_path)
    env = TinyEnvironment.create(tmp_path / "env")
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        plan = env.plan()
        try:
            apply.apply_plan(with_small_ticks(env), plan, cancel_at_save(number))
        except Cancelled:
            assert env.digest() == old
            assert "INTENT" not in env.last_steps()
            assert env.last_steps()[-1] in ("ABORTED", "ROLLED_BACK")
            assert env.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES
            assert env.leftovers() == []
            assert list(env.place.glob("txn/*/objects")) == []
        else:
            break
    assert number > 6
    assert env.digest() == new


@pytest.fixture
def many_files(tmp_path: Path) -> list[Path]:
    (tmp_path / "lib").mkdir()
    paths = [tmp_path / "lib" / f"{number}.py" for number in range(MANY)]
    for path in paths:
        path.write_text(path.name)
    return paths


def test_save_reports_progress_regularly(tmp_path: Path, many_files: list[Path]) -> None:
    reports: list[None] = []
    save_point = FolderSavePoint(tmp_path / ".pkgwidgets" / "txn" / "1", tmp_path)
    save_point.save(many_files, lambda: reports.append(None))
    assert len(reports) >= MANY // 32
    assert save_point.is_intact()


def test_cancellation_stops_slow_hashing_early(
    tmp_path: Path, many_files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashing all files would take 5 s, which is too long after a cancellation."""
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
        save_point.save(many_files, cancel)
    assert len(hashed) < MANY // 2
    assert not save_point.is_intact()
