"""A real kernel is interrupted, restarted, shut down or killed during an upgrade."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel
from jupyter_client.manager import KernelManager
from worker.notebook_kernel import Notebook

from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions

pytestmark = pytest.mark.slow

_CELL = "service.upgrade_package('seedshelf')"
_THREAD = """
import threading
report = lambda event: None
more = dict(args=['seedshelf'], kwargs={'report': report}, daemon=True)
threading.Thread(target=service.upgrade_package, **more).start()
"""
"""As the panel does it: no cell waits, so none can be interrupted."""
_SERVICE = "from pkgwidgets import PackageService; service = PackageService({!r}, index_url={!r})"


@pytest.fixture
def notebook(garden: Demo, tmp_path: Path) -> Iterator[Notebook]:
    manager = KernelManager()
    manager.start_kernel(cwd=str(tmp_path))
    running = Notebook(manager)
    running.run(_SERVICE.format(str(garden.python), garden.index_url))
    yield running
    running.close()
    if manager.has_kernel:
        manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


@pytest.fixture
def gate(garden: Demo, tmp_path: Path) -> Path:
    """Hold an upgrade of seedshelf during its verification until this file exists."""
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    return tmp_path / "gate"


def wait_for_change(backend: Backend) -> str:
    """Wait until a transaction has installed its files; return its id."""
    eventually(lambda: _installed(backend))
    return backend.journal.transactions()[-1].id


def _installed(backend: Backend) -> bool:
    latest = backend.journal.transactions()[-1:]
    return bool(latest) and "INSTALLED" in backend.journal.steps(latest[0].id)


def test_kernel_interrupt_rolls_back(
    garden: Demo, backend: Backend, tree: Oracle, notebook: Notebook, gate: Path
) -> None:
    before = tree(garden.folder / "env")
    cell = notebook.begin(_CELL)
    wait_for_change(backend)
    for _ in range(3):
        # One after the end would stop IPython, which shows the error then.
        if backend.journal.transactions()[-1].outcome is Outcome.STARTED:
            notebook.manager.interrupt_kernel()
        time.sleep(0.02)
    assert notebook.result(cell) == "Cancelled"
    assert tree(garden.folder / "env") == before
    assert backend.journal.transactions()[-1].outcome in UNCHANGED_OUTCOMES
    gate.touch()
    assert "1.9" in notebook.run(_CELL)


def test_restarted_kernel_can_follow_the_running_transaction(
    garden: Demo, backend: Backend, notebook: Notebook, gate: Path
) -> None:
    notebook.begin(_THREAD)
    transaction_id = wait_for_change(backend)
    notebook.restart()
    notebook.run(_SERVICE.format(str(garden.python), garden.index_url))
    assert notebook.run("service.current_transaction().id") == repr(transaction_id)
    assert notebook.run("str(service.get_package('seedshelf').status)") == "'upgrading'"
    assert notebook.run("service.upgrade_package('frostcall')") == "EnvironmentBusy"
    cell = notebook.begin(f"service.follow({transaction_id!r})")
    gate.touch()
    assert "seedshelf 1.4.1 → 1.9" in notebook.result(cell)
    assert backend.journal.transactions()[-1].outcome is Outcome.COMMITTED


Ends = dict[str, tuple[str, Callable[[KernelManager], Any]]]

ENDS: Ends = {
    "shut down": (_THREAD, lambda manager: manager.shutdown_kernel(now=False)),
    "shut down at once": (_THREAD, lambda manager: manager.shutdown_kernel(now=True)),
    "killed": (_CELL, lambda manager: manager.signal_kernel(9)),
}


@pytest.mark.parametrize(("cell", "end"), ENDS.values(), ids=ENDS)
def test_transaction_survives_the_end_of_its_kernel(
    backend: Backend,
    notebook: Notebook,
    gate: Path,
    cell: str,
    end: Callable[[KernelManager], Any],
) -> None:
    notebook.begin(cell)
    transaction_id = wait_for_change(backend)
    end(notebook.manager)
    eventually(lambda: not notebook.manager.is_alive())
    transaction = transactions.running(backend)
    assert transaction is not None
    assert transaction.id == transaction_id
    gate.touch()
    assert transactions.follow(backend, transaction_id).outcome is Outcome.COMMITTED


@pytest.mark.parametrize("restart", [True, False], ids=["restarted", "shut down"])
def test_kernel_restart_or_shutdown_from_jupyter_cancels_the_waiting_cell(
    garden: Demo, backend: Backend, tree: Oracle, notebook: Notebook, gate: Path, restart: bool
) -> None:
    before = tree(garden.folder / "env")
    notebook.begin(_CELL)
    transaction_id = wait_for_change(backend)
    if restart:
        notebook.restart()
    else:
        notebook.manager.shutdown_kernel(now=False)
    with pytest.raises(Cancelled):
        transactions.follow(backend, transaction_id)
    assert tree(garden.folder / "env") == before
