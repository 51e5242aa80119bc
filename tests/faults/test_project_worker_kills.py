"""The worker of a project change is killed, with real uv: all is old, or all is new.

`pyproject.toml`, `uv.lock` and the environment are one transaction.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import eventually, worker_processes
from uv_projects import UvProject, served_project

from pkgwidgets.backends.processes import process
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import WorkerFailed
from pkgwidgets.core.plans import Plan
from pkgwidgets.operations import planning, project_planning, transactions

pytestmark = pytest.mark.slow

STEPS = (
    *("STAGED:written", "SAVED:synced", "INTENT:synced", "INSTALLED:before", "COMMIT:before"),
    "COMMIT:written",
)
"""Where the worker kills itself: before the line of a step, or once that is written or synced."""
COMMITTED = ("COMMIT:written",)
"""A line that is written is there after the kill of a process, also without a sync."""
FILES = ("pyproject.toml", "uv.lock")


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_index_cache: None
) -> Iterator[UvProject]:
    with served_project(tmp_path, monkeypatch) as made:
        yield made


class Change:
    """A change of the project, of both its files and three packages, and its worker."""

    def __init__(self, project: UvProject, tree: Oracle) -> None:
        self.project, self.tree = project, tree
        self.prefix = project.folder / ".venv"
        self.backend = connect(self.prefix / "bin" / "python", detached=True)

    def state(self) -> tuple[object, Mapping[str, bytes]]:
        assert not list(self.project.folder.glob(".*.pkgwidgets"))
        return self.tree(self.prefix), self.project.files()

    def plan(self) -> Plan:
        return project_planning.plan_install(self.backend, ["leaf", "pea==2.0"])

    def start(self) -> str:
        return transactions.start(self.backend, self.plan())

    def is_committed(self, transaction: str) -> bool:
        """Recover a transaction, and return whether it is committed."""
        try:
            transactions.follow(self.backend, transaction)
        except WorkerFailed:
            return False
        finally:
            self.wait_until_idle()
        return True

    def wait_until_idle(self) -> None:
        eventually(
            lambda: not worker_processes(self.prefix) and self.backend.environment.holder() is None
        )

    def undo(self) -> None:
        transactions.apply_and_follow(self.backend, planning.plan_undo(self.backend))
        self.wait_until_idle()

    def kill_at(self, step: str, monkeypatch: pytest.MonkeyPatch) -> str:
        """Let the worker kill itself at a step of the journal."""
        plan = self.plan()
        variables = {**process.clean_environment(), "PKGWIDGETS_FAIL": step}
        with monkeypatch.context() as patch:
            patch.setattr(process, "clean_environment", lambda extra=None: variables)
            return transactions.start(self.backend, plan)

    def kill_after_edit(self, name: str) -> str:
        """Kill the worker as soon as it has replaced a file of the project."""
        old = self.project.files()[name]
        transaction = self.start()
        eventually(lambda: self.project.files()[name] != old)
        for worker in worker_processes(self.prefix):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        return transaction


def test_killed_worker_leaves_all_old_or_all_new(
    project: UvProject, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = Change(project, tree)
    old = change.state()
    assert change.is_committed(change.start())
    new = change.state()
    project.check()
    assert [name for name in old[1] if old[1][name] != new[1][name]] == [*FILES]
    change.undo()
    assert change.state() == old
    for moment in (*STEPS, *FILES):
        is_file = moment in FILES
        killed = change.kill_after_edit(moment) if is_file else change.kill_at(moment, monkeypatch)
        is_new = change.is_committed(killed)
        assert change.state() == (new if is_new else old), moment
        assert is_file or is_new == (moment in COMMITTED), moment
        project.check()
        if is_new:
            change.undo()
