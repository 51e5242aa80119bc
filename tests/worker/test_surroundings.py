"""The worker process is isolated from the notebook."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel, holding, worker_processes

from pkgwidgets.backends.config.index_sources import IndexSources
from pkgwidgets.backends.worker import launcher
from pkgwidgets.connect import connect
from pkgwidgets.core.errors import WorkerFailed
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_undo, plan_uninstall, plan_upgrade


def test_secrets_are_not_visible_in_the_worker_process_or_its_files(
    garden: Demo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_TOKEN", "canary-token")
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=True))
    url = garden.index_url.replace("http://", "http://user:canary-word@")
    backend = connect(garden.python, url, detached=True)
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    process = Path("/proc", str(holding(backend)))
    seen = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    (tmp_path / "gate").touch()
    transactions.follow(backend, transaction_id)
    assert b"pkgwidgets.worker" in seen
    assert b"canary" not in seen
    for file in backend.journal.folder(transaction_id).rglob("*"):
        assert file.is_dir() or b"canary" not in file.read_bytes(), file
    assert "uv" in (backend.journal.folder(transaction_id) / "log").read_text()


def test_worker_is_detached_without_a_terminal(
    garden: Demo, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=True))
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    pid = holding(backend)
    process = Path("/proc", str(pid))
    parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
    assert parent != os.getpid()
    assert os.getsid(pid) == os.getpgid(pid) == pid
    assert (process / "cwd").readlink() == garden.folder / "env"
    eventually(lambda: (process / "fd" / "0").readlink() == Path(os.devnull))
    assert (process / "fd" / "1").readlink() == Path(os.devnull)
    (tmp_path / "gate").touch()
    transactions.follow(backend, transaction_id)


def test_modules_in_the_notebook_folder_are_not_imported(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "packaging", "pkgwidgets", "sitecustomize", "uv"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong one')")
    plan = plan_upgrade(backend, "seedshelf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert transactions.apply_and_follow(backend, plan).outcome is Outcome.COMMITTED


def test_worker_starts_from_a_deleted_working_folder(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_upgrade(backend, "seedshelf")
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert transactions.apply_and_follow(backend, plan).outcome is Outcome.COMMITTED


def test_worker_that_fails_to_start_reports_the_reason(
    backend: Backend, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = backend.environment.interpreter.prefix
    plan, before = plan_upgrade(backend, "seedshelf"), tree(prefix)
    monkeypatch.setattr(launcher, "_MAIN", "raise ImportError('no module of that name')")
    with pytest.raises(WorkerFailed, match="no module of that name"):
        transactions.apply_and_follow(backend, plan)
    monkeypatch.setattr(launcher, "_MAIN", "import os; os._exit(3)")
    with pytest.raises(WorkerFailed, match="it ended without an error message"):
        transactions.apply_and_follow(backend, plan)
    assert tree(prefix) == before
    assert list(backend.journal.transactions()) == []


def test_truncated_apply_request_is_not_applied(
    backend: Backend, tree: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = backend.environment.interpreter.prefix
    plan, before = plan_upgrade(backend, "seedshelf"), tree(prefix)
    whole = launcher.ApplyRequest.to_text
    monkeypatch.setattr(launcher.ApplyRequest, "to_text", lambda order: whole(order)[:-9])
    with pytest.raises(WorkerFailed):
        transactions.apply_and_follow(backend, plan)
    eventually(lambda: worker_processes(prefix) == [])
    assert tree(prefix) == before


def test_undo_needs_no_index(garden: Demo, tree: Oracle) -> None:
    backend = connect(garden.python, garden.index_url, detached=True)
    before = tree(garden.folder / "env")
    transactions.apply_and_follow(backend, plan_upgrade(backend, "bedplanner"))
    garden.index.down = True
    nowhere = connect(garden.python, "http://127.0.0.1:9/simple/", detached=True)
    transactions.apply_and_follow(nowhere, plan_undo(nowhere))
    assert tree(garden.folder / "env") == before


# --- what it imports


def run(code: str, *argv: str, stdin: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, *argv],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


HEAVY = (
    "pandas", "ipywidgets", "anywidget", "IPython", "tornado", "zmq", "requests", "urllib3",
    "msgspec", "platformdirs", "psutil", "tqdm", "sqlite3", "asyncio",
)  # fmt: skip


def test_worker_imports_no_heavy_modules() -> None:
    code = f"import sys, pkgwidgets.worker; print(*{{*{HEAVY}}} & {{*sys.modules}})"
    assert run(code) == []


_LATE = """
import sys
import pkgwidgets.worker
from pkgwidgets.backends.worker.launcher import ApplyRequest
from pkgwidgets.connect import connect_for_request
from pkgwidgets.core.events import Stage
from pkgwidgets.operations import apply
order = ApplyRequest.from_text(sys.stdin.read())
backend, plan = connect_for_request(order), order.plan
known = set()
def report(event):
    if event.stage is Stage.SAVING:
        known.update(sys.modules)
    if event.stage is Stage.VERIFYING and sys.argv[1] == "rolled back":
        raise RuntimeError
try:
    apply.apply_plan(backend, plan, report)
except RuntimeError:
    pass
assert "packaging" in known
late = {*sys.modules} - known
print(*(name for name in late if name.partition(".")[0] not in sys.stdlib_module_names))
"""


@pytest.mark.parametrize("end", ["rolled back", "committed"])
def test_worker_imports_nothing_after_files_may_be_replaced(
    garden: Demo, backend: Backend, end: str
) -> None:
    """The plan may replace pkgwidgets, packaging or uv while the worker applies it."""
    for make, name in ((plan_upgrade, "seedshelf"), (plan_uninstall, "frostcall")):
        order = launcher.ApplyRequest(
            plan=make(backend, name),
            interpreter=backend.environment.interpreter,
            sources=IndexSources(indexes=(garden.index_url,)),
            asked_by="script",
        )
        assert run(_LATE, end, stdin=order.to_text()) == []
    assert {transaction.outcome.value for transaction in backend.journal.transactions()} == {end}


@pytest.mark.parametrize("end", ["rolled back", "committed"])
def test_worker_imports_nothing_while_it_restores_a_save_point(backend: Backend, end: str) -> None:
    transactions.apply_and_follow(backend, plan_upgrade(backend, "seedshelf"))
    order = launcher.ApplyRequest(
        plan=plan_undo(backend),
        interpreter=backend.environment.interpreter,
        sources=None,
        asked_by="script",
    )
    assert order.plan.from_save_point
    assert run(_LATE, end, stdin=order.to_text()) == []
    assert backend.journal.transactions()[-1].outcome.value == end


_LOADED = """
import sys
import pkgwidgets.worker
from pkgwidgets.backends.worker.launcher import ApplyRequest
from pkgwidgets.connect import connect_for_request
connect_for_request(ApplyRequest.from_text(sys.stdin.read()))
print(*sys.modules)
"""


def test_worker_loads_no_backend_that_an_apply_does_not_need(backend: Backend) -> None:
    order = launcher.ApplyRequest(
        plan=plan_upgrade(backend, "seedshelf"),
        interpreter=backend.environment.interpreter,
        sources=IndexSources(indexes=()),
        asked_by="script",
    )
    loaded = {*run(_LOADED, stdin=order.to_text())}
    backends = "pkgwidgets.backends"
    assert f"{backends}.installer.uv" in loaded
    unused = {"copies", "index.multi", "index.last_check", "environment.last_versions"}
    assert {f"{backends}.{name}" for name in unused} & loaded == set()
    assert "sqlite3" not in loaded


def test_worker_collects_no_cycles(tmp_path: Path) -> None:
    """It lives for one plan, and a collection looks at all that it has loaded."""
    entry_point = """
import atexit, gc
def main():
    print(gc.isenabled())
    atexit.register(lambda: print(gc.get_freeze_count() > 0))
"""
    (tmp_path / "entry.py").write_text(entry_point)
    assert run(launcher._MAIN, "entry", str(tmp_path)) == ["False", "True"]


def test_worker_starts_within_two_seconds(backend: Backend) -> None:
    durations = []
    for _ in range(3):
        plan = plan_upgrade(backend, "seedshelf")
        started_at = time.monotonic()
        transaction_id = transactions.start(backend, plan)
        durations.append(time.monotonic() - started_at)
        transactions.follow(backend, transaction_id)
        transactions.apply_and_follow(backend, plan_undo(backend))
    assert min(durations) < 2.0
