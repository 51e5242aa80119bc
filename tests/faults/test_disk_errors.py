"""Any single failed disk call leaves the old environment, or an error that names the rest."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from faults.tiny_environment import TinyEnvironment, installer_is_writing

from pkgwidgets.backends.store import fail_points
from pkgwidgets.core.errors import DiskFailed, InstallFailed, PkgwidgetsError, RollbackFailed
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import recovery

pytestmark = pytest.mark.usefixtures("without_sync")

NEEDS_SPACE = ("opened", "write", "allocate", "make_folder", "link", "link_to", "copy")

slow = pytest.mark.slow
CODES = pytest.mark.parametrize(
    "code",
    [
        errno.ENOSPC,
        *(
            pytest.param(getattr(errno, c), marks=slow)
            for c in ("EIO", "EACCES", "EMFILE", "EDQUOT")
        ),
    ],
    ids=lambda code: errno.errorcode[code],
)


@contextmanager
def refuse_calls(
    should_fail: Callable[[str, int], bool], code: int, names: tuple[str, ...] = ()
) -> Iterator[list[str]]:
    """Fail the chosen operations of pkgwidgets, of all that run or of those with some names.

    Yields the names of the operations that failed.
    """
    failed_calls: list[str] = []
    numbers = count(1)

    def watch(name: str, path: str | Path) -> None:
        is_chosen = name in names or not names
        if is_chosen and not installer_is_writing() and should_fail(name, next(numbers)):
            failed_calls.append(name)
            raise OSError(code, os.strerror(code), str(path))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fail_points, "watch", watch)
        yield failed_calls


def is_call_number(number: int, name: str, at: int) -> bool:
    return at == number


def upgrade_error(env: TinyEnvironment) -> PkgwidgetsError | None:
    """Upgrade and return the raised `PkgwidgetsError`, if any; other errors fail the test."""
    try:
        env.upgrade()
    except PkgwidgetsError as error:
        return error
    return None


def check_promise(
    env: TinyEnvironment, error: PkgwidgetsError | None, trees: tuple[str, str]
) -> None:
    """Check that the environment is as the error (or none) promises, and after recovery, too."""
    if not isinstance(error, RollbackFailed):
        assert env.digest() == trees[error is None]
    assert env.recover() == 0
    assert env.digest() == trees["COMMIT" in env.last_steps()]
    assert env.leftovers() == []


@pytest.mark.slow
@CODES
def test_any_single_disk_error_leaves_a_known_state(
    tmp_path: Path, trees: tuple[str, str], code: int
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        with refuse_calls(partial(is_call_number, number), code) as failed_calls:
            error = upgrade_error(env)
        if not failed_calls:
            break
        if isinstance(error, DiskFailed):
            assert error.reason == os.strerror(code).lower(), failed_calls
            assert error.path.startswith(str(env.prefix)), failed_calls
        else:
            # After a refused link the file is copied; a file with another hash is restored.
            assert error is None, (failed_calls, error)
        check_promise(env, error, trees)
    assert number > 60
    assert env.digest() == trees[1]


@pytest.mark.slow
@CODES
def test_any_single_disk_error_during_rollback_leaves_a_known_state(
    tmp_path: Path, trees: tuple[str, str], code: int
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        install = env.installer.install

        def fail(plan: Plan, report: Report, install: Any = install) -> None:
            install(plan, report)
            raise InstallFailed("", ("fake",), 2, "it failed at its end")

        env.installer.install = fail  # type: ignore[method-assign]
        calls: list[int] = []

        def chosen(
            name: str,
            at: int,
            calls: list[int] = calls,
            number: int = number,
            env: TinyEnvironment = env,
        ) -> bool:
            if "INTENT" in env.last_steps():
                calls.append(at)
            return len(calls) == number

        with refuse_calls(chosen, code) as failed_calls:
            error = upgrade_error(env)
        if not failed_calls:
            break
        assert isinstance(error, InstallFailed | RollbackFailed | DiskFailed), failed_calls
        check_promise(env, error, trees)
        assert env.digest() == trees[0]
    assert number > 30
    assert env.digest() == trees[0]


def test_full_disk_at_any_call_is_rolled_back(tmp_path: Path, trees: tuple[str, str]) -> None:
    """The only free space is the reserve, once it is released."""
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        reserved: list[Path] = []

        def is_full(
            name: str,
            at: int,
            env: TinyEnvironment = env,
            number: int = number,
            seen: Any = reserved,
        ) -> bool:
            there = list(env.place.glob("txn/*/reserve"))
            seen += there
            freed = bool(seen) and not there
            return at >= number and not freed

        with refuse_calls(is_full, errno.ENOSPC, NEEDS_SPACE) as failed_calls:
            error = upgrade_error(env)
        if not failed_calls:
            break
        assert isinstance(error, DiskFailed), (failed_calls, error)
        assert env.digest() == trees[0], failed_calls
        if env.last_steps():
            assert env.last_steps()[-1] in ("ABORTED", "ROLLED_BACK"), failed_calls
        assert env.leftovers() == []
    assert number > 20


def test_failed_sync_ends_the_transaction(tmp_path: Path, trees: tuple[str, str]) -> None:
    for number in count(1):
        env = TinyEnvironment.create(tmp_path / "env")
        with refuse_calls(
            partial(is_call_number, number), errno.EIO, ("sync", "sync_path")
        ) as failed_calls:
            error = upgrade_error(env)
        if not failed_calls:
            break
        committed = "COMMIT" in env.last_steps()
        assert isinstance(error, DiskFailed) != committed, failed_calls
        check_promise(env, error, trees)
    assert number > 25


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EBADF])
def test_disk_without_locks_raises_disk_failed(
    tmp_path: Path, trees: tuple[str, str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    error = upgrade_error(env)
    assert isinstance(error, DiskFailed)
    assert "it cannot be locked" in str(error)
    assert (env.digest(), env.journal.ids()) == (trees[0], [])


def test_no_change_is_made_before_a_failed_rollback_is_completed(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    with refuse_calls(lambda name, at: "INSTALLED" in env.last_steps(), errno.EACCES):
        error = upgrade_error(env)
    assert isinstance(error, RollbackFailed)
    with refuse_calls(lambda name, at: name in ("replace", "link", "copy"), errno.EACCES):
        for _ in range(2):
            again = upgrade_error(env)
            assert isinstance(again, RollbackFailed)
            assert "permission denied" in str(again)
    assert len(env.journal.ids()) == 1
    with env.environment.locked("recovery"):
        assert recovery.recover(env.backend) == tuple(env.journal.ids())
    assert env.digest() == trees[0]
    assert upgrade_error(env) is None


@pytest.mark.parametrize(("after", "raised"), [("INSTALLED", True), ("COMMIT", False)])
def test_unreadable_journal_raises_only_before_commit(
    tmp_path: Path, trees: tuple[str, str], after: str, raised: bool
) -> None:
    """An interrupted change is not reported as rolled back, a committed one not as failed."""
    env = TinyEnvironment.create(tmp_path / "env")
    record, read = env.journal.record, Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "journal":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return read(path)

    with pytest.MonkeyPatch.context() as patch:

        def recorded(transaction: str, step: str, **facts: str | int | None) -> None:
            record(transaction, step, **facts)
            if step == after:
                patch.setattr(Path, "read_bytes", refuse)

        patch.setattr(env.journal, "record", recorded)
        error = upgrade_error(env)
    if raised:
        assert isinstance(error, RollbackFailed)
        assert "journal: too many open files" in str(error)
    else:
        assert error is None
    assert env.recover() == 0
    assert (env.digest(), env.leftovers()) == (trees[not raised], [])
