"""The disk refuses any single call of ours: it is the old one, or it is said what is not."""

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
from faults.plot import Plot, at_work

from pkgwidgets.backends.store import filesystem
from pkgwidgets.core.errors import DiskFailed, InstallFailed, PkgwidgetsError, RollbackFailed
from pkgwidgets.core.interfaces import Report
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import recovery

pytestmark = pytest.mark.usefixtures("without_sync")

OPERATIONS = (
    "opened", "write", "allocate", "sync", "sync_path", "make_folder", "remove_folder", "remove",
    "replace", "link", "link_to", "copy", "set_mode", "sha256",
)  # fmt: skip
TAKES_ROOM = ("opened", "write", "allocate", "make_folder", "link", "link_to", "copy")

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
def refused(
    is_refused: Callable[[str, int], bool], code: int, names: tuple[str, ...] = OPERATIONS
) -> Iterator[list[str]]:
    """Refuse the calls of ours that are chosen by name and number; yield the names of these."""
    struck: list[str] = []
    numbers = count(1)
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setattr(filesystem, name, _wrapped(name, is_refused, code, numbers, struck))
        yield struck


def _wrapped(
    name: str,
    is_refused: Callable[[str, int], bool],
    code: int,
    numbers: Iterator[int],
    struck: list[str],
) -> Callable[..., Any]:
    function = getattr(filesystem, name)

    def called(*args: Any, **more: Any) -> Any:
        if not at_work() and is_refused(name, next(numbers)):
            struck.append(name)
            path = args[0].path if isinstance(args[0], filesystem.OpenFile) else args[0]
            raise OSError(code, os.strerror(code), str(path))
        return function(*args, **more)

    return called


def is_number(number: int, name: str, at: int) -> bool:
    return at == number


def outcome(plot: Plot) -> PkgwidgetsError | None:
    """Upgrade, and return what was raised; anything but an error of ours is a failed test."""
    try:
        plot.upgrade()
    except PkgwidgetsError as error:
        return error
    return None


def stands(plot: Plot, error: PkgwidgetsError | None, trees: tuple[str, str]) -> None:
    """Check that the promise of an error, or of none, is kept; then that recovery keeps it."""
    if not isinstance(error, RollbackFailed):
        assert plot.digest() == trees[error is None]
    assert plot.recover() == 0
    assert plot.digest() == trees["COMMIT" in plot.last_steps()]
    assert plot.leftovers() == []


@CODES
def test_any_single_disk_error_leaves_a_known_state(
    tmp_path: Path, trees: tuple[str, str], code: int
) -> None:
    plot = Plot.planted(tmp_path / "env")
    for number in count(1):
        plot = Plot.planted(tmp_path / "env")
        with refused(partial(is_number, number), code) as struck:
            error = outcome(plot)
        if not struck:
            break
        if isinstance(error, DiskFailed):
            assert error.reason == os.strerror(code).lower(), struck
            assert error.path.startswith(str(plot.prefix)), struck
        else:
            # A link that is refused is a copy; a hash that differs is a file that is put back.
            assert error is None, (struck, error)
        stands(plot, error, trees)
    assert number > 60
    assert plot.digest() == trees[1]


@CODES
def test_any_single_disk_error_during_rollback_leaves_a_known_state(
    tmp_path: Path, trees: tuple[str, str], code: int
) -> None:
    plot = Plot.planted(tmp_path / "env")
    for number in count(1):
        plot = Plot.planted(tmp_path / "env")
        install = plot.installer.install

        def fail(plan: Plan, report: Report, install: Any = install) -> None:
            install(plan, report)
            raise InstallFailed("", ("fake",), 2, "it failed at its end")

        plot.installer.install = fail  # type: ignore[method-assign]
        begun: list[int] = []

        def chosen(
            name: str, at: int, begun: list[int] = begun, number: int = number, plot: Plot = plot
        ) -> bool:
            if "INTENT" in plot.last_steps():
                begun.append(at)
            return len(begun) == number

        with refused(chosen, code) as struck:
            error = outcome(plot)
        if not struck:
            break
        assert isinstance(error, InstallFailed | RollbackFailed | DiskFailed), struck
        stands(plot, error, trees)
        assert plot.digest() == trees[0]
    assert number > 30
    assert plot.digest() == trees[0]


def test_full_disk_at_any_call_is_rolled_back(tmp_path: Path, trees: tuple[str, str]) -> None:
    """Nothing is free but what was reserved, and that only once it is given back."""
    for number in count(1):
        plot = Plot.planted(tmp_path / "env")
        reserved: list[Path] = []

        def is_full(
            name: str, at: int, plot: Plot = plot, number: int = number, seen: Any = reserved
        ) -> bool:
            there = list(plot.place.glob("txn/*/reserve"))
            seen += there
            freed = bool(seen) and not there
            return at >= number and not freed

        with refused(is_full, errno.ENOSPC, TAKES_ROOM) as struck:
            error = outcome(plot)
        if not struck:
            break
        assert isinstance(error, DiskFailed), (struck, error)
        assert plot.digest() == trees[0], struck
        if plot.last_steps():
            assert plot.last_steps()[-1] in ("ABORTED", "ROLLED_BACK"), struck
        assert plot.leftovers() == []
    assert number > 20


def test_failed_sync_ends_the_transaction(tmp_path: Path, trees: tuple[str, str]) -> None:
    for number in count(1):
        plot = Plot.planted(tmp_path / "env")
        with refused(partial(is_number, number), errno.EIO, ("sync", "sync_path")) as struck:
            error = outcome(plot)
        if not struck:
            break
        committed = "COMMIT" in plot.last_steps()
        assert isinstance(error, DiskFailed) != committed, struck
        stands(plot, error, trees)
    assert number > 25


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EBADF])
def test_disk_without_locks_raises_disk_failed(
    tmp_path: Path, trees: tuple[str, str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    plot = Plot.planted(tmp_path / "env")

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuse)
    error = outcome(plot)
    assert isinstance(error, DiskFailed)
    assert "it cannot be locked" in str(error)
    assert (plot.digest(), plot.journal.ids()) == (trees[0], [])


def test_no_change_is_made_before_a_failed_rollback_is_completed(
    tmp_path: Path, trees: tuple[str, str]
) -> None:
    plot = Plot.planted(tmp_path / "env")
    with refused(lambda name, at: "INSTALLED" in plot.last_steps(), errno.EACCES):
        error = outcome(plot)
    assert isinstance(error, RollbackFailed)
    with refused(lambda name, at: name in ("replace", "link", "copy"), errno.EACCES):
        for _ in range(2):
            again = outcome(plot)
            assert isinstance(again, RollbackFailed)
            assert "permission denied" in str(again)
    assert len(plot.journal.ids()) == 1
    with plot.environment.locked("recovery"):
        assert recovery.recover(plot.backend) == tuple(plot.journal.ids())
    assert plot.digest() == trees[0]
    assert outcome(plot) is None


@pytest.mark.parametrize(("after", "raised"), [("INSTALLED", True), ("COMMIT", False)])
def test_unreadable_journal_raises_only_before_commit(
    tmp_path: Path, trees: tuple[str, str], after: str, raised: bool
) -> None:
    """What is half done is not called old, and what is committed not failed."""
    plot = Plot.planted(tmp_path / "env")
    record, read = plot.journal.record, Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "journal":
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), str(path))
        return read(path)

    with pytest.MonkeyPatch.context() as patch:

        def recorded(transaction: str, step: str, **facts: str | int | None) -> None:
            record(transaction, step, **facts)
            if step == after:
                patch.setattr(Path, "read_bytes", refuse)

        patch.setattr(plot.journal, "record", recorded)
        error = outcome(plot)
    if raised:
        assert isinstance(error, RollbackFailed)
        assert "journal: too many open files" in str(error)
    else:
        assert error is None
    assert plot.recover() == 0
    assert (plot.digest(), plot.leftovers()) == (trees[not raised], [])
