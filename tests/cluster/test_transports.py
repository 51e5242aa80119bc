"""What every transport of a cluster does: the same tests for Dask and for ipyparallel."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cluster.dask_processes import dask_processes, share_own_packages
from cluster.engine_processes import engine_processes
from faults.tree import digest

from pkgwidgets import demo
from pkgwidgets.cluster import (
    ClusterFailed,
    ClusterRefused,
    ClusterService,
    EnvironmentUnreachable,
)
from pkgwidgets.cluster.any_cluster import cluster_of
from pkgwidgets.connect import leader_command
from pkgwidgets.core.errors import EnvironmentBusy, InvalidRequest
from pkgwidgets.core.events import Event
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.slow


@dataclass
class Workers:
    """Two environments with a worker each, and a client of their cluster."""

    client: Any
    gardens: list[Demo]

    @property
    def transport(self) -> Any:
        return cluster_of(self.client).transport

    def digests(self) -> list[str]:
        return [digest(garden.folder / "env") for garden in self.gardens]


@contextmanager
def dask_workers(folder: Path, gardens: list[Demo]) -> Iterator[Any]:
    with dask_processes(folder) as dask:
        for number, garden in enumerate(gardens):
            share_own_packages(garden)
            dask.start_worker(garden.python, f"w{number}", wait=False)
        dask.wait()
        yield dask.client


@pytest.fixture(params=["dask", "ipyparallel"], scope="module")
def workers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workers]:
    """Start workers of one kind; all of them use the index of the first garden."""
    folder = tmp_path_factory.mktemp(request.param)
    start = {"dask": dask_workers, "ipyparallel": engine_processes}[request.param]
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        gardens = [stack.enter_context(demo.start(folder / name)) for name in ("a", "b")]
        client = stack.enter_context(start(folder, gardens))
        yield Workers(client, gardens)


@pytest.fixture
def service(workers: Workers) -> ClusterService:
    return ClusterService(workers.client, index_url=workers.gardens[0].index_url)


def test_places_name_each_worker_and_its_environment(workers: Workers) -> None:
    places = asyncio.run(workers.transport.places())
    assert [place.error for place in places] == ["", ""]
    assert [place.name for place in places] == sorted(place.name for place in places)
    assert {place.prefix for place in places} == {
        os.path.realpath(garden.folder / "env") for garden in workers.gardens
    }
    assert {place.python for place in places} == {str(g.python) for g in workers.gardens}
    assert {place.python_version for place in places} == {".".join(map(str, sys.version_info[:3]))}


def test_process_runs_in_a_session_of_its_own(workers: Workers) -> None:
    code = "import os, sys; print(sys.stdin.read(), os.getsid(0) == os.getpid()); sys.exit(3)"

    async def main() -> Any:
        place, *_ = await workers.transport.places()
        return await workers.transport.run(place.address, [place.python, "-c", code], "in", 60)

    done = asyncio.run(main())
    assert (done.returncode, done.stdout.split()) == (3, ["in", "True"])


def test_nannies_answer_while_a_process_runs(workers: Workers) -> None:
    """An engine has no nanny: it does one thing at a time, and its controller answers."""

    async def main() -> tuple[bool, int]:
        place, *_ = await workers.transport.places()
        argv = [place.python, "-c", "import sys; sys.stdin.read(); import time; time.sleep(5)"]
        running = asyncio.create_task(workers.transport.run(place.address, argv, "", 60))
        await asyncio.sleep(0.5)
        if workers.transport.kind.needs_nannies:
            await workers.transport.places()
        else:
            assert len(workers.client.ids) == 2
        was_running = not running.done()
        return was_running, (await running).returncode

    assert asyncio.run(main()) == (True, 0)


def test_process_that_cannot_start_is_an_error_of_its_environment(workers: Workers) -> None:
    async def main() -> None:
        place, *_ = await workers.transport.places()
        await workers.transport.run(place.address, ["/nowhere/python"], "", 60)

    with pytest.raises(EnvironmentUnreachable, match="No such file"):
        asyncio.run(main())


def test_place_that_is_gone_is_unreachable(workers: Workers) -> None:
    gone = "tcp://127.0.0.1:9" if workers.transport.kind.needs_nannies else "99"
    with pytest.raises(EnvironmentUnreachable):
        asyncio.run(workers.transport.run(gone, [sys.executable, "-V"], "", 60))


def test_loaded_versions_are_told_by_the_workers(workers: Workers) -> None:
    loaded = asyncio.run(workers.transport.loaded())
    names = {place.name for place in asyncio.run(workers.transport.places())}
    assert loaded.keys() == names
    assert all(versions and "tornado" in versions for versions in loaded.values())


def test_one_client_at_a_time_changes_a_cluster(workers: Workers) -> None:
    with (
        workers.transport.exclusive(1),
        pytest.raises(EnvironmentBusy, match="another client of this cluster"),
        workers.transport.exclusive(0.2),
    ):
        pass
    with workers.transport.exclusive(1):
        pass


def test_one_leader_in_each_environment_prepares_and_commits(
    workers: Workers, service: ClusterService, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = type(workers.transport)
    started, real = list[tuple[str, bool, int]](), kind.run

    async def run(self: Any, address: str, argv: Any, stdin: str, seconds: float) -> Any:
        done = await real(self, address, argv, stdin, seconds)
        is_leader = list(argv) == leader_command(argv[0])
        started.append((json.loads(stdin)["do"], is_leader, done.returncode))
        return done

    plan = service.plan_upgrade("seedshelf")
    monkeypatch.setattr(kind, "run", run)
    service.apply(plan, restart=False, hold=False)
    assert sorted(started) == [("commit", False, 0)] * 2 + [("prepare", True, 0)] * 2
    service.undo(restart=False, hold=False)


def test_service_plans_applies_and_undoes_in_all(workers: Workers, service: ClusterService) -> None:
    before = workers.digests()
    frame = service.environments()
    assert frame["problem"].isna().all()
    assert len(frame) == 2
    assert not service.drift().loc["seedshelf", "differs"]
    plan = service.plan_upgrade("seedshelf")
    assert workers.digests() == before
    done = service.apply(plan, restart=False, hold=False)
    assert (done.outcome, len(done.environments)) == ("committed", 2)
    assert {*service.drift().loc["seedshelf", list(frame.index)]} == {"1.4.2"}
    service.undo(restart=False, hold=False)
    assert workers.digests() == before


def test_failure_in_one_undoes_the_other(workers: Workers, service: ClusterService) -> None:
    plan, before = service.plan_upgrade("raintable"), workers.digests()
    second = list(service.environments().index)[1]
    edited = workers.gardens[1].site_packages / "raintable.py"
    content = edited.read_bytes()

    def edit(event: Event) -> None:
        if event.text == f"{second}: prepared":
            edited.write_bytes(content + b"# edited\n")

    with pytest.raises(ClusterFailed, match="has changed since") as raised:
        service.apply(plan, restart=False, hold=False, report=edit)
    edited.write_bytes(content)
    assert raised.value.unsettled == ()
    assert workers.digests() == before


def test_packages_of_the_running_cluster_are_refused(service: ClusterService) -> None:
    with pytest.raises(InvalidRequest, match="part of the running cluster"):
        service.plan_upgrade("tornado")


def test_engines_are_not_restarted_and_the_refusal_comes_first(
    workers: Workers, service: ClusterService
) -> None:
    plan, before = service.plan_upgrade("seedshelf"), workers.digests()
    if workers.transport.kind.needs_nannies:
        assert service.restart()["status"].to_list() == ["back", "back"]
        return
    for change in (service.apply, service.hold):
        with pytest.raises(ClusterRefused, match="can neither restart engines") as raised:
            change(plan)
        assert "restart=False, hold=False" in str(raised.value)
    with pytest.raises(ClusterRefused):
        service.restart()
    assert workers.digests() == before
    assert service.history()["outcome"].isin(["committed", "rolled back"]).all()


def test_client_of_something_else_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="neither `distributed` nor `ipyparallel`"):
        ClusterService(object())
