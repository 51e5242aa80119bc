"""A forked process, such as a worker of `multiprocessing`, keeps no lock of pkgwidgets.

An installer inherits the lock on purpose.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from faults.tiny_environment import TinyEnvironment, fork

from pkgwidgets.backends.processes import temp_dirs
from pkgwidgets.backends.store import forks
from pkgwidgets.backends.store.lock import hold_lock, lock_holder
from pkgwidgets.core.errors import EnvironmentBusy
from pkgwidgets.core.interfaces import Recoverable
from pkgwidgets.operations import recovery


def forked_worker() -> int:
    """Fork a process that lives until it is killed; wait until it runs."""
    reader, writer = os.pipe()
    child = fork()
    if child == 0:
        os.write(writer, b"!")
        signal.alarm(60)
        while True:
            signal.pause()
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    return child


@contextmanager
def killed_in_the_end(workers: list[int]) -> Iterator[None]:
    try:
        yield
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
            os.waitpid(worker, 0)


def test_fork_during_a_look_at_the_lock_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold_lock(tmp_path, "the first"):
        pass
    flock, workers = fcntl.flock, list[int]()

    def flock_and_fork(descriptor: int, operation: int) -> None:
        flock(descriptor, operation)
        if operation & fcntl.LOCK_SH and not workers:
            workers.append(forked_worker())

    with killed_in_the_end(workers):
        monkeypatch.setattr(fcntl, "flock", flock_and_fork)
        assert lock_holder(tmp_path) is None
        assert workers
        with hold_lock(tmp_path, "the second"):
            pass


def test_fork_during_a_change_keeps_nothing(tmp_path: Path) -> None:
    workers = list[int]()
    with killed_in_the_end(workers):
        with hold_lock(tmp_path, "the first"):
            workers.append(forked_worker())
            assert "the first" in (lock_holder(tmp_path) or "")
        assert lock_holder(tmp_path) is None
        with hold_lock(tmp_path, "the second"):
            pass


def test_fork_during_a_recovery_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = TinyEnvironment.create(tmp_path / "env")
    workers, recover = list[int](), recovery.recover_each
    env.journal.start(env.plan())

    def fork_and_recover(backend: Recoverable) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        workers.append(forked_worker())
        return recover(backend)

    monkeypatch.setattr(recovery, "recover_each", fork_and_recover)
    with killed_in_the_end(workers):
        recovery.recover_if_needed(env.backend)
        assert workers
        with hold_lock(env.place, "the next"):
            pass


def test_forked_process_that_leaves_the_block_releases_nothing(tmp_path: Path) -> None:
    parent = os.getpid()
    with hold_lock(tmp_path, "the parent"):
        child = fork()
        if child != 0:
            assert os.waitpid(child, 0)[1] == 0
            assert (lock_holder(tmp_path) or "").startswith("the parent")
    if os.getpid() != parent:
        os._exit(0)


@pytest.mark.parametrize("hook", [None, lambda: None], ids=["plain", "with a hook"])
def test_installer_inherits_the_lock(tmp_path: Path, hook: object) -> None:
    """The hook makes Python run in the forked process, which closes the lock's own descriptor."""
    with hold_lock(tmp_path, "the parent") as descriptor, forks.inheritable(descriptor) as kept:
        child = subprocess.Popen(["sleep", "60"], pass_fds=kept, preexec_fn=hook)  # type: ignore[call-overload]
    try:
        with pytest.raises(EnvironmentBusy), hold_lock(tmp_path, "the next"):
            pass
    finally:
        child.kill()
        child.wait()
    with hold_lock(tmp_path, "the next"):
        pass


def test_fork_does_not_keep_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    workers = list[int]()
    with killed_in_the_end(workers):
        with temp_dirs.temporary_folder("pkgwidgets-test-") as folder:
            workers.append(forked_worker())
            left = tmp_path / "pkgwidgets-test-left"
            folder.rename(left)  # as a killed process leaves it
        with temp_dirs.temporary_folder("pkgwidgets-test-"):
            assert not left.exists()


def test_no_descriptor_of_a_lock_is_open_in_a_forked_process(tmp_path: Path) -> None:
    with hold_lock(tmp_path, "the parent") as descriptor:
        child = fork()
        if child == 0:
            try:
                os.fstat(descriptor)
            except OSError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
