"""A transaction completes even if the process that started it is killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import StartUpgrade, held_wheel, holding, line, worker_processes

from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.operations.inventory import get_package
from pkgwidgets.operations.planning import plan_undo

pytestmark = pytest.mark.slow

Kill = Callable[[int], None]

KILLS: dict[str, Kill] = {
    "killed": lambda pid: os.kill(pid, signal.SIGKILL),
    "killed with its group": lambda pid: os.killpg(pid, signal.SIGKILL),
    "told to end, with its group": lambda pid: os.killpg(pid, signal.SIGTERM),
    "hung up on, with its group": lambda pid: os.killpg(pid, signal.SIGHUP),
}


@pytest.mark.parametrize("kill", KILLS.values(), ids=KILLS)
@pytest.mark.parametrize("staged", [True, False], ids=["checking", "verifying"])
def test_transaction_completes_after_its_starter_was_killed(
    garden: Demo,
    backend: Backend,
    start_upgrade: StartUpgrade,
    wait_until_idle: Callable[[], None],
    tree: Oracle,
    tmp_path: Path,
    kill: Kill,
    staged: bool,
) -> None:
    gate, prefix = tmp_path / "gate", garden.folder / "env"
    garden.index.publish(held_wheel("1.9", gate, staged=staged))
    before = tree(prefix)
    child = start_upgrade("seedshelf")
    assert line(child) == "planned"
    transaction_id = line(child)
    kill(child.pid)
    child.wait()
    assert holding(backend) in worker_processes(prefix)
    transaction = transactions.running(backend)
    assert transaction is not None
    assert transaction.id == transaction_id
    gate.touch()
    assert transactions.follow(backend, transaction_id).outcome is Outcome.COMMITTED
    wait_until_idle()
    assert get_package(backend, "seedshelf").version == "1.9"
    transactions.apply_and_follow(backend, plan_undo(backend))
    assert tree(prefix) == before


def _kill_while_it_starts(
    garden: Demo,
    backend: Backend,
    start_upgrade: StartUpgrade,
    wait_until_idle: Callable[[], None],
    tree: Oracle,
    delays: list[float],
) -> set[Outcome | None]:
    """Kill the starting process after each delay; return the outcomes."""
    prefix, seen = garden.folder / "env", set[Outcome | None]()
    before = tree(prefix)
    for delay in delays:
        known = len(backend.journal.transactions())
        child = start_upgrade("seedshelf")
        assert line(child) == "planned"
        time.sleep(delay)
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        wait_until_idle()
        records = backend.journal.transactions()[known:]
        assert len(records) <= 1
        seen |= {transaction.outcome for transaction in records} or {None}
        if records:
            assert records[0].outcome is Outcome.COMMITTED
            assert transactions.follow(backend, records[0].id).id == records[0].id
            transactions.apply_and_follow(backend, plan_undo(backend))
        assert tree(prefix) == before
    return seen


def test_kill_during_start_leaves_no_or_a_complete_transaction(
    garden: Demo,
    backend: Backend,
    start_upgrade: StartUpgrade,
    wait_until_idle: Callable[[], None],
    tree: Oracle,
) -> None:
    seen = _kill_while_it_starts(
        garden, backend, start_upgrade, wait_until_idle, tree, [0, 0.01, 0.1, 0.3, 0.6]
    )
    assert seen <= {None, Outcome.COMMITTED}
    assert Outcome.COMMITTED in seen


@pytest.mark.slow
def test_kill_at_any_moment_of_start_leaves_no_or_a_complete_transaction(
    garden: Demo,
    backend: Backend,
    start_upgrade: StartUpgrade,
    wait_until_idle: Callable[[], None],
    tree: Oracle,
) -> None:
    delays = [number * 0.02 for number in range(30)]
    seen = _kill_while_it_starts(garden, backend, start_upgrade, wait_until_idle, tree, delays)
    assert seen <= {None, Outcome.COMMITTED}
    assert Outcome.COMMITTED in seen
