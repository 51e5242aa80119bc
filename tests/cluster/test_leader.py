"""The leader of an environment: a process that plans, prepares, commits and reverts there."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any

import psutil
import pytest
from fakes import Oracle

from pkgwidgets import PackageService
from pkgwidgets.cluster import messages
from pkgwidgets.connect import commit_permits, connect, leader_command, was_not_taken
from pkgwidgets.core.errors import (
    Cancelled,
    InvalidRequest,
    PackageNotFound,
    StalePlan,
    WorkerFailed,
)
from pkgwidgets.demo import Demo

Ask = Callable[..., dict[str, Any]]

pytestmark = pytest.mark.slow


@pytest.fixture
def ask(garden: Demo) -> Ask:
    """Start a leader that works for the garden, or reach one by a command; return its answer."""

    def ask(do: str, command: list[str] | None = None, **facts: Any) -> dict[str, Any]:
        given = {"python": str(garden.python), "index_url": garden.index_url, **facts}
        request = messages.request(do, **given)
        done = subprocess.run(
            command or leader_command(sys.executable),
            input=request,
            capture_output=True,
            text=True,
        )
        if was_not_taken(done.returncode):
            return {"found": "nobody"}
        return messages.read_answer(done.returncode, done.stdout, done.stderr)

    return ask


def waiting_leader(command: list[str]) -> int | None:
    """Return the id of the leader that waits; None if none does. `command` reaches it."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(f"{command[-2]}/waiting")
        except OSError:
            return None
        size = struct.calcsize("3i")
        facts = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return int(struct.unpack("3i", facts)[0])


def wait_for_end(process: int) -> None:
    deadline = monotonic() + 30
    while psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE:
        assert monotonic() < deadline, "the leader still runs"
        sleep(0.05)


@pytest.fixture
def plan(ask: Ask) -> dict[str, Any]:
    answer = ask("plan", kind="upgrade", arguments={"names": ["seedshelf"]})
    plan: dict[str, Any] = answer["plan"]
    return plan


def test_leader_loads_only_what_its_request_needs() -> None:
    """The imports are half of the processor time of a request."""
    code = "import sys, pkgwidgets.cluster.leader; print(*sys.modules)"
    argv = [sys.executable, "-I", "-c", code]
    loaded = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    late = {f"pkgwidgets.operations.{name}" for name in ("apply", "planning", "preparation")}
    assert not late & {*loaded}


def test_survey_reads_what_is_installed(ask: Ask, garden: Demo) -> None:
    facts = ask("survey")
    assert facts["prefix"] == str(garden.folder / "env")
    assert facts["packages"]["seedshelf"] == "1.4.1"
    assert facts["problem"] == ""


def test_prepare_and_commit_apply_a_plan(ask: Ask, garden: Demo, plan: dict[str, Any]) -> None:
    ask("prepare", plan=plan, change="c")
    assert ask("survey")["packages"]["seedshelf"] == "1.4.1"
    assert ask("commit", plan=plan, change="c")["transaction"]
    assert ask("survey")["packages"]["seedshelf"] == "1.4.2"


def test_commit_takes_what_was_prepared_without_an_index(
    ask: Ask, garden: Demo, plan: dict[str, Any]
) -> None:
    ask("prepare", plan=plan, change="c")
    garden.index.down = True
    ask("commit", plan=plan, change="c")
    assert ask("survey")["packages"]["seedshelf"] == "1.4.2"


def test_leader_that_prepared_a_plan_commits_it_and_ends(
    ask: Ask, garden: Demo, plan: dict[str, Any]
) -> None:
    command = ask("prepare", plan=plan, change="c")["waiting"]
    leader = waiting_leader(command)
    assert leader is not None
    garden.index.down = True
    assert ask("commit", command, plan=plan, change="c")["transaction"]
    assert ask("survey")["packages"]["seedshelf"] == "1.4.2"
    wait_for_end(leader)
    data = garden.folder / "env" / ".pkgwidgets"
    assert [*(data / "leader").iterdir(), *(data / "prepared").iterdir()] == []


def test_waiting_leader_commits_only_what_it_prepared(
    ask: Ask, plan: dict[str, Any], tree: Oracle, garden: Demo
) -> None:
    before = tree(garden.folder / "env")
    command = ask("prepare", plan=plan, change="c")["waiting"]
    other = ask("plan", kind="upgrade", arguments={"names": ["raintable"]})["plan"]
    with pytest.raises(WorkerFailed, match="not the commit of what was prepared"):
        ask("commit", command, plan=other, change="c")
    assert tree(garden.folder / "env") == before
    assert ask("commit", command, plan=plan, change="c") == {"found": "nobody"}
    assert ask("commit", plan=plan, change="c")["transaction"]


def test_new_leader_commits_after_the_waiting_one_was_killed(
    ask: Ask, garden: Demo, plan: dict[str, Any]
) -> None:
    command = ask("prepare", plan=plan, change="c")["waiting"]
    leader = waiting_leader(command)
    assert leader is not None
    os.kill(leader, signal.SIGKILL)
    wait_for_end(leader)
    assert ask("commit", command, plan=plan, change="c") == {"found": "nobody"}
    garden.index.down = True
    assert ask("commit", plan=plan, change="c")["transaction"]
    assert not [*(garden.folder / "env" / ".pkgwidgets" / "prepared").iterdir()]


def test_revert_ends_the_waiting_leader_and_nothing_is_left(
    ask: Ask, garden: Demo, plan: dict[str, Any]
) -> None:
    command = ask("prepare", plan=plan, change="c")["waiting"]
    leader = waiting_leader(command)
    assert leader is not None
    assert ask("revert", plan=plan["id"], change="c") == {"undone": False}
    wait_for_end(leader)
    assert ask("commit", command, plan=plan, change="c") == {"found": "nobody"}
    data = garden.folder / "env" / ".pkgwidgets"
    assert [*(data / "leader").iterdir(), *(data / "prepared").iterdir()] == []


def test_leader_does_not_wait_for_a_client_that_is_gone(garden: Demo, plan: dict[str, Any]) -> None:
    facts = {"python": str(garden.python), "index_url": garden.index_url}
    reading, writing = os.pipe()
    os.close(reading)
    request = messages.request("prepare", plan=plan, change="c", **facts)
    subprocess.run(leader_command(sys.executable), input=request.encode(), stdout=writing)
    os.close(writing)
    permits = commit_permits(connect(garden.python))
    deadline = monotonic() + 60
    while not permits.is_granted("c"):
        assert monotonic() < deadline, "the leader prepared nothing"
        sleep(0.05)
    folder = garden.folder / "env" / ".pkgwidgets" / "leader"
    while not folder.is_dir() or [*folder.iterdir()]:
        assert monotonic() < deadline, "the leader waits"
        sleep(0.05)


def test_waiting_leader_loads_nothing_of_pkgwidgets_while_it_commits(
    garden: Demo, plan: dict[str, Any]
) -> None:
    """The plan may replace the files of pkgwidgets."""
    code = (
        "import json, sys; import pkgwidgets.cluster.leader as own;"
        "real = own._commit; read = lambda: {n for n in sys.modules if n.startswith('pkgw')}\n"
        "def commit(*given):\n"
        "    before = read(); answer = real(*given)\n"
        "    return {**answer, 'late': sorted(read() - before)}\n"
        "own._commit = commit; own.main()"
    )
    facts = {"python": str(garden.python), "index_url": garden.index_url}

    def ask(do: str, command: list[str]) -> dict[str, Any]:
        request = messages.request(do, plan=plan, change="c", **facts)
        done = subprocess.run(command, input=request, capture_output=True, text=True)
        return messages.read_answer(done.returncode, done.stdout, done.stderr)

    command = ask("prepare", [sys.executable, "-I", "-c", code])["waiting"]
    assert ask("commit", command)["late"] == []


def test_second_commit_does_nothing(ask: Ask, plan: dict[str, Any]) -> None:
    ask("prepare", plan=plan, change="c")
    first, second = (ask("commit", plan=plan, change="c") for _ in range(2))
    assert first == second


def test_commit_without_a_permit_changes_nothing(
    ask: Ask, garden: Demo, plan: dict[str, Any], tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    ask("prepare", plan=plan, change="other")
    with pytest.raises(Cancelled):
        ask("commit", plan=plan, change="c")
    assert tree(garden.folder / "env") == before


def test_revert_restores_each_file(
    ask: Ask, garden: Demo, plan: dict[str, Any], tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    ask("prepare", plan=plan, change="c")
    ask("commit", plan=plan, change="c")
    assert tree(garden.folder / "env") != before
    assert ask("revert", plan=plan["id"], change="c") == {"undone": True}
    assert tree(garden.folder / "env") == before
    assert ask("revert", plan=plan["id"], change="c") == {"undone": False}


def test_late_commit_after_a_revert_changes_nothing(
    ask: Ask, garden: Demo, plan: dict[str, Any], tree: Oracle
) -> None:
    before = tree(garden.folder / "env")
    ask("prepare", plan=plan, change="c")
    assert ask("revert", plan=plan["id"], change="c") == {"undone": False}
    with pytest.raises(Cancelled):
        ask("commit", plan=plan, change="c")
    assert tree(garden.folder / "env") == before


def test_revert_waits_for_another_process_and_forbids_its_commit(
    ask: Ask, garden: Demo, plan: dict[str, Any]
) -> None:
    ask("prepare", plan=plan, change="c")
    backend = connect(garden.python, garden.index_url)
    request = messages.request(
        "commit",
        python=str(garden.python),
        index_url=garden.index_url,
        plan=plan,
        change="c",
    )
    with backend.environment.locked("a test"):
        waiting = subprocess.Popen(
            leader_command(sys.executable),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdin is not None
        waiting.stdin.write(request)
        waiting.stdin.close()
        waiting.stdin = None
        commit_permits(backend).withdraw("c")
    output, errors = waiting.communicate(timeout=60)
    with pytest.raises(Cancelled):
        messages.read_answer(0, output, errors)
    assert ask("revert", plan=plan["id"], change="c") == {"undone": False}
    assert ask("survey")["packages"]["seedshelf"] == "1.4.1"


def test_plan_for_another_state_is_stale(ask: Ask, garden: Demo, plan: dict[str, Any]) -> None:
    PackageService(garden.python, index_url=garden.index_url).upgrade_package("raintable")
    with pytest.raises(StalePlan):
        ask("prepare", plan=plan, change="c")


def test_edited_plan_is_refused(ask: Ask, plan: dict[str, Any]) -> None:
    plan["changes"][0]["sha256"] = "0" * 64
    with pytest.raises(WorkerFailed, match="not the hash of its changes"):
        ask("prepare", plan=plan, change="c")


def test_undo_is_planned_by_the_id_of_the_plan(ask: Ask, plan: dict[str, Any]) -> None:
    ask("prepare", plan=plan, change="c")
    ask("commit", plan=plan, change="c")
    undo = ask("plan", kind="undo", arguments={"plan": plan["id"]})["plan"]
    assert undo["undoes"]
    ask("prepare", plan=undo, change="d")
    ask("commit", plan=undo, change="d")
    assert ask("survey")["packages"]["seedshelf"] == "1.4.1"
    with pytest.raises(InvalidRequest, match="no transaction in force"):
        ask("plan", kind="undo", arguments={"plan": plan["id"]})


def test_error_of_the_environment_is_raised_by_the_client(ask: Ask) -> None:
    with pytest.raises(PackageNotFound, match="sprinkler"):
        ask("plan", kind="upgrade", arguments={"names": ["sprinkler"]})


@pytest.mark.parametrize(
    ("returncode", "stdout", "stderr", "words"),
    [
        (1, "", "Traceback\nNo module named pkgwidgets\n", "No module named pkgwidgets"),
        (-9, "", "", "without an answer"),
        (0, "[]", "", "without an answer"),
        (0, '{"format": 1}', "", "without an answer"),
        (0, '{"format": 1, "error": {"code": "unheard-of"}}', "what?", "what?"),
        (0, '{"format": 9, "result": {}}', "", "another version"),
    ],
)
def test_other_output_is_an_error(returncode: int, stdout: str, stderr: str, words: str) -> None:
    with pytest.raises(WorkerFailed, match=words):
        messages.read_answer(returncode, stdout, stderr)


def test_leader_loads_neither_pandas_nor_distributed() -> None:
    code = (
        "import sys, pkgwidgets.cluster.leader;"
        "print(*{'pandas', 'distributed', 'IPython', 'tornado'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()) == (0, []), done.stderr


def test_request_of_another_version_is_refused(ask: Ask) -> None:
    request = json.dumps({"format": 0, "do": "survey"})
    done = subprocess.run(
        leader_command(sys.executable), input=request, capture_output=True, text=True
    )
    with pytest.raises(WorkerFailed, match="another version of pkgwidgets"):
        messages.read_answer(done.returncode, done.stdout, done.stderr)


def test_survey_answers_a_question_at_once(ask: Ask, plan: dict[str, Any]) -> None:
    names = ["sprinkler", "seedshelf"]
    facts = ask("survey", plan={"kind": "upgrade", "arguments": {"names": names}})
    assert facts["packages"]["seedshelf"] == "1.4.1"
    assert facts["first"]["plan"]["changes"] == plan["changes"]


def test_survey_of_none_of_the_names_plans_nothing(ask: Ask) -> None:
    assert "first" not in ask("survey", plan={"kind": "upgrade", "arguments": {"names": ["x"]}})


def test_survey_tells_why_there_is_no_plan(ask: Ask) -> None:
    arguments = {"requirements": ["seedshelf==99"]}
    facts = ask("survey", plan={"kind": "install", "arguments": arguments})
    assert "seedshelf" in str(facts["first"]["error"])
    assert facts["packages"]["seedshelf"] == "1.4.1"
