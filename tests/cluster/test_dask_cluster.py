"""One plan for a cluster of real `dask worker` processes with nannies."""

from __future__ import annotations

import pytest
from cluster.cluster_tasks import version_of
from cluster.dask_processes import DaskProcesses, TwoGardens, share_own_packages
from distributed import Client, Lock

from pkgwidgets import PackageService
from pkgwidgets.cluster import ClusterFailed, ClusterRefused, ClusterService
from pkgwidgets.core.errors import (
    Cancelled,
    EnvironmentBusy,
    InvalidRequest,
    PackageNotFound,
)
from pkgwidgets.core.events import Event
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_records")]


def test_plan_apply_and_undo_on_two_environments(two: TwoGardens) -> None:
    service, before = two.service, two.digests()
    frame = service.environments()
    assert frame["workers"].to_list() == ["a1", "b1"]
    assert frame["writable"].all()
    assert frame["nanny"].all()
    assert not service.drift().loc["seedshelf", "differs"]

    plan = service.plan_upgrade("seedshelf")
    assert plan.pins == ("seedshelf==1.4.2",)
    assert [key for key, _ in plan.changed] == two.names
    assert two.digests() == before

    old = two.dask.client.submit(version_of, "seedshelf", workers=["a1"]).result(60)
    events: list[Event] = []
    done = service.apply(plan, report=events.append)
    assert (done.outcome, done.error) == ("committed", "")
    assert len([event for event in events if event.text.endswith(": committed")]) == 2
    assert two.versions("seedshelf") == {"1.4.2"}
    futures = [two.dask.client.submit(version_of, "seedshelf", workers=[name], pure=False)
               for name in ("a1", "b1")]  # fmt: skip
    assert old == "1.4.1"
    assert [future.result(60) for future in futures] == ["1.4.2", "1.4.2"]

    service.undo()
    assert two.digests() == before
    history = service.history()
    assert history["outcome"].to_list() == ["committed", "committed"]
    assert history["undoes"].iloc[0] == done.id
    with pytest.raises(InvalidRequest, match="nothing to undo"):
        service.plan_undo()


def test_without_restart_drift_names_workers_with_old_versions(two: TwoGardens) -> None:
    service = two.service
    for name in ("a1", "b1"):
        two.dask.client.submit(version_of, "seedshelf", workers=[name], pure=False).result(60)
    service.drift()
    service.apply(service.plan_upgrade("seedshelf"), restart=False)
    loaded = str(service.drift().loc["seedshelf", "loaded"])
    assert loaded == "a1: 1.4.1, b1: 1.4.1"
    frame = service.restart()
    assert frame["status"].to_list() == ["back", "back"]
    assert frame["problem"].isna().all()
    assert service.drift()["loaded"].isna().all()


def test_align_gives_one_environment_the_versions_of_another(two: TwoGardens) -> None:
    PackageService(two.a.python, index_url=two.a.index_url).upgrade_package("seedshelf")
    frame = two.service.drift()
    assert frame.index[0] == "seedshelf"
    plan = two.service.plan_align(to=two.names[0])
    assert [(key, part.pins) for key, part in plan.changed] == [
        (two.names[1], ("seedshelf==1.4.2",))
    ]
    two.service.apply(plan)
    assert two.versions("seedshelf") == {"1.4.2"}
    assert not two.service.plan_align(to=two.names[0])


def test_blocker_in_one_environment_refuses_before_anything_begins(two: TwoGardens) -> None:
    before = two.digests()
    needs_old = BuiltWheel(
        name="stickler", version="1", files={"stickler.py": ""}, requires=("seedshelf<1.4.2",)
    )
    two.b.index.publish(needs_old)
    PackageService(two.b.python, index_url=two.b.index_url).install_package("stickler")
    changed = two.digests()
    with pytest.raises(ClusterRefused, match="stickler") as raised:
        two.service.plan_install("seedshelf==1.4.2")
    assert raised.value.environment == two.names[1]
    assert two.digests() == changed != before


def test_lowest_version_that_all_can_have_is_planned(two: TwoGardens) -> None:
    for version in ("1.4.3", "1.4.4"):
        wheel = BuiltWheel(name="seedshelf", version=version, files={"seedshelf.py": ""})
        two.a.index.publish(wheel)
        if version == "1.4.3":
            two.b.index.publish(wheel)
    assert two.service.plan_upgrade("seedshelf").pins == ("seedshelf==1.4.3",)
    with pytest.raises(InvalidRequest, match="scheduler and nannies are stopped"):
        two.service.plan_upgrade("distributed")
    with pytest.raises(PackageNotFound):
        two.service.plan_upgrade("sprinkler")


def test_worker_without_nanny_is_named_and_refused(dask: DaskProcesses, garden: Demo) -> None:
    share_own_packages(garden)
    dask.start_worker(garden.python, "lonely", nanny=False)
    service = ClusterService(dask.client, index_url=garden.index_url)
    frame = service.environments()
    assert not frame["nanny"].iloc[0]
    assert str(frame["problem"].iloc[0]).startswith("Its workers have no nanny")
    with pytest.raises(ClusterRefused, match="no nanny"):
        service.plan_upgrade("seedshelf")


def test_two_workers_of_an_environment_share_it(dask: DaskProcesses, garden: Demo) -> None:
    share_own_packages(garden)
    for name in ("w1", "w2"):
        dask.start_worker(garden.python, name)
    service = ClusterService(dask.client, index_url=garden.index_url)
    assert service.environments()["workers"].to_list() == ["w1, w2"]
    service.apply(service.plan_upgrade("seedshelf"))
    assert len(service.history()) == 1
    assert PackageService(garden.python).history()["outcome"].to_list() == ["committed"]


def test_scattered_data_refuses_a_restart(two: TwoGardens) -> None:
    plan, before = two.service.plan_upgrade("seedshelf"), two.digests()
    (kept,) = two.dask.client.scatter([b"rows"], workers=["a1"])
    with pytest.raises(ClusterRefused, match="would lose 1 key"):
        two.service.apply(plan)
    assert two.digests() == before
    assert kept.status == "finished"
    two.service.apply(plan, lose_data=True)
    assert two.versions("seedshelf") == {"1.4.2"}


def test_second_client_is_refused_meanwhile(two: TwoGardens) -> None:
    plan, before = two.service.plan_upgrade("seedshelf"), two.digests()
    with Client(two.dask.address) as other:
        lock = Lock("pkgwidgets", scheduler_rpc=other.scheduler, loop=other.loop)
        assert lock.acquire()
        with pytest.raises(EnvironmentBusy, match="another client of this cluster"):
            two.service.apply(plan)
        lock.release()
    assert two.digests() == before
    two.service.apply(plan)


def test_failure_in_the_second_environment_undoes_the_first(two: TwoGardens) -> None:
    plan, before = two.service.plan_upgrade("seedshelf"), two.digests()

    def change_b(event: Event) -> None:
        """Change the second environment once it is prepared; the first commits before it."""
        if event.text == f"{second}: prepared":
            edited.write_text("edited = True\n")

    second = two.names[1]
    edited = two.b.site_packages / "seedshelf.py"
    content = edited.read_bytes()
    with pytest.raises(ClusterFailed, match="has changed since") as raised:
        two.service.apply(plan, report=change_b)
    assert raised.value.unsettled == ()
    assert "undone" in raised.value.states[0]
    edited.write_bytes(content)
    assert two.digests() == before
    assert two.service.history()["outcome"].to_list() == ["rolled back"]


@pytest.mark.parametrize("state", ["prepared", "committed"])
def test_cancelled_report_undoes_everything(two: TwoGardens, state: str) -> None:
    plan, before = two.service.plan_upgrade("seedshelf"), two.digests()
    first = two.names[0]

    def cancel(event: Event) -> None:
        if event.text == f"{first}: {state}":
            raise Cancelled("")

    with pytest.raises(ClusterFailed, match="it was cancelled") as raised:
        two.service.apply(plan, report=cancel)
    assert raised.value.unsettled == ()
    assert two.digests() == before


def test_credentials_in_the_address_of_an_index_are_refused(dask: DaskProcesses) -> None:
    with pytest.raises(InvalidRequest, match="credentials") as raised:
        ClusterService(dask.client, index_url="https://me:secret@example.invalid/simple/")
    assert "secret" not in str(raised.value)
