"""Workers that start during or after a change have its versions, or do not join."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cluster.cluster_tasks import loaded_and_installed, version_of
from cluster.dask_processes import TwoGardens, share_own_packages

from pkgwidgets import PackageService, demo
from pkgwidgets.core.events import Event
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow


def test_newcomer_gets_the_held_versions_or_does_not_join(two: TwoGardens, tmp_path: Path) -> None:
    service, client = two.service, two.dask.client
    plan = service.plan_upgrade("seedshelf")
    started: list[bool] = []

    with demo.start(tmp_path / "c") as c, demo.start(tmp_path / "d") as d:
        variables = {"UV_DEFAULT_INDEX": c.index_url}
        for garden in (c, d):
            share_own_packages(garden)

        def start_newcomer(event: Event) -> None:
            if event.text.endswith(": prepared") and not started:
                started.append(True)
                two.dask.start_worker(c.python, "early", variables=variables, wait=False)
                assert not two.dask.has_joined("early")

        service.apply(plan, report=start_newcomer)
        assert started
        assert "under way" in two.dask.log("early")

        two.dask.start_worker(c.python, "late", variables=variables, wait=False)
        assert two.dask.has_joined("late")
        assert client.submit(version_of, "seedshelf", workers=["late"]).result(60) == "1.4.2"
        assert PackageService(c.python).get_package("seedshelf").version == "1.4.2"

        d.index.publish(
            BuiltWheel(
                name="stickler",
                version="1",
                files={"stickler.py": ""},
                requires=("seedshelf<1.4.2",),
            )
        )
        blocked = PackageService(d.python, index_url=d.index_url)
        blocked.install_package("stickler")
        variables = {"UV_DEFAULT_INDEX": d.index_url}
        two.dask.start_worker(d.python, "blocked", variables=variables, wait=False)
        assert not two.dask.has_joined("blocked")
        assert "stickler" in two.dask.log("blocked")
        assert blocked.get_package("seedshelf").version == "1.4.1"

        service.unhold()
        two.dask.start_worker(d.python, "free", variables=variables, wait=False)
        assert two.dask.has_joined("free")
        two.dask.close()


def test_no_task_runs_on_a_mixed_set(two: TwoGardens) -> None:
    """Each task compares the version that its worker has loaded with the file on the disk."""
    client, plan = two.dask.client, two.service.plan_upgrade("seedshelf")
    answers: list[tuple[str, str, str]] = []

    def run_tasks(count: int = 20) -> None:
        numbers = range(len(answers), len(answers) + count)
        futures = client.map(
            loaded_and_installed, ["seedshelf"] * count, numbers, [0.1] * count, pure=False
        )
        answers.extend(client.gather(futures))

    run_tasks()
    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(two.service.apply, plan, report=lambda event: None)
        while not applied.done():
            run_tasks()
        applied.result()
    run_tasks()
    assert {loaded for _, loaded, _ in answers} == {"1.4.1", "1.4.2"}
    assert [answer for answer in answers if answer[1] != answer[2]] == []
    assert {prefix for prefix, _, _ in answers} == {
        str(garden.folder / "env") for garden in (two.a, two.b)
    }
