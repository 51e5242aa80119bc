"""What was kept for recovery is itself damaged: never a wrong commit, never a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faults.plot import Plot, killed

from pkgwidgets.backends.store import manifest
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.errors import RollbackFailed
from pkgwidgets.core.plan_json import plan_from_text
from pkgwidgets.operations import recovery

pytestmark = pytest.mark.usefixtures("without_sync")


@pytest.fixture
def half_done(tmp_path: Path) -> Plot:
    """An environment in which a transaction was killed when all was installed."""
    plot = Plot.planted(tmp_path / "env")
    assert killed(plot.upgrade, "VERIFIED:synced")
    return plot


def folder_of(plot: Plot) -> Path:
    return plot.journal.folder(plot.journal.ids()[-1])


class Again:
    """The same crashed environment as often as it is wanted."""

    def __init__(self, plot: Plot) -> None:
        self._kept = plot.prefix.with_name("kept")
        self.plot = plot
        shutil.copytree(plot.prefix, self._kept, symlinks=True)

    def fresh(self) -> Plot:
        shutil.rmtree(self.plot.prefix)
        shutil.copytree(self._kept, self.plot.prefix, symlinks=True)
        return self.plot


EVERY = pytest.mark.parametrize(
    "every", [pytest.param(1, marks=pytest.mark.slow), 19], ids=["byte", "one in 19"]
)


def _every_journal(
    plot: Plot, damaged: Callable[[bytes, int], bytes], old: str, every: int
) -> None:
    again = Again(plot)
    whole = (folder_of(plot) / "journal").read_bytes()
    for number in range(0, len(whole), every):
        plot = again.fresh()
        (folder_of(plot) / "journal").write_bytes(damaged(whole, number))
        (shown,) = plot.journal.transactions() or (None,)
        assert shown is None or shown.outcome.value in ("started", "broken"), number
        assert plot.recover() == 0, number
        assert plot.digest() == old, number
        assert "COMMIT" not in plot.last_steps(), number
        assert plot.leftovers() == [], number
        assert len(plot.journal.transactions()) == 1


@EVERY
def test_interrupted_change_with_a_truncated_journal_is_rolled_back(
    half_done: Plot, trees: tuple[str, str], every: int
) -> None:
    _every_journal(half_done, lambda whole, length: whole[:length], trees[0], every)


def _flipped(whole: bytes, position: int) -> bytes:
    damaged = bytearray(whole)
    damaged[position] ^= 0x01 if position % 2 else 0x80
    return bytes(damaged)


@EVERY
def test_interrupted_change_with_a_flipped_journal_byte_is_rolled_back(
    half_done: Plot, trees: tuple[str, str], every: int
) -> None:
    _every_journal(half_done, _flipped, trees[0], every)


@EVERY
def test_committed_journal_with_a_flipped_byte_agrees_with_the_environment(
    tmp_path: Path, trees: tuple[str, str], every: int
) -> None:
    """Killed right after COMMIT: what it says then is what there is, whichever it is."""
    plot = Plot.planted(tmp_path / "env")
    assert killed(plot.upgrade, "COMMIT:synced")
    again = Again(plot)
    whole = (folder_of(plot) / "journal").read_bytes()
    for position in range(0, len(whole), every):
        plot = again.fresh()
        (folder_of(plot) / "journal").write_bytes(_flipped(whole, position))
        assert plot.recover() == 0, position
        (shown,) = plot.journal.transactions()
        assert plot.digest() == trees[shown.outcome.value == "committed"], position


def test_interrupted_change_with_a_garbage_journal_is_rolled_back(
    half_done: Plot, trees: tuple[str, str]
) -> None:
    again = Again(half_done)
    for text in (b"", b"\n", b"\n" * 99, b"[" * 100_000, b"\0" * 4096, b"{}\n", b"null\n", b"\xff"):
        plot = again.fresh()
        (folder_of(plot) / "journal").write_bytes(text)
        assert plot.recover() == 0
        assert plot.digest() == trees[0]


def test_damaged_object_is_named_and_not_restored(half_done: Plot, trees: tuple[str, str]) -> None:
    again = Again(half_done)
    rows = json.loads((folder_of(half_done) / "manifest.json").read_bytes())["rows"]
    files = [row for row in rows if row["type"] == "file"]
    changed = 0
    for row in files:
        plot = again.fresh()
        kept, live = folder_of(plot) / "objects" / row["object"], plot.prefix / row["path"]
        content = bytearray(kept.read_bytes())
        if not content:
            continue
        content[len(content) // 2] ^= 0x10
        kept.unlink()
        kept.write_bytes(content)
        as_it_was = live.read_bytes() if live.exists() else None
        was_right = as_it_was is not None and row_is(live, row)
        before = plot.recover()
        if was_right:  # what is right needs no copy
            assert (before, plot.digest()) == (0, trees[0])
            continue
        changed += 1
        assert before == 1
        (failed,) = plot.journal.transactions()
        assert f": {live}: its saved copy is damaged." in str(failed.error)
        assert (live.read_bytes() if live.exists() else None) == as_it_was
        others = [other for other in files if other is not row]
        assert all(row_is(plot.prefix / other["path"], other) for other in others)
        assert len(list((folder_of(plot) / "objects").iterdir())) == len(files)
        content[len(content) // 2] ^= 0x10
        kept.write_bytes(content)
        assert plot.recover() == 0
        assert plot.digest() == trees[0]
    assert changed >= 4


def row_is(path: Path, row: dict[str, object]) -> bool:
    """Tell whether a path is the file that a row of the manifest describes."""
    return manifest.matches(path, row)


def test_missing_objects_are_named(half_done: Plot) -> None:
    shutil.rmtree(folder_of(half_done) / "objects")
    with pytest.raises(RollbackFailed) as caught, half_done.environment.locked("recovery"):
        recovery.recover(half_done.backend)
    named = {difference.partition(": ")[0] for difference in caught.value.differences}
    assert str(half_done.prefix / "lib/pea/gone.py") in named
    assert str(half_done.prefix / "lib/pea.pth") in named
    assert str(half_done.prefix / "lib/pea/fresh.py") not in named


def test_history_shows_some_of_many_failed_paths_and_keeps_all(
    half_done: Plot,
) -> None:
    class Lost(FolderSavePoint):
        def restore(self) -> tuple[str, ...]:
            return tuple(f"/lib/{number}.py: it is gone" for number in range(100, 125))

    lost = Lost(folder_of(half_done), half_done.prefix)
    with pytest.raises(RollbackFailed) as caught, half_done.environment.locked("recovery"):
        recovery.recover(replace(half_done.backend, save_point=lambda transaction_id: lost))
    differences = caught.value.differences
    assert len(differences) == 25
    (shown,) = half_done.journal.transactions()
    assert f"{differences[19]}; and 5 more." in str(shown.error)
    assert differences[20] not in str(shown.error)
    again = error_from_json(json.loads(str(shown.failure)))
    assert again.facts == caught.value.facts


def test_flipped_manifest_byte_prevents_rollback_until_it_is_repaired(
    half_done: Plot, trees: tuple[str, str]
) -> None:
    again = Again(half_done)
    whole = (folder_of(half_done) / "manifest.json").read_bytes()
    new, plot = half_done.digest(), half_done
    for position in range(0, len(whole), 23):
        plot = again.fresh()
        (folder_of(plot) / "manifest.json").write_bytes(_flipped(whole, position))
        assert plot.recover() == 1, position
        assert plot.digest() == new, position
        (shown,) = plot.journal.transactions()
        assert f"{folder_of(plot) / 'manifest.json'}: it is damaged." in str(shown.error)
    (folder_of(plot) / "manifest.json").write_bytes(whole)
    assert plot.recover() == 0
    assert plot.digest() == trees[0]


def test_recovery_works_without_a_readable_plan(half_done: Plot, trees: tuple[str, str]) -> None:
    (folder_of(half_done) / "plan.json").write_bytes(b"\xff")
    assert half_done.recover() == 0
    assert half_done.digest() == trees[0]
    (shown,) = half_done.journal.transactions()
    assert shown.outcome.value == "rolled back"
    assert shown.error == "it was cut off; its plan cannot be read"


def test_plan_with_a_flipped_byte_causes_no_exception(half_done: Plot) -> None:
    whole = (folder_of(half_done) / "plan.json").read_bytes()
    plans = {plan_from_text(whole.decode()).changes}
    refused = 0
    for position in range(len(whole)):
        (folder_of(half_done) / "plan.json").write_bytes(_flipped(whole, position))
        (shown,) = half_done.journal.transactions()
        refused += shown.changes == ()
        plans.add(shown.changes)
    assert refused > len(whole) // 2


def test_open_mark_of_a_finished_transaction_causes_no_rollback(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    plot = Plot.planted(tmp_path / "env")
    plot.upgrade()
    (plot.place / "open").write_text(plot.journal.ids()[-1])
    assert plot.recover() == 0
    assert (plot.digest(), plot.leftovers()) == (trees[1], [])
    (plot.place / "open").write_text("20200101T000000000000-abcdef")
    assert plot.recover() == 0
    assert (plot.digest(), plot.leftovers()) == (trees[1], [])


def test_recovery_reads_nothing_without_the_open_mark(
    half_done: Plot, monkeypatch: pytest.MonkeyPatch
) -> None:
    (half_done.place / "open").unlink()
    looked: list[str] = []

    def look(path: Path) -> Iterator[Path]:
        looked.append(str(path))
        return iter(())

    monkeypatch.setattr(Path, "iterdir", look)
    assert recovery.recover_if_needed(half_done.backend) == ()
    assert looked == []
