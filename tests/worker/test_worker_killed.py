"""A kill of the worker at any moment leaves the old environment, or the new one committed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import alive, eventually, held_wheel, holding, worker_processes

from pkgwidgets import PackageService
from pkgwidgets.core.errors import Cancelled, WorkerFailed
from pkgwidgets.core.events import Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_undo, plan_upgrade


def reached(backend: Backend, transaction_id: str, stage: Stage) -> bool:
    applier = backend.worker
    assert applier is not None
    return stage in {event.stage for event in applier.events(transaction_id)[0]}


@pytest.mark.parametrize("staged", [True, False], ids=["checking", "verifying"])
def test_follow_rolls_back_after_the_worker_was_killed(
    garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path, staged: bool
) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=staged))
    prefix = garden.folder / "env"
    before = tree(prefix)
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    eventually(
        lambda: reached(backend, transaction_id, Stage.CHECKING if staged else Stage.VERIFYING)
    )
    os.kill(holding(backend), signal.SIGKILL)
    (tmp_path / "gate").touch()
    with pytest.raises(WorkerFailed, match="it was interrupted") as caught:
        transactions.follow(backend, transaction_id)
    assert caught.value.transaction == transaction_id
    assert tree(prefix) == before
    (transaction,) = backend.journal.transactions()
    outcome = Outcome.ABORTED if staged else Outcome.ROLLED_BACK
    assert (transaction.outcome, transaction.error) == (outcome, "it was interrupted")
    assert (
        transactions.apply_and_follow(backend, plan_upgrade(backend, "frostcall")).outcome
        is Outcome.COMMITTED
    )


def test_new_session_rolls_back_after_the_worker_was_killed(
    garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path
) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    before = tree(garden.folder / "env")
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    eventually(lambda: reached(backend, transaction_id, Stage.VERIFYING))
    os.kill(holding(backend), signal.SIGKILL)
    eventually(lambda: backend.environment.holder() is None)
    service = PackageService(garden.python, index_url=garden.index_url)
    assert tree(garden.folder / "env") == before
    assert [transaction.outcome for transaction in service.values.history()] == [
        Outcome.ROLLED_BACK
    ]


def children(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


@pytest.mark.parametrize("staged", [True, False], ids=["checking", "verifying"])
def test_child_processes_are_killed_with_the_worker(
    garden: Demo, backend: Backend, tmp_path: Path, staged: bool
) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=staged))
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    eventually(
        lambda: reached(backend, transaction_id, Stage.CHECKING if staged else Stage.VERIFYING)
    )
    pid = holding(backend)
    eventually(lambda: children(pid))
    running = children(pid)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(map(alive, running)))
    with pytest.raises(WorkerFailed):
        transactions.follow(backend, transaction_id)


def test_worker_rolls_back_after_a_signal(
    garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path
) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    before = tree(garden.folder / "env")
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    eventually(lambda: reached(backend, transaction_id, Stage.VERIFYING))
    pid = holding(backend)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
        os.kill(pid, number)
    with pytest.raises(Cancelled):
        transactions.follow(backend, transaction_id)
    assert tree(garden.folder / "env") == before


def _kill_at_random(
    garden: Demo, backend: Backend, tree: Oracle, wait_until_idle: Callable[[], None], times: int
) -> None:
    """Kill the worker at random moments; check for the old, or the new and committed, state."""
    prefix = garden.folder / "env"
    before, moments = tree(prefix), random.Random(times)
    started_at = time.monotonic()
    transactions.apply_and_follow(backend, plan_upgrade(backend, "bedplanner"))
    length = time.monotonic() - started_at
    after = tree(prefix)
    transactions.apply_and_follow(backend, plan_undo(backend))
    assert tree(prefix) == before
    for _ in range(times):
        transaction_id = transactions.start(backend, plan_upgrade(backend, "bedplanner"))
        time.sleep(moments.uniform(0, length))
        for pid in worker_processes(prefix):
            os.kill(pid, signal.SIGKILL)
        try:
            done = transactions.follow(backend, transaction_id)
        except WorkerFailed:
            assert tree(prefix) == before
            assert backend.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES
        else:
            assert done.outcome is Outcome.COMMITTED
            wait_until_idle()
            assert tree(prefix) == after
            transactions.apply_and_follow(backend, plan_undo(backend))
            assert tree(prefix) == before


@pytest.mark.slow
def test_random_worker_kills_leave_the_old_or_the_new_environment(
    garden: Demo, backend: Backend, tree: Oracle, wait_until_idle: Callable[[], None]
) -> None:
    _kill_at_random(garden, backend, tree, wait_until_idle, 4)


@pytest.mark.slow
def test_many_random_worker_kills_leave_old_or_new_environment(
    garden: Demo, backend: Backend, tree: Oracle, wait_until_idle: Callable[[], None]
) -> None:
    _kill_at_random(garden, backend, tree, wait_until_idle, 40)
