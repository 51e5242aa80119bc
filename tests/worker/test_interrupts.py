"""Interrupts at any moment leave the old environment, or the new one and say so."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from fakes import Oracle
from held_transactions import line

from pkgwidgets.backends.processes import process
from pkgwidgets.core.errors import Cancelled, WorkerFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_undo, plan_upgrade

_RUN = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pkgwidgets.connect import connect
from pkgwidgets.operations import planning, transactions
backend = connect(sys.argv[1], sys.argv[2], detached=True)
plan = planning.plan_upgrade(backend, "bedplanner")
try:
    print("planned", flush=True)
    result = transactions.apply_and_follow(backend, plan).outcome.value
except BaseException as error:
    result = type(error).__name__
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(result, flush=True)
"""


def _interrupt_at_random(
    garden: Demo, backend: Backend, tree: Oracle, wait_until_idle: Callable[[], None], times: int
) -> set[str]:
    prefix, moments, seen = garden.folder / "env", random.Random(times), set()
    before = tree(prefix)
    for _ in range(times):
        known = len(backend.journal.transactions())
        with subprocess.Popen(
            [sys.executable, "-c", _RUN, str(garden.python), garden.index_url],
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as child:
            assert line(child) == "planned"
            time.sleep(moments.uniform(0, 0.8))
            for _ in range(moments.randint(1, 4)):
                os.killpg(child.pid, signal.SIGINT)
                time.sleep(moments.uniform(0, 0.03))
            answer = line(child)
            child.communicate(timeout=30)
        seen.add(answer)
        outcomes = [transaction.outcome for transaction in backend.journal.transactions()[known:]]
        # A reported outcome is the real one, and the next change can begin at once.
        match answer:
            case "Cancelled":
                assert {*outcomes} <= UNCHANGED_OUTCOMES
                assert len(outcomes) == 1
            case "TooLate" | "committed":
                assert outcomes == [Outcome.COMMITTED]
            case _:
                assert answer in ("KeyboardInterrupt", "")
                wait_until_idle()
        assert backend.environment.holder() is None
        if Outcome.COMMITTED in outcomes:
            transactions.apply_and_follow(backend, plan_undo(backend))
        assert tree(prefix) == before
    return seen


@pytest.mark.slow
def test_random_interrupts_leave_the_old_or_the_new_environment(
    garden: Demo, backend: Backend, tree: Oracle, wait_until_idle: Callable[[], None]
) -> None:
    assert "Cancelled" in _interrupt_at_random(garden, backend, tree, wait_until_idle, 6)


@pytest.mark.slow
def test_many_random_interrupts_leave_the_old_or_the_new_environment(
    garden: Demo, backend: Backend, tree: Oracle, wait_until_idle: Callable[[], None]
) -> None:
    assert "Cancelled" in _interrupt_at_random(garden, backend, tree, wait_until_idle, 60)


def test_interrupt_during_worker_start_cancels_the_transaction(
    backend: Backend, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = process.start

    def interrupted(*args: object, **more: object) -> process.DetachedProcess:
        os.kill(os.getpid(), signal.SIGINT)
        started = begin(*args, **more)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGINT)
        return started

    prefix = backend.environment.interpreter.prefix
    plan, before = plan_upgrade(backend, "seedshelf"), tree(prefix)
    monkeypatch.setattr(process, "start", interrupted)
    with pytest.raises(Cancelled):
        transactions.apply_and_follow(backend, plan)
    assert tree(prefix) == before
    assert backend.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_interrupt_that_kills_the_starting_worker_is_raised(
    backend: Backend, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = process.start

    def interrupted(argv: object, **more: Any) -> process.DetachedProcess:
        os.kill(os.getpid(), signal.SIGINT)
        return begin([sys.executable, "-c", "import os; os.abort()"], **more)

    prefix = backend.environment.interpreter.prefix
    plan, before = plan_upgrade(backend, "seedshelf"), tree(prefix)
    monkeypatch.setattr(process, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        transactions.apply_and_follow(backend, plan)
    assert (tree(prefix), list(backend.journal.transactions())) == (before, [])


def test_worker_that_cannot_be_started_is_reported(
    backend: Backend, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*args: object, **more: object) -> process.DetachedProcess:
        raise OSError(12, "Cannot allocate memory")

    prefix = backend.environment.interpreter.prefix
    plan, before = plan_upgrade(backend, "seedshelf"), tree(prefix)
    monkeypatch.setattr(process, "start", refused)
    with pytest.raises(WorkerFailed, match="cannot be started: cannot allocate memory"):
        transactions.apply_and_follow(backend, plan)
    assert (tree(prefix), list(backend.journal.transactions())) == (before, [])
