"""The routes of copies: plan, make, follow, cancel, list and remove one."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from server.client import Ask

from pkgwidgets.backends.copies.folder_copies import FolderCopies
from pkgwidgets.backends.copies.uv_copies import UvCopies
from pkgwidgets.core.copies import CopyPlan, RunningProgram
from pkgwidgets.core.errors import CopyFailed
from pkgwidgets.core.interfaces import Report
from pkgwidgets.server.handlers import copies

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
AT_ONCE = {"Prefer": "respond-async"}


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


async def test_copy_is_planned_made_listed_and_removed(ask: Ask) -> None:
    body = {"name": "spring", "only": ["seedshelf"]}
    planned = await ask("POST", "environments", {**body, "plan_only": True})
    assert planned.status == 200
    assert planned.json["environment"] is None
    assert planned.json["copy_plan"]["packages"] == [{"name": "seedshelf", "version": "1.4.1"}]
    assert (await ask("GET", "environments")).json["environments"] == []
    made = await ask("POST", "environments", body)
    assert made.json["environment"]["packages"] == 1
    listed = (await ask("GET", "environments")).json["environments"]
    assert listed == [made.json["environment"]]
    removed = await ask("DELETE", "environments/spring")
    assert removed.json["environment"] == listed[0]
    again = await ask("DELETE", "environments/spring")
    assert (again.status, again.code) == (422, "invalid-request")


async def test_copy_names_what_runs_in_it_and_stays(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, jp_serverapp: Any
) -> None:
    monkeypatch.setattr(copies.CopyHandler, "shutdown_seconds", 0.2)
    sessions = [{"kernel": {"id": "k1"}, "path": path} for path in ("a.ipynb", "b.ipynb")]
    monkeypatch.setattr(jp_serverapp.session_manager, "list_sessions", lambda: sessions)
    made = await ask("POST", "environments", {"name": "spring", "only": ["seedshelf"]})
    idle = await ask("GET", "environments/spring")
    assert (idle.json["environment"], idle.json["running"]) == (made.json["environment"], [])
    python = made.json["environment"]["python"]
    waits = [python, "-c", "print(1, flush=True); input()"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with (
        subprocess.Popen([*waits, "/x/kernel-k1.json"], **pipes) as kernel,
        subprocess.Popen([*waits, "sow.py"], **pipes) as script,
    ):
        for child in (kernel, script):
            assert child.stdout is not None
            child.stdout.readline()
        used = (await ask("GET", "environments/spring")).json["running"]
        of_kernel = {"kernel": "k1", "notebooks": ["a.ipynb", "b.ipynb"]}
        assert {row.pop("process") for row in used} == {kernel.pid, script.pid}
        assert {"name": "kernel-k1", **of_kernel} in used
        assert {"name": "sow.py", "kernel": "", "notebooks": []} in used
        refused = await ask("DELETE", "environments/spring")
        assert (refused.status, refused.code) == (409, "copy-in-use")
        assert "sow.py" in refused.json["error"]["message"]
    removed = await ask("DELETE", "environments/spring")
    assert removed.json["environment"] == made.json["environment"]
    assert (await ask("GET", "environments/spring")).code == "invalid-request"


@pytest.mark.parametrize("is_shut_down", [True, False])
async def test_only_a_kernel_that_was_shut_down_is_waited_for(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, jp_serverapp: Any, is_shut_down: bool
) -> None:
    await ask("POST", "environments", {"name": "spring", "only": ["seedshelf"]})
    file = "/x/kernel-k1.json"
    kernel = RunningProgram(process=1, name="k1", connection_file=file, started=YESTERDAY)
    looks = itertools.count()
    monkeypatch.setattr(
        FolderCopies, "running_in", lambda self, name: [kernel] if next(looks) < 3 else []
    )
    manager = SimpleNamespace(connection_file=file, shutting_down=is_shut_down)
    kernels = jp_serverapp.kernel_manager
    monkeypatch.setattr(kernels, "list_kernel_ids", lambda: ["ended", "k1"])
    monkeypatch.setattr(kernels, "get_kernel", {"k1": manager}.__getitem__)
    answer = await ask("DELETE", "environments/spring")
    assert answer.status == (200 if is_shut_down else 409)
    assert next(looks) == (5 if is_shut_down else 2)  # the last one is under the lock


async def test_running_programs_are_listed_at_once(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask("POST", "environments", {"name": "spring", "only": ["seedshelf"]})
    looks = [[RunningProgram(process=1, name="sow.py", started=YESTERDAY)]]
    monkeypatch.setattr(FolderCopies, "running_in", lambda self, name: looks.pop())
    used = (await ask("GET", "environments/spring")).json["running"]
    assert [row["name"] for row in used] == ["sow.py"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "../x"},
        {"name": "spring", "python": "/usr/bin/python3"},
        {"name": "spring", "python": "--help"},
        {"name": "spring", "only": []},
        {"name": "spring", "only": [3]},
        {"name": "spring", "plan_only": "yes"},
        {"name": "spring", "folder": "/tmp"},
    ],
)
async def test_invalid_request_for_a_copy_is_refused(ask: Ask, body: object) -> None:
    answer = await ask("POST", "environments", body)
    assert (answer.status, answer.code) == (422, "invalid-request")


async def wait_for_end(ask: Ask, path: str) -> dict[str, Any]:
    """Look at an operation until it has ended; return it."""
    for _ in range(600):
        operation: dict[str, Any] = (await ask("GET", path)).json["operation"]
        if operation["state"] != "running":
            return operation
        await asyncio.sleep(0.1)
    raise AssertionError(path)


async def test_copy_is_an_operation_to_follow(ask: Ask) -> None:
    body = {"name": "spring", "only": ["seedshelf"]}
    begun = await ask("POST", "environments", body, headers=AT_ONCE)
    assert (begun.status, begun.headers["Preference-Applied"]) == (202, "respond-async")
    operation = begun.json["operation"]
    assert (operation["name"], operation["environment"]) == ("spring", None)
    path = f"operations/{operation['id']}"
    assert begun.headers["Location"].endswith(f"/pkgwidgets/{path}")
    ended = await wait_for_end(ask, path)
    assert (ended["state"], ended["error"]) == ("done", None)
    listed = (await ask("GET", "environments")).json["environments"]
    assert listed == [ended["environment"]]
    stages = [event["stage"] for event in (await ask("GET", path)).json["events"]]
    assert stages[0] == "installing"
    late = await ask("DELETE", path)
    assert (late.status, late.json["operation"]["state"]) == (202, "done")
    assert (await ask("GET", "environments")).json["environments"] == listed


async def test_copy_is_cancelled(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cancellation comes while uv runs."""
    reached, go_on = threading.Event(), threading.Event()
    make = UvCopies.make

    def slow_make(self: UvCopies, plan: CopyPlan, report: Report) -> None:
        reached.set()
        assert go_on.wait(60)
        make(self, plan, report)

    monkeypatch.setattr(UvCopies, "make", slow_make)
    begun = await ask("POST", "environments", {"name": "spring"}, headers=AT_ONCE)
    path = f"operations/{begun.json['operation']['id']}"
    await asyncio.to_thread(reached.wait, 60)
    busy = await ask("POST", "environments", {"name": "summer", "only": ["seedshelf"]})
    assert (busy.status, busy.code) == (409, "environment-busy")
    assert (await ask("DELETE", path)).json["operation"]["state"] == "running"
    go_on.set()
    ended = await wait_for_end(ask, path)
    assert (ended["state"], ended["error"]["code"]) == ("cancelled", "cancelled")
    assert (await ask("GET", "environments")).json["environments"] == []
    again = await ask("POST", "environments", {"name": "spring", "only": ["seedshelf"]})
    assert again.json["environment"]["packages"] == 1


async def test_failed_copy_has_its_error(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: UvCopies, plan: CopyPlan, report: Report) -> None:
        raise CopyFailed(plan.name, ("the disk fell off",))

    monkeypatch.setattr(UvCopies, "make", fail)
    waited = await ask("POST", "environments", {"name": "spring"})
    assert waited.code == "copy-failed"
    begun = await ask("POST", "environments", {"name": "spring"}, headers=AT_ONCE)
    ended = await wait_for_end(ask, f"operations/{begun.json['operation']['id']}")
    assert (ended["state"], ended["error"]["code"]) == ("failed", "copy-failed")
    assert "the disk fell off" in ended["error"]["message"]


async def test_copy_is_streamed_to_its_end(
    ask: Ask, http_server_client: Any, jp_base_url: str, jp_auth_header: dict[str, str]
) -> None:
    body = {"name": "spring", "only": ["seedshelf"]}
    begun = await ask("POST", "environments", body, headers=AT_ONCE)
    url = f"{jp_base_url}pkgwidgets/operations/{begun.json['operation']['id']}"
    headers = {**jp_auth_header, "Accept": "text/event-stream"}
    answer = await http_server_client.fetch(url, headers=headers, request_timeout=60)
    messages = answer.body.decode().split("\n\n")
    kinds = [line[7:] for text in messages for line in text.split("\n") if line[:6] == "event:"]
    assert kinds[-1] == "end"
    assert {*kinds[:-1]} == {"progress"}
    (data,) = (line[6:] for line in messages[-2].split("\n") if line.startswith("data:"))
    assert json.loads(data)["operation"]["state"] == "done"
    last = {"Last-Event-ID": str(len(kinds) - 1)}
    rest = await http_server_client.fetch(url, headers={**headers, **last}, request_timeout=60)
    assert b"event: progress" not in rest.body


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_unknown_operation_is_not_found(ask: Ask, method: str) -> None:
    answer = await ask(method, f"operations/{'0' * 32}")
    assert (answer.status, answer.code) == (404, "operation-not-found")
