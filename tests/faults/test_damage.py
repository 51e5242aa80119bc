"""Damaged recovery data never causes a wrong commit or a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faults.tiny_environment import TinyEnvironment, run_and_kill

from pkgwidgets.backends.store import manifest
from pkgwidgets.backends.store.savepoint import FolderSavePoint
from pkgwidgets.core.differences import Difference
from pkgwidgets.core.error_json import error_from_json
from pkgwidgets.core.errors import RollbackFailed
from pkgwidgets.core.plan_json import plan_from_text
from pkgwidgets.operations import recovery

pytestmark = pytest.mark.usefixtures("without_sync")


@pytest.fixture
def interrupted(tmp_path: Path) -> TinyEnvironment:
    """An environment whose transaction was killed after the installation."""
    env = TinyEnvironment.create(tmp_path / "env")
    assert run_and_kill(env.upgrade, "VERIFIED:synced")
    return env


def transaction_folder(env: TinyEnvironment) -> Path:
    return env.journal.folder(env.journal.ids()[-1])


class ResettableEnvironment:
    """A crashed environment that can be reset to its first state."""

    def __init__(self, env: TinyEnvironment) -> None:
        self._kept = env.prefix.with_name("kept")
        self.env = env
        shutil.copytree(env.prefix, self._kept, symlinks=True)

    def reset(self) -> TinyEnvironment:
        shutil.rmtree(self.env.prefix)
        shutil.copytree(self._kept, self.env.prefix, symlinks=True)
        return self.env


STRIDES = pytest.mark.parametrize(
    "stride", [pytest.param(1, marks=pytest.mark.slow), 19], ids=["byte", "one in 19"]
)


def _check_damaged_journals(
    env: TinyEnvironment, damaged: Callable[[bytes, int], bytes], old: str, stride: int
) -> None:
    crashed = ResettableEnvironment(env)
    full = (transaction_folder(env) / "journal").read_bytes()
    for number in range(0, len(full), stride):
        env = crashed.reset()
        (transaction_folder(env) / "journal").write_bytes(damaged(full, number))
        (shown,) = env.journal.transactions() or (None,)
        assert shown is None or shown.outcome.value in ("started", "broken"), number
        assert env.recover() == 0, number
        assert env.digest() == old, number
        assert "COMMIT" not in env.last_steps(), number
        assert env.leftovers() == [], number
        assert len(env.journal.transactions()) == 1


@STRIDES
def test_interrupted_change_with_a_truncated_journal_is_rolled_back(
    interrupted: TinyEnvironment, trees: tuple[str, str], stride: int
) -> None:
    _check_damaged_journals(interrupted, lambda full, length: full[:length], trees[0], stride)


def _flipped(full: bytes, position: int) -> bytes:
    damaged = bytearray(full)
    damaged[position] ^= 0x01 if position % 2 else 0x80
    return bytes(damaged)


@STRIDES
def test_interrupted_change_with_a_flipped_journal_byte_is_rolled_back(
    interrupted: TinyEnvironment, trees: tuple[str, str], stride: int
) -> None:
    _check_damaged_journals(interrupted, _flipped, trees[0], stride)


@STRIDES
def test_committed_journal_with_a_flipped_byte_agrees_with_the_environment(
    tmp_path: Path, trees: tuple[str, str], stride: int
) -> None:
    """After a kill right after COMMIT, the journal and the environment agree."""
    env = TinyEnvironment.create(tmp_path / "env")
    assert run_and_kill(env.upgrade, "COMMIT:synced")
    crashed = ResettableEnvironment(env)
    full = (transaction_folder(env) / "journal").read_bytes()
    for position in range(0, len(full), stride):
        env = crashed.reset()
        (transaction_folder(env) / "journal").write_bytes(_flipped(full, position))
        assert env.recover() == 0, position
        (shown,) = env.journal.transactions()
        assert env.digest() == trees[shown.outcome.value == "committed"], position


def test_interrupted_change_with_a_garbage_journal_is_rolled_back(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    crashed = ResettableEnvironment(interrupted)
    for text in (b"", b"\n", b"\n" * 99, b"[" * 100_000, b"\0" * 4096, b"{}\n", b"null\n", b"\xff"):
        env = crashed.reset()
        (transaction_folder(env) / "journal").write_bytes(text)
        assert env.recover() == 0
        assert env.digest() == trees[0]


def test_damaged_object_is_named_and_not_restored(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    crashed = ResettableEnvironment(interrupted)
    rows = json.loads((transaction_folder(interrupted) / "manifest.json").read_bytes())["rows"]
    files = [row for row in rows if row["type"] == "file"]
    changed = 0
    for row in files:
        env = crashed.reset()
        saved_copy, live = (
            transaction_folder(env) / "objects" / row["object"],
            env.prefix / row["path"],
        )
        content = bytearray(saved_copy.read_bytes())
        if not content:
            continue
        content[len(content) // 2] ^= 0x10
        saved_copy.unlink()
        saved_copy.write_bytes(content)
        content_before = live.read_bytes() if live.exists() else None
        was_correct = content_before is not None and matches_row(live, row)
        exit_code = env.recover()
        if was_correct:  # a correct file needs no copy
            assert (exit_code, env.digest()) == (0, trees[0])
            continue
        changed += 1
        assert exit_code == 1
        (failed,) = env.journal.transactions()
        assert f": {live}: its saved copy is damaged." in str(failed.error)
        assert (live.read_bytes() if live.exists() else None) == content_before
        others = [other for other in files if other is not row]
        assert all(matches_row(env.prefix / other["path"], other) for other in others)
        assert len(list((transaction_folder(env) / "objects").iterdir())) == len(files)
        content[len(content) // 2] ^= 0x10
        saved_copy.write_bytes(content)
        assert env.recover() == 0
        assert env.digest() == trees[0]
    assert changed >= 4


def matches_row(path: Path, row: dict[str, object]) -> bool:
    """Return whether a path is the file that a manifest row describes."""
    return manifest.matches(path, row)


def test_missing_objects_are_named(interrupted: TinyEnvironment) -> None:
    shutil.rmtree(transaction_folder(interrupted) / "objects")
    with pytest.raises(RollbackFailed) as caught, interrupted.environment.locked("recovery"):
        recovery.recover(interrupted.backend)
    named = {difference.partition(": ")[0] for difference in caught.value.differences}
    assert str(interrupted.prefix / "lib/pea/gone.py") in named
    assert str(interrupted.prefix / "lib/pea.pth") in named
    assert str(interrupted.prefix / "lib/pea/fresh.py") not in named


def test_history_shows_some_of_many_failed_paths_and_keeps_all(
    interrupted: TinyEnvironment,
) -> None:
    class Lost(FolderSavePoint):
        def roll_back(self, only: Collection[str] = ()) -> tuple[Difference, ...]:
            return tuple(
                Difference(f"/lib/{number}.py", "it is gone") for number in range(100, 125)
            )

    lost = Lost(transaction_folder(interrupted), interrupted.prefix)
    with pytest.raises(RollbackFailed) as caught, interrupted.environment.locked("recovery"):
        recovery.recover(replace(interrupted.backend, save_point=lambda transaction_id: lost))
    differences = caught.value.differences
    assert len(differences) == 25
    (shown,) = interrupted.journal.transactions()
    assert f"{differences[19]}; and 5 more." in str(shown.error)
    assert differences[20] not in str(shown.error)
    again = error_from_json(json.loads(str(shown.failure)))
    assert again.facts == caught.value.facts


def test_flipped_manifest_byte_prevents_rollback_until_it_is_repaired(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    crashed = ResettableEnvironment(interrupted)
    full = (transaction_folder(interrupted) / "manifest.json").read_bytes()
    new, env = interrupted.digest(), interrupted
    for position in range(0, len(full), 23):
        env = crashed.reset()
        (transaction_folder(env) / "manifest.json").write_bytes(_flipped(full, position))
        assert env.recover() == 1, position
        assert env.digest() == new, position
        (shown,) = env.journal.transactions()
        assert f"{transaction_folder(env) / 'manifest.json'}: it is damaged." in str(shown.error)
    (transaction_folder(env) / "manifest.json").write_bytes(full)
    assert env.recover() == 0
    assert env.digest() == trees[0]


def test_recovery_works_without_a_readable_plan(
    interrupted: TinyEnvironment, trees: tuple[str, str]
) -> None:
    (transaction_folder(interrupted) / "plan.json").write_bytes(b"\xff")
    assert interrupted.recover() == 0
    assert interrupted.digest() == trees[0]
    (shown,) = interrupted.journal.transactions()
    assert shown.outcome.value == "rolled back"
    assert shown.error == "it was interrupted; its plan cannot be read"


def test_plan_with_a_flipped_byte_causes_no_exception(interrupted: TinyEnvironment) -> None:
    full = (transaction_folder(interrupted) / "plan.json").read_bytes()
    plans = {plan_from_text(full.decode()).changes}
    refused = 0
    for position in range(len(full)):
        (transaction_folder(interrupted) / "plan.json").write_bytes(_flipped(full, position))
        (shown,) = interrupted.journal.transactions()
        refused += shown.changes == ()
        plans.add(shown.changes)
    assert refused > len(full) // 2


def test_open_mark_of_a_finished_transaction_causes_no_rollback(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    env.upgrade()
    (env.place / "open").write_text(env.journal.ids()[-1])
    assert env.recover() == 0
    assert (env.digest(), env.leftovers()) == (trees[1], [])
    (env.place / "open").write_text("20200101T000000000000-abcdef")
    assert env.recover() == 0
    assert (env.digest(), env.leftovers()) == (trees[1], [])


def test_recovery_reads_nothing_without_the_open_mark(
    interrupted: TinyEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    (interrupted.place / "open").unlink()
    looked: list[str] = []

    def look(path: Path) -> Iterator[Path]:
        looked.append(str(path))
        return iter(())

    monkeypatch.setattr(Path, "iterdir", look)
    assert recovery.recover_if_needed(interrupted.backend) == ()
    assert looked == []
