"""The journal returns what was recorded, even if its file was damaged later."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeJournal, change_of, plan_of

from pkgwidgets.backends.history import transaction_cache
from pkgwidgets.backends.history.journal import FolderJournal
from pkgwidgets.backends.store import journal_file
from pkgwidgets.backends.worker import initiator
from pkgwidgets.connect import recovery_archive
from pkgwidgets.core.errors import DiskFailed, RollbackFailed
from pkgwidgets.core.interfaces import Journal
from pkgwidgets.core.transactions import Outcome

PLAN = plan_of(change_of("pea", "1.0", "2.0"), change_of("pod", None, "1.0", hashes=("00",)))
STEPS = ("STAGED", "LOCKED", "SAVED", "INTENT", "INSTALLED", "SYNCED", "VERIFIED", "COMMIT")


def kept_in_a_folder(place: Path) -> FolderJournal:
    return FolderJournal(place, recovery_archive)


@pytest.fixture(params=[FakeJournal, kept_in_a_folder])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    made: Callable[[Path], Journal] = request.param
    return made(tmp_path / "place")


@pytest.fixture
def folder(tmp_path: Path) -> FolderJournal:
    return FolderJournal(tmp_path / "place", recovery_archive)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Yield the paths of the files that are opened."""
    paths: list[str] = []
    is_recording = True

    def record(event: str, arguments: tuple[object, ...]) -> None:
        if is_recording and event == "open":
            paths.append(str(arguments[0]))

    sys.addaudithook(record)
    yield paths
    is_recording = False


def test_history_is_empty_before_the_first_transaction(journal: Journal) -> None:
    assert list(journal.transactions()) == []


def test_started_transaction_has_outcome_started(journal: Journal) -> None:
    begun = journal.start(PLAN)
    (transaction,) = journal.transactions()
    assert (transaction.id, transaction.plan.id, transaction.changes) == (
        begun.id,
        PLAN.id,
        PLAN.changes,
    )
    assert (transaction.outcome, transaction.finished, transaction.error) == (
        Outcome.STARTED,
        None,
        None,
    )
    assert journal.steps(begun.id) == ("PLAN",)


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        ("COMMIT", Outcome.COMMITTED),
        ("ROLLED_BACK", Outcome.ROLLED_BACK),
        ("ABORTED", Outcome.ABORTED),
        ("INCOMPLETE", Outcome.INCOMPLETE),
    ],
)
def test_final_record_sets_the_outcome(journal: Journal, end: str, outcome: Outcome) -> None:
    transaction_id = journal.start(PLAN).id
    journal.record(transaction_id, "INTENT")
    journal.record(
        transaction_id, end, error="the reason, with ü and\na line", paths=3, nothing=None
    )
    (transaction,) = journal.transactions()
    assert (transaction.outcome, transaction.error) == (outcome, "the reason, with ü and\na line")
    assert transaction.finished is not None
    assert transaction.finished >= transaction.started
    assert journal.steps(transaction_id) == ("PLAN", "INTENT", end)


def test_last_final_record_sets_the_outcome(journal: Journal) -> None:
    transaction_id = journal.start(PLAN).id
    journal.record(transaction_id, "INCOMPLETE", error="one path")
    journal.record(transaction_id, "ROLLED_BACK", error="later")
    (transaction,) = journal.transactions()
    assert (transaction.outcome, transaction.error) == (Outcome.ROLLED_BACK, "later")


def test_record_of_an_older_version_is_read(folder: FolderJournal) -> None:
    transaction_id = folder.start(PLAN).id
    folder.record(transaction_id, "RB_INCOMPLETE", error="one path")
    assert folder.steps(transaction_id) == ("PLAN", "INCOMPLETE")
    assert folder.incomplete_paths(transaction_id) == ()
    (transaction,) = folder.transactions()
    assert (transaction.outcome, transaction.error) == (Outcome.INCOMPLETE, "one path")


def test_incomplete_transaction_stays_open_beside_others(journal: Journal) -> None:
    first = journal.start(PLAN).id
    journal.record(first, "INCOMPLETE", paths='["/env/lib/pea.py"]')
    assert journal.incomplete_paths(first) == ("/env/lib/pea.py",)
    second = journal.start(PLAN).id
    assert journal.unfinished() == (first, second)
    journal.record(second, "COMMIT")
    journal.clean_up(second)
    assert journal.unfinished() == (first,)
    assert journal.incomplete_paths(second) == ()
    journal.record(first, "ROLLED_BACK")
    journal.clean_up(first)
    assert journal.unfinished() == ()


def test_transactions_are_listed_in_order_of_start(journal: Journal) -> None:
    ids = [journal.start(PLAN).id for _ in range(10)]
    assert [transaction.id for transaction in journal.transactions()] == ids
    assert len(set(map(journal.folder, ids))) == 10


def test_one_transaction_is_read_as_in_the_list(journal: Journal) -> None:
    assert journal.newest_id() == ""
    ids = [journal.start(PLAN).id for _ in range(3)]
    journal.record(ids[0], "COMMIT")
    for transaction in journal.transactions():
        assert journal.transaction(transaction.id) == transaction
    assert journal.newest_id() == ids[-1]
    assert journal.transaction("19990101T000000000000-abcdef") is None


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../txn", "../../other/.pkgwidgets/txn/x", "0" * 300]
)
def test_name_that_is_no_id_is_no_transaction(folder: FolderJournal, name: str) -> None:
    folder.start(PLAN)
    assert folder.transaction(name) is None


def test_transaction_of_another_environment_is_not_read(
    folder: FolderJournal, tmp_path: Path
) -> None:
    folder.start(PLAN)
    other = FolderJournal(tmp_path / "other", recovery_archive)
    other_id = other.start(PLAN).id
    assert folder.transaction(f"../../other/txn/{other_id}") is None


def test_one_transaction_is_read_without_the_files_of_others(
    folder: FolderJournal, tmp_path: Path, opened: list[str]
) -> None:
    ids = [folder.start(PLAN).id for _ in range(30)]
    folder.record(ids[4], "COMMIT")
    opened.clear()
    assert folder.transaction(ids[4]) is not None
    own = str(folder.folder(ids[4]))
    assert {*opened} == {
        str(tmp_path / "place" / "open"),
        f"{own}/journal",
        f"{own}/manifest.json",
        f"{own}/plan.json",
    }


def test_past_transaction_is_read_again_only_if_its_files_differ(
    folder: FolderJournal, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [folder.start(PLAN).id for _ in range(3)]
    files = [folder.folder(each) / name for each in ids for name in ("journal", "plan.json")]
    for each in ids:
        folder.record(each, "COMMIT")
    first = folder.transactions()
    opened.clear()
    assert folder.transactions() == first
    assert {str(file) for file in files} <= {*opened}  # they are new: a change might leave no trace
    for file in files:
        os.utime(file, (1_000_000_000, 1_000_000_000))  # as a copy keeps times
    opened.clear()
    assert folder.transactions() == first
    assert {str(file) for file in files} <= {*opened}
    with monkeypatch.context() as later:
        later.setattr(transaction_cache, "time_ns", lambda: time.time_ns() + 5 * 10**9)
        assert folder.transactions() == first
        for each in ids:
            folder.clean_up(each)
        assert folder.transactions() == first
        opened.clear()
        assert folder.transactions() == first
        assert not {str(file) for file in files} & {*opened}
    journal = files[2]
    content = journal.read_bytes()
    journal.write_bytes(content[:10] + b"x" + content[11:])
    assert folder.transactions() != first
    journal.write_bytes(content)
    assert folder.transactions() == first


def test_journal_is_read_the_same_in_another_session(folder: FolderJournal, tmp_path: Path) -> None:
    transaction_id = folder.start(PLAN).id
    for step in STEPS:
        folder.record(transaction_id, step)
    again = FolderJournal(tmp_path / "place", recovery_archive)
    assert again.steps(transaction_id) == ("PLAN", *STEPS)
    assert again.transactions() == folder.transactions()
    assert (again.folder(transaction_id).stat().st_mode & 0o777) == 0o700


def written(folder: FolderJournal) -> tuple[Path, bytes]:
    """Return the journal file of a committed transaction, and its content."""
    transaction_id = folder.start(PLAN).id
    for step in STEPS:
        folder.record(transaction_id, step)
    file = folder.folder(transaction_id) / "journal"
    return file, file.read_bytes()


def test_truncated_journal_is_read_up_to_the_cut(folder: FolderJournal) -> None:
    file, whole = written(folder)
    for length in range(len(whole)):
        file.write_bytes(whole[:length])
        lines = whole[:length].count(b"\n")
        assert folder.steps(file.parent.name) == ("PLAN", *STEPS)[:lines]
        outcomes = [transaction.outcome for transaction in folder.transactions()]
        assert outcomes == [Outcome.STARTED][:lines]


@pytest.mark.parametrize("flip", [0x01, 0x20, 0x80, 0xFF])
def test_journal_with_a_flipped_bit_yields_no_invented_step(
    folder: FolderJournal, flip: int
) -> None:
    file, whole = written(folder)
    uncommitted = whole[: whole.rindex(b"\n", 0, -1) + 1]
    for position in range(len(uncommitted)):
        damaged = bytearray(uncommitted)
        damaged[position] ^= flip
        file.write_bytes(damaged)
        steps = folder.steps(file.parent.name)
        written_steps = iter(("PLAN", *STEPS))
        assert all(step in written_steps for step in steps)  # in this order
        assert len(steps) >= len(STEPS) - 2
        assert Outcome.COMMITTED not in [
            transaction.outcome for transaction in folder.transactions()
        ]


def test_record_of_another_transaction_is_ignored(folder: FolderJournal) -> None:
    file, whole = written(folder)
    other = folder.folder(folder.start(PLAN).id) / "journal"
    mine = other.read_bytes()
    other.write_bytes(mine + whole[whole.rindex(b"\n", 0, -1) + 1 :])
    assert folder.steps(other.parent.name) == ("PLAN",)
    assert folder.steps(file.parent.name) == ("PLAN", *STEPS)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b'{"id": 1}', b"[" * 9])
def test_transaction_with_an_unreadable_plan_is_shown_from_its_journal(
    folder: FolderJournal, text: bytes
) -> None:
    transaction_id = folder.start(PLAN).id
    folder.record(transaction_id, "COMMIT")
    (folder.folder(transaction_id) / "plan.json").write_bytes(text)
    (transaction,) = folder.transactions()
    assert (transaction.id, transaction.outcome, transaction.changes) == (
        transaction_id,
        Outcome.COMMITTED,
        (),
    )
    assert transaction.error == "its plan cannot be read"
    folder.record(transaction_id, "ROLLED_BACK", error="it was interrupted")
    (transaction,) = folder.transactions()
    assert (transaction.outcome, transaction.error) == (
        Outcome.ROLLED_BACK,
        "it was interrupted; its plan cannot be read",
    )


@pytest.mark.parametrize("text", [b"", b"garbage", b"{}\n"])
def test_transaction_with_a_damaged_journal_is_shown_as_incomplete(
    folder: FolderJournal, text: bytes
) -> None:
    transaction_id = folder.start(PLAN).id
    folder.record(transaction_id, "COMMIT")
    folder.clean_up(transaction_id)
    (folder.folder(transaction_id) / "journal").write_bytes(text)
    (folder.folder(transaction_id) / "manifest.json").touch()
    (transaction,) = folder.transactions()
    assert (transaction.id, transaction.outcome, transaction.error) == (
        transaction_id,
        Outcome.INCOMPLETE,
        "its journal is damaged",
    )
    assert transaction.changes == PLAN.changes


def test_foreign_files_in_the_transaction_folder_are_ignored(folder: FolderJournal) -> None:
    transaction_id = folder.start(PLAN).id
    (folder.folder(transaction_id).parent / "README").write_text("not ours")
    (folder.folder(transaction_id).parent / "empty").mkdir()
    assert [transaction.id for transaction in folder.transactions()] == [transaction_id]


def test_record_is_synced_before_it_returns(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = folder.start(PLAN).id
    file = folder.folder(transaction_id) / "journal"
    synced: list[tuple[Path, bytes]] = []

    def sync(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").readlink(), file.read_bytes()))

    monkeypatch.setattr(os, "fsync", sync)
    folder.record(transaction_id, "INTENT")
    assert synced == [(file, file.read_bytes())]
    assert b'"INTENT"' in synced[0][1]


def test_torn_line_does_not_hide_later_records(folder: FolderJournal) -> None:
    transaction_id = folder.start(PLAN).id
    folder.record(transaction_id, "INTENT")
    with (folder.folder(transaction_id) / "journal").open("ab") as file:
        file.write(b'{"v": 1, "n": 2, "t": "INST')
    folder.record(transaction_id, "ROLLED_BACK", error="it was interrupted")
    assert folder.steps(transaction_id) == ("PLAN", "INTENT", "ROLLED_BACK")
    (transaction,) = folder.transactions()
    assert transaction.outcome is Outcome.ROLLED_BACK


def test_files_of_a_started_transaction_are_synced(
    folder: FolderJournal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []

    def sync(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", sync)
    place = tmp_path / "place"
    place.mkdir()
    transaction_id = folder.start(PLAN).id
    folders = [tmp_path, place, place / "txn", place / "txn" / transaction_id]
    files = [folder.folder(transaction_id) / name for name in ("journal", "reserve")]
    assert {*folders, *files} <= set(synced)
    # What is written beside and renamed has another name when it is synced.
    names = {path.name for path in synced}
    assert {"open.new", "plan.json.new", "recover.pyz.new"} <= names


def test_transaction_is_unfinished_until_it_is_cleaned_up(journal: Journal) -> None:
    assert journal.unfinished() == ()
    transaction_id = journal.start(PLAN).id
    assert journal.unfinished() == (transaction_id,)
    assert journal.has_records(transaction_id)
    journal.record(transaction_id, "COMMIT")
    journal.clean_up(transaction_id)
    assert journal.unfinished() == ()


def test_clean_up_keeps_the_files_that_history_needs(folder: FolderJournal) -> None:
    transaction_id = folder.start(PLAN).id
    (folder.folder(transaction_id) / "stage" / "lib").mkdir(parents=True)
    (folder.folder(transaction_id) / "stage" / "lib" / "x.py").touch()
    folder.record(transaction_id, "COMMIT")
    folder.clean_up(transaction_id)
    assert sorted(path.name for path in folder.folder(transaction_id).iterdir()) == [
        "journal",
        "plan.json",
    ]


def test_transaction_without_records_leaves_no_files(folder: FolderJournal, tmp_path: Path) -> None:
    transaction_id = folder.start(PLAN).id
    (folder.folder(transaction_id) / "journal").unlink()
    folder.clean_up(transaction_id)
    assert list((tmp_path / "place" / "txn").iterdir()) == []
    assert folder.unfinished() == ()


@pytest.mark.parametrize("name", [b"", b"../../x", b"\xff\xfe", b"a b", b"\0"])
def test_damaged_open_mark_means_the_newest_transaction(
    folder: FolderJournal, tmp_path: Path, name: bytes
) -> None:
    ids = [folder.start(PLAN).id for _ in range(2)]
    (tmp_path / "place" / "open").write_bytes(name)
    assert folder.unfinished() == (ids[-1],)


def test_user_and_process_are_recorded_in_history(tmp_path: Path) -> None:
    journal = FolderJournal(tmp_path / "place", recovery_archive, initiator_kind="kernel")
    transaction_id = journal.start(PLAN).id
    journal.record(transaction_id, "STAGED")
    journal.record(transaction_id, "SAVED", paths=2, bytes=1234)
    journal.record(transaction_id, "COMMIT")
    (transaction,) = FolderJournal(tmp_path / "place", recovery_archive).transactions()
    assert (transaction.user, transaction.process) == (initiator.user(), "kernel")
    assert (transaction.saved_bytes, transaction.downloaded_bytes) == (1234, PLAN.download_size)


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        ("/env/lib/python3.11/site-packages/ipykernel_launcher.py", "kernel"),
        ("/env/bin/jupyter-lab", "server"),
        ("/env/lib/python3.11/site-packages/jupyter_server/__main__.py", "server"),
        ("/env/bin/pkgwidgets", "terminal"),
        ("/env/lib/python3.11/site-packages/pkgwidgets/__main__.py", "terminal"),
        ("/home/me/upgrade.py", "script"),
        ("-c", "script"),
        ("", "script"),
    ],
)
def test_process_kind_is_detected_from_its_program(program: str, kind: str) -> None:
    assert initiator.kind(program) == kind


def test_record_of_another_format_is_detected(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = folder.start(PLAN).id
    assert not folder.is_other_format(transaction_id)
    with monkeypatch.context() as newer:
        newer.setattr(journal_file, "FORMAT", 2)
        folder.record(transaction_id, "INTENT")
    assert folder.is_other_format(transaction_id)


# --- disk errors


def fail_first_calls(
    function: Callable[..., object], code: int, times: int
) -> Callable[..., object]:
    """Fail the first calls with an error code, then call through."""
    failures = iter(range(times))

    def called(*args: object) -> object:
        if next(failures, None) is not None:
            raise OSError(code, os.strerror(code))
        return function(*args)

    return called


def test_commit_that_cannot_be_synced_is_removed_from_the_journal(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = folder.start(PLAN).id
    monkeypatch.setattr(os, "fsync", fail_first_calls(os.fsync, errno.EIO, 1))
    with pytest.raises(DiskFailed, match="journal: input/output error"):
        folder.record(transaction_id, "COMMIT")
    again = FolderJournal(folder.folder(transaction_id).parent.parent, recovery_archive)
    assert (folder.steps(transaction_id), again.steps(transaction_id)) == (("PLAN",), ("PLAN",))
    folder.record(transaction_id, "ROLLED_BACK")
    assert again.steps(transaction_id) == ("PLAN", "ROLLED_BACK")


def test_commit_that_cannot_be_removed_blocks_rollback_until_it_can(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = folder.start(PLAN).id
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail_first_calls(os.fsync, errno.EIO, 1000))
        with pytest.raises(RollbackFailed, match="journal: input/output error") as caught:
            folder.record(transaction_id, "COMMIT")
        assert "python -I -S" in caught.value.hint
        assert folder.steps(transaction_id) == ("PLAN",)
        # Nothing may be rolled back while COMMIT may be on the disk.
        with pytest.raises(RollbackFailed):
            folder.record(transaction_id, "RB_BEGIN")
    folder.record(transaction_id, "RB_BEGIN")
    assert FolderJournal(folder.folder(transaction_id).parent.parent, recovery_archive).steps(
        transaction_id
    ) == (
        "PLAN",
        "RB_BEGIN",
    )


def test_rollback_uses_the_reserved_space_on_a_full_disk(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = folder.start(PLAN).id
    reserve, write = folder.folder(transaction_id) / "reserve", os.write

    def full(descriptor: int, data: bytes) -> int:
        if reserve.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", full)
    folder.record(transaction_id, "RB_BEGIN")
    assert folder.steps(transaction_id) == ("PLAN", "RB_BEGIN")


def test_full_disk_stops_the_transaction(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction_id = folder.start(PLAN).id
    monkeypatch.setattr(os, "write", fail_first_calls(os.write, errno.ENOSPC, 1000))
    with pytest.raises(DiskFailed, match="journal: no space left on device"):
        folder.record(transaction_id, "INTENT")
    assert folder.steps(transaction_id) == ("PLAN",)


def test_reserve_is_written_if_fallocate_is_not_supported(
    folder: FolderJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, offset: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    transaction_id = folder.start(PLAN).id
    assert (folder.folder(transaction_id) / "reserve").stat().st_size == journal_file.RESERVE_BYTES


@pytest.mark.parametrize(
    ("variables", "requester"),
    [
        ({}, None),
        ({"JUPYTERHUB_USER": "ada@hub"}, "ada@hub"),
        ({"JUPYTERHUB_USER": "ada\n\x1b[31m" + "x" * 200}, r"ada \x1b[31m"),
        ({"JUPYTERHUB_USER": "", "SUDO_USER": "bob"}, "bob" if os.geteuid() == 0 else None),
    ],
)
def test_requester_is_the_name_in_jupyterhub_else_the_unix_user(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    requester: str | None,
) -> None:
    for name in ("JUPYTERHUB_USER", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "place").mkdir()
    journal = FolderJournal(tmp_path / "place", recovery_archive)
    started = journal.start(PLAN)
    (read,) = journal.transactions()
    assert started.requested_by == read.requested_by
    assert len(read.requested_by or "") <= 100
    assert (read.requested_by or "").startswith(requester or initiator.user())
    assert read.user == initiator.user()


def test_given_requester_is_recorded_and_an_old_journal_names_the_unix_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_USER", "the-server")
    (tmp_path / "place").mkdir()
    journal = FolderJournal(tmp_path / "place", recovery_archive, "server", "ada")
    transaction = journal.start(PLAN)
    assert transaction.requested_by == "ada"
    assert journal.transactions()[0].requester == "ada"
    assert replace(transaction, requested_by=None).requester == initiator.user()
