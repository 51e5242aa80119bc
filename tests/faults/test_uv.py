"""The real uv: kills at any moment, and an undo without the index."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator

import pytest
from faults import tree
from faults.tiny_environment import fork

from pkgwidgets import recover
from pkgwidgets.core.errors import EnvironmentBusy
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply, recovery
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_upgrade

PATIENCE = 60.0
"""Seconds to wait for an installer that outlived its parent."""

pytestmark = pytest.mark.slow


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Call `work` in a child and kill that child after some seconds; return whether it died."""
    child = fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def recover_when_idle(backend: Backend) -> None:
    """Recover once the environment is not locked: uv may outlive the process that started it."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            recovery.recover_if_needed(backend)
            return
        except EnvironmentBusy:
            assert time.monotonic() < until
            time.sleep(0.02)


def random_moments(seconds: float, kills: int) -> Iterator[float]:
    """Yield random moments within, or shortly after, a run of so many seconds."""
    chance = random.Random(40)
    for _ in range(kills):
        yield chance.uniform(0, 1.1 * seconds)


def test_forty_kills_of_uv_leave_the_old_or_the_new_environment(
    backend: Backend, garden: Demo
) -> None:
    prefix = backend.environment.interpreter.prefix
    old, new, duration = tree.digest(prefix), "", 0.0
    for _ in range(2):  # the first one takes longer, as it fills caches
        started_at = time.monotonic()
        apply.apply_plan(backend, plan_upgrade(backend, "bedplanner"))
        duration, new = time.monotonic() - started_at, tree.digest(prefix)
        apply.apply_plan(backend, plan_undo(backend))
        assert tree.digest(prefix) == old
    outcomes = []
    for seconds in random_moments(duration, 40):
        plan, known = plan_upgrade(backend, "bedplanner"), len(backend.journal.transactions())
        killed_after(seconds, lambda plan=plan: apply.apply_plan(backend, plan))  # type: ignore[misc]
        recover_when_idle(backend)
        records = backend.journal.transactions()[known:]
        committed = [transaction.outcome for transaction in records] == [Outcome.COMMITTED]
        assert tree.digest(prefix) == (new if committed else old), seconds
        recover_when_idle(backend)  # a second call removes what the first could not
        assert not (prefix / ".pkgwidgets" / "open").exists()
        outcomes += [transaction.outcome for transaction in records]
        if committed:
            apply.apply_plan(backend, plan_undo(backend))
            assert tree.digest(prefix) == old
    assert sum(outcome is not Outcome.COMMITTED for outcome in outcomes) >= 10


def test_five_upgrades_are_undone_exactly_without_the_index(backend: Backend, garden: Demo) -> None:
    """Each undo is killed first, and its recovery archive completes or reverts it."""
    prefix = backend.environment.interpreter.prefix
    garden.index.publish(
        *(
            BuiltWheel(
                name="pea",
                version=f"{version}.0",
                files={"pea/__init__.py": f"x = {version}\n", f"pea/only{version}.py": ""},
                entry_points="[console_scripts]\npea = pea:x\n",
            )
            for version in range(1, 7)
        )
    )
    apply.apply_plan(backend, plan_install(backend, "pea==1.0"))
    trees = []
    for version in range(2, 7):
        trees.append(tree.rows(prefix))
        apply.apply_plan(backend, plan_upgrade(backend, "pea", version=f"{version}.0"))
    garden.index.down = True
    for before in reversed(trees):
        now, plan = tree.rows(prefix), plan_undo(backend)
        assert (plan.from_save_point, plan.download_size) == (True, 0)
        killed_after(0.05, lambda plan=plan: apply.apply_plan(backend, plan))  # type: ignore[misc]
        assert recover.main([str(prefix / ".pkgwidgets/txn/any/recover.pyz")]) == 0
        assert tree.rows(prefix) in (now, before)
        if tree.rows(prefix) == now:
            apply.apply_plan(backend, plan_undo(backend))
        assert tree.rows(prefix) == before
