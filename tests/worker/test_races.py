"""Of two simultaneous changes one proceeds; the other is refused at once and names it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel, line

from pkgwidgets.core.errors import Cancelled, EnvironmentBusy
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_upgrade

_LOCKING = """
import sys, time
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import EnvironmentBusy
environment = connect(sys.argv[1], sys.argv[2]).environment
print("ready", flush=True)
for _ in sys.stdin:
    try:
        with environment.locked(f"racer {sys.argv[3]}"):
            print("mine", flush=True)
            next(sys.stdin)
    except EnvironmentBusy as error:
        print(error.holder, flush=True)
        next(sys.stdin)
    print("ready", flush=True)
"""

_STARTING = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import EnvironmentBusy
from pkgwidgets.operations import planning, transactions
backend = connect(sys.argv[1], sys.argv[2], detached=True)
plan = planning.plan_upgrade(backend, "seedshelf")
print("ready", flush=True)
for _ in sys.stdin:
    try:
        print(transactions.start(backend, plan), flush=True)
    except EnvironmentBusy as error:
        print(f"busy: {error.holder}", flush=True)
"""


@contextmanager
def racers(code: str, garden: Demo) -> Iterator[list[subprocess.Popen[str]]]:
    """Start two processes with the same code that act once for each line of input."""
    argv = [sys.executable, "-c", code, str(garden.python), garden.index_url]
    pipe = subprocess.PIPE
    with ExitStack() as ends:
        two = [
            ends.enter_context(
                subprocess.Popen([*argv, str(number)], stdin=pipe, stdout=pipe, text=True)
            )
            for number in range(2)
        ]
        assert [line(racer) for racer in two] == ["ready", "ready"]
        yield two


def send_go(racers: list[subprocess.Popen[str]]) -> None:
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()


@pytest.mark.parametrize("times", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_race_for_the_lock_has_one_winner(garden: Demo, times: int) -> None:
    wins = set()
    with racers(_LOCKING, garden) as pair:
        for _ in range(times):
            send_go(pair)
            answers = [line(racer) for racer in pair]
            assert sorted(answers).count("mine") == 1, answers
            winner = answers.index("mine")
            wins.add(winner)
            refusal = answers[1 - winner]
            assert refusal == f"racer {winner} (process {pair[winner].pid})"
            send_go(pair)
            assert [line(racer) for racer in pair] == ["ready", "ready"]
    assert wins <= {0, 1}


def _race(garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path, times: int) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=True))
    before = tree(garden.folder / "env")
    with racers(_STARTING, garden) as pair:
        for number in range(times):
            send_go(pair)
            answers = [line(entry) for entry in pair]
            started_ids = [entry for entry in answers if not entry.startswith("busy: ")]
            assert len(started_ids) == 1, answers
            (refusal,) = (entry for entry in answers if entry not in started_ids)
            assert "(seedshelf; started " in refusal
            known = backend.journal.transactions()
            assert [entry.id for entry in known[number:]] == started_ids
            transactions.cancel(backend, started_ids[0])
            with pytest.raises(Cancelled):
                transactions.follow(backend, started_ids[0])
            assert tree(garden.folder / "env") == before
    assert {entry.outcome for entry in backend.journal.transactions()} <= UNCHANGED_OUTCOMES


@pytest.mark.slow
def test_one_of_two_simultaneous_transactions_proceeds(
    garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path
) -> None:
    _race(garden, backend, tree, tmp_path, 5)


@pytest.mark.slow
def test_one_of_two_simultaneous_transactions_proceeds_a_hundred_times(
    garden: Demo, backend: Backend, tree: Oracle, tmp_path: Path
) -> None:
    _race(garden, backend, tree, tmp_path, 100)


def test_second_transaction_is_refused_within_200_milliseconds(
    garden: Demo, backend: Backend, tmp_path: Path
) -> None:
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=True))
    plan = plan_upgrade(backend, "seedshelf")
    transaction_id = transactions.start(backend, plan)
    durations = []
    for _ in range(5):
        started_at = time.monotonic()
        with pytest.raises(EnvironmentBusy):
            transactions.start(backend, plan)
        durations.append(time.monotonic() - started_at)
    (tmp_path / "gate").touch()
    transactions.follow(backend, transaction_id)
    assert min(durations) < 0.2


@pytest.mark.slow
def test_lock_of_a_killed_process_is_released(
    garden: Demo, backend: Backend, tmp_path: Path, wait_until_idle: Callable[[], None]
) -> None:
    environment = backend.environment
    for _ in range(5):
        with racers(_LOCKING, garden) as (one, two):
            send_go([one])
            assert line(one) == "mine"
            assert environment.holder() == f"racer 0 (process {one.pid})"
            os.kill(one.pid, signal.SIGKILL)
            one.wait()
            eventually(lambda: environment.holder() is None)
            send_go([two])
            assert line(two) == "mine"
            send_go([two])
            assert line(two) == "ready"


_LOOKING = """
import sys, time
from pkgwidgets.connect import connect
environment = connect(sys.argv[1], sys.argv[2]).environment
print("ready", flush=True)
for _ in sys.stdin:
    print("looking", flush=True)
    while environment.holder() != "the last (process " + sys.argv[3] + ")":
        time.sleep(0.0005)
"""


def test_reading_the_holder_does_not_take_the_lock(garden: Demo, backend: Backend) -> None:
    environment = backend.environment
    with racers(_LOOKING.replace("sys.argv[3]", repr(str(os.getpid()))), garden) as two:
        send_go(two)
        assert [line(racer) for racer in two] == ["looking", "looking"]
        for _ in range(300):
            with environment.locked("me"):
                pass
        with environment.locked("the last"):
            assert environment.holder() == f"the last (process {os.getpid()})"
            for racer in two:
                racer.communicate(timeout=30)
    assert environment.holder() is None
