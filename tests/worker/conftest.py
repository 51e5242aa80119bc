"""Fixtures that start upgrades in other processes and clean up after them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from held_transactions import StartUpgrade, eventually, worker_processes

from pkgwidgets.connect import connect
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo

_ASK = """
import sys
from pkgwidgets.connect import connect
from pkgwidgets.operations import planning, transactions
python, index, name = sys.argv[1:]
backend = connect(python, index, detached=True)
plan = planning.plan_upgrade(backend, name)
print("planned", flush=True)
transaction_id = transactions.start(backend, plan)
print(transaction_id, flush=True)
print(transactions.follow(backend, transaction_id), flush=True)
"""


@pytest.fixture
def backend(garden: Demo) -> Backend:
    return connect(garden.python, garden.index_url, detached=True)


@pytest.fixture(autouse=True)
def _kill_leftover_workers(garden: Demo) -> Iterator[None]:
    """Kill workers of a failed test: they would continue in the next test's environment."""
    yield
    prefix = garden.folder / "env"
    while pids := worker_processes(prefix):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def start_upgrade(garden: Demo, tmp_path: Path) -> Iterator[StartUpgrade]:
    """Start processes, each in its own process group, that plan, start and follow an upgrade."""
    started = []

    def ask(name: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-c", _ASK, str(garden.python), garden.index_url, name]
        child = subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            process_group=0,
        )
        started.append(child)
        return child

    yield ask
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def wait_until_idle(backend: Backend) -> Callable[[], None]:
    """Wait until no worker runs and the environment is not locked."""

    def wait() -> None:
        prefix = backend.environment.interpreter.prefix
        # Twice: one that forks while it is looked for is seen neither before nor after.
        for _ in range(2):
            eventually(
                lambda: not worker_processes(prefix) and backend.environment.holder() is None
            )

    return wait
