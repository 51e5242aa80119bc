"""A journal says what was written to it, whatever became of the file since."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import FakeJournal, change_of, plan_of

from pkgwidgets.backends.journal import FolderJournal
from pkgwidgets.core.interfaces import Journal
from pkgwidgets.core.model import Outcome

PLAN = plan_of(change_of("pea", "1.0", "2.0"), change_of("pod", None, "1.0", hashes=("00",)))
STEPS = ("STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED", "VERIFIED", "COMMIT")


@pytest.fixture(params=[FakeJournal, FolderJournal])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    made: Callable[[Path], Journal] = request.param
    return made(tmp_path / "place")


@pytest.fixture
def folder(tmp_path: Path) -> FolderJournal:
    return FolderJournal(tmp_path / "place")


def test_nothing_was_ever_done(journal: Journal) -> None:
    assert list(journal.transactions()) == []


def test_a_started_transaction_is_under_way(journal: Journal) -> None:
    begun = journal.start(PLAN)
    (found,) = journal.transactions()
    assert (found.id, found.plan.id, found.changes) == (begun.id, PLAN.id, PLAN.changes)
    assert (found.outcome, found.finished, found.error) == (Outcome.STARTED, None, None)
    assert journal.steps(begun.id) == ("PLAN",)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        ("COMMIT", Outcome.COMMITTED),
        ("ROLLED_BACK", Outcome.ROLLED_BACK),
        ("ABORTED", Outcome.ROLLED_BACK),
        ("RB_INCOMPLETE", Outcome.BROKEN),
    ],
)
def test_a_final_record_ends_it(journal: Journal, end: str, outcome: Outcome) -> None:
    id = journal.start(PLAN).id
    journal.record(id, "INTENT")
    journal.record(id, end, error="the reason, with ü and\na line", paths=3, nothing=None)
    (found,) = journal.transactions()
    assert (found.outcome, found.error) == (outcome, "the reason, with ü and\na line")
    assert found.finished is not None
    assert found.finished >= found.started
    assert journal.steps(id) == ("PLAN", "INTENT", end)


def test_the_last_final_record_counts(journal: Journal) -> None:
    id = journal.start(PLAN).id
    journal.record(id, "RB_INCOMPLETE", error="one path")
    journal.record(id, "ROLLED_BACK", error="later")
    (found,) = journal.transactions()
    assert (found.outcome, found.error) == (Outcome.ROLLED_BACK, "later")


def test_transactions_are_in_the_order_of_their_start(journal: Journal) -> None:
    ids = [journal.start(PLAN).id for _ in range(10)]
    assert [each.id for each in journal.transactions()] == ids
    assert len(set(map(journal.folder, ids))) == 10


def test_another_session_reads_the_same(folder: FolderJournal, tmp_path: Path) -> None:
    id = folder.start(PLAN).id
    for step in STEPS:
        folder.record(id, step)
    again = FolderJournal(tmp_path / "place")
    assert again.steps(id) == ("PLAN", *STEPS)
    assert again.transactions() == folder.transactions()
    assert (again.folder(id).stat().st_mode & 0o777) == 0o700


def written(folder: FolderJournal) -> tuple[Path, bytes]:
    """Return the file of a committed transaction, and what it holds."""
    id = folder.start(PLAN).id
    for step in STEPS:
        folder.record(id, step)
    file = folder.folder(id) / "journal"
    return file, file.read_bytes()


def test_truncated_anywhere_it_is_read_up_to_there(folder: FolderJournal) -> None:
    file, whole = written(folder)
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        lines = whole[:length].count(b"\n")
        assert folder.steps(file.parent.name) == ("PLAN", *STEPS)[:lines]
        outcomes = [each.outcome for each in folder.transactions()]
        assert outcomes == [Outcome.STARTED][:lines]


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_flipped_anywhere_it_says_nothing_that_was_not_written(
    folder: FolderJournal, flip: int
) -> None:
    file, whole = written(folder)
    uncommitted = whole[: whole.rindex(b"\n", 0, -1) + 1]
    for position in range(len(uncommitted)):
        damaged = bytearray(uncommitted)
        damaged[position] ^= flip
        file.write_bytes(damaged)
        steps = folder.steps(file.parent.name)
        assert steps == ("PLAN", *STEPS)[: len(steps)]
        assert Outcome.COMMITTED not in [each.outcome for each in folder.transactions()]


def test_what_another_transaction_wrote_is_not_believed(folder: FolderJournal) -> None:
    file, whole = written(folder)
    other = folder.folder(folder.start(PLAN).id) / "journal"
    mine = other.read_bytes()
    other.write_bytes(mine + whole[whole.rindex(b"\n", 0, -1) + 1 :])
    assert folder.steps(other.parent.name) == ("PLAN",)
    assert folder.steps(file.parent.name) == ("PLAN", *STEPS)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"id": 1}', b"[" * 9])
def test_a_plan_that_cannot_be_read_is_no_transaction(folder: FolderJournal, text: bytes) -> None:
    good, bad = folder.start(PLAN).id, folder.start(PLAN).id
    (folder.folder(bad) / "plan.json").write_bytes(text)
    assert [each.id for each in folder.transactions()] == [good]


def test_foreign_files_among_the_transactions_are_ignored(folder: FolderJournal) -> None:
    id = folder.start(PLAN).id
    (folder.folder(id).parent / "README").write_text("not ours")
    (folder.folder(id).parent / "empty").mkdir()
    assert [each.id for each in folder.transactions()] == [id]


def test_a_record_is_durable_when_it_returns(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = folder.start(PLAN).id
    file = folder.folder(id) / "journal"
    synced: list[tuple[Path, bytes]] = []

    def sync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), file.read_bytes()))

    monkeypatch.setattr(os, "fsync", sync)
    folder.record(id, "INTENT")
    assert synced == [(file, file.read_bytes())]
    assert b'"INTENT"' in synced[0][1]


def test_a_torn_line_does_not_swallow_what_comes_after(folder: FolderJournal) -> None:
    id = folder.start(PLAN).id
    folder.record(id, "INTENT")
    with (folder.folder(id) / "journal").open("ab") as file:
        file.write(b'{"v": 1, "n": 2, "t": "INST')
    folder.record(id, "ROLLED_BACK", error="it was cut off")
    assert folder.steps(id) == ("PLAN", "INTENT", "ROLLED_BACK")
    (found,) = folder.transactions()
    assert found.outcome is Outcome.ROLLED_BACK
