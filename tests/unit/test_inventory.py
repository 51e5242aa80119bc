"""Package rows are computed from the environment, the index and the journal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fakes import FakeKit, change_of, plan_of
from packaging.utils import canonicalize_name

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.error_json import error_to_json
from pkgwidgets.core.errors import (
    DiskFailed,
    EnvironmentBusy,
    IndexUnavailable,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    StageFailed,
)
from pkgwidgets.core.events import Event
from pkgwidgets.core.interfaces import ProjectAnswered
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.core.plans import Change
from pkgwidgets.demo import catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import dismissal, inventory

NEWER = {
    "allotboard": "1.67.0",
    "bedplanner": "2.3.0",
    "frostcall": "2.0.0",
    "harvestscale": "3.3.0",
    "raintable": "3.1.0",
    "seedshelf": "1.4.2",
    "sundrift": "1.2.0",
}


@pytest.fixture
def fake() -> FakeKit:
    return FakeKit()


def by_name(kit: FakeKit) -> dict[str, PackageInfo]:
    return {info.name: info for info in inventory.check_for_updates(kit.backend)}


def record_transaction(
    kit: FakeKit, change: Change | Sequence[Change], *steps: str, **facts: str
) -> str:
    changes = [change] if isinstance(change, Change) else change
    transaction_id = kit.journal.start(plan_of(*changes)).id
    for step in steps:
        kit.journal.record(transaction_id, step, **facts)
    return transaction_id


def seedshelf(kit: FakeKit) -> PackageInfo:
    return inventory.get_package(kit.backend, "seedshelf")


UPGRADE = change_of("seedshelf", "1.4.0", "1.4.1")


# --- installed packages


def test_packages_are_listed_without_the_index(fake: FakeKit) -> None:
    rows = inventory.get_packages(fake.backend)
    assert {f"{info.name}=={info.version}" for info in rows} == set(catalog.INSTALLED)
    assert [info.id for info in rows] == sorted(info.id for info in rows)
    assert {info.update_available for info in rows} == {None}
    assert {info.status for info in rows} == {PackageStatus.INSTALLED}
    assert fake.index.requests == []


@pytest.mark.parametrize("name", ["compost-log", "Compost_Log", "COMPOST.log"])
def test_any_spelling_of_a_name_finds_the_package(fake: FakeKit, name: str) -> None:
    row = inventory.get_package(fake.backend, name)
    assert (row.name, row.id, row.version) == ("Compost_Log", "compost-log", "0.9.0")
    assert row == inventory.get_package_by_id(fake.backend, "compost-log")


@pytest.mark.parametrize("check", [False, True])
def test_missing_package_raises_package_not_found(fake: FakeKit, check: bool) -> None:
    with pytest.raises(PackageNotFound, match="peas is not installed") as caught:
        inventory.get_package(fake.backend, "peas", check_updates=check)
    assert caught.value.name == "peas"
    with pytest.raises(PackageNotFound):
        inventory.get_package_by_id(fake.backend, "peas", check_updates=check)


@pytest.mark.parametrize(
    "name",
    ["", " ", "-", "--index-url=http://host.invalid", "-e .", "numpy\n", "../numpy", "/etc/passwd",
     "x @ https://u:p@host.invalid/x.whl", "\u0130stanbul", "\u212aelvin", "numpy\u200b", "_a",
     "a-", "a" * 101, 5, b"numpy"],
)  # fmt: skip
def test_invalid_name_is_refused_without_a_request(fake: FakeKit, name: str) -> None:
    with pytest.raises(InvalidRequest):
        inventory.get_package(fake.backend, name)
    with pytest.raises(InvalidRequest):
        inventory.get_package_by_id(fake.backend, name, check_updates=True)
    assert fake.index.requests == []


# --- updates


def test_updates_and_version_steps_are_found(fake: FakeKit) -> None:
    rows = by_name(fake)
    assert {n: info.latest_version for n, info in rows.items() if info.update_available} == NEWER
    assert {n for n, info in rows.items() if info.update_available is False} == {
        "beanpoles",
        "coldframe",
        "Compost_Log",
        "moonsower",
    }
    assert rows["seedshelf"].change is VersionStep.PATCH
    assert rows["bedplanner"].change is VersionStep.MINOR
    assert rows["frostcall"].change is VersionStep.MAJOR
    assert rows["beanpoles"].change is None
    assert rows["seedshelf"].released == datetime(2026, 9, 28, 9, 30, tzinfo=UTC)


def test_package_that_blocks_the_latest_version_is_named(fake: FakeKit) -> None:
    rain = by_name(fake)["raintable"]
    assert (rain.compatible_version, rain.blocked_by) == ("2.4.0", "allotboard (raintable<3)")
    free = by_name(fake)["frostcall"]
    assert (free.compatible_version, free.blocked_by) == ("2.0.0", "")


def test_compatible_version_is_the_installed_one_if_none_is_newer(fake: FakeKit) -> None:
    fake.index.wheels.pop("raintable-2.4.0-py3-none-any.whl")
    assert by_name(fake)["raintable"].compatible_version == "2.0.0"


def test_installed_prerelease_allows_newer_prereleases(fake: FakeKit) -> None:
    fake.publish(BuiltWheel(name="pea", version="2.0rc2"), BuiltWheel(name="pea", version="1.0"))
    fake.installer.put(BuiltWheel(name="pea", version="2.0rc1"), requested=True)
    assert by_name(fake)["pea"].latest_version == "2.0rc2"


def test_version_newer_than_the_index_has_no_update(fake: FakeKit) -> None:
    fake.publish(BuiltWheel(name="pea", version="1.0"))
    fake.installer.put(BuiltWheel(name="pea", version="9.0"), requested=True)
    pea = by_name(fake)["pea"]
    assert (pea.latest_version, pea.update_available, pea.change) == ("1.0", False, None)


def test_check_of_one_package_requests_only_its_project(fake: FakeKit) -> None:
    (row,) = inventory.check_for_updates(fake.backend, "Raintable")
    assert row.latest_version == "3.1.0"
    assert row.blocked_by == "allotboard (raintable<3)"
    assert fake.index.requests == ["raintable"]
    assert inventory.get_package(fake.backend, "raintable", check_updates=True) == row


def test_progress_is_reported_for_each_project(fake: FakeKit) -> None:
    events: list[Event] = []
    inventory.get_packages(fake.backend, check_updates=True, report=events.append)
    assert [event.done for event in events] == list(range(1, len(catalog.INSTALLED) + 1))


def test_rows_are_reported_as_results_arrive(fake: FakeKit) -> None:
    fake.index.failures[canonicalize_name("raintable")] = IndexUnavailable("here", "it is down")
    events: list[Event] = []
    rows = inventory.check_for_updates(fake.backend, report=events.append)
    packages = [event.package for event in events if event.package is not None]
    assert {row.id: row for row in packages} == {row.id: row for row in rows}
    assert any(row.update_available for row in packages)
    assert [row.error is not None for row in packages if row.id == "raintable"] == [True]
    assert not any(isinstance(event, ProjectAnswered) for event in events)


def test_requirements_are_cached_until_the_environment_changes(
    fake: FakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = dict(fake.environment.distributions())
    monkeypatch.setattr(fake.environment, "distributions", lambda: dict(installed))
    before = inventory.check_for_updates(fake.backend)
    with monkeypatch.context() as same:
        same.setattr(dependency_graph, "active_requirements", lambda *_: pytest.fail("read again"))
        assert inventory.check_for_updates(fake.backend) == before
    blocked = next(row for row in before if row.blocked_by)
    owner = canonicalize_name(blocked.blocked_by.partition(" ")[0])
    del installed[owner]
    after = {row.id: row for row in inventory.check_for_updates(fake.backend)}
    assert owner not in after
    assert owner not in after[blocked.id].blocked_by


def test_update_is_unknown_with_a_reason_if_its_project_fails(fake: FakeKit) -> None:
    name = canonicalize_name("seedshelf")
    fake.index.failures[name] = IndexUnavailable("http://x/", "it is tired")
    rows = by_name(fake)
    dead = rows.pop("seedshelf")
    assert (dead.latest_version, dead.update_available) == (None, None)
    assert dead.error == "The index http://x/ is not available: it is tired."
    assert dead.version == "1.4.1"
    assert None not in {info.update_available for info in rows.values()}


def test_all_updates_are_unknown_without_a_network(fake: FakeKit) -> None:
    fake.go_down()
    rows = by_name(fake)
    assert {info.update_available for info in rows.values()} == {None}
    assert all(info.error for info in rows.values())


def test_release_for_another_python_is_reported(fake: FakeKit) -> None:
    fake.publish(BuiltWheel(name="pea", version="2.0", requires_python=">=4"))
    fake.installer.put(BuiltWheel(name="pea", version="1.0"), requested=True)
    assert by_name(fake)["pea"].error == "no release of it supports this Python"


def test_update_is_unknown_with_a_reason_if_the_project_has_no_files(
    fake: FakeKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake.index, "_answer", lambda name: ())
    row = by_name(fake)["seedshelf"]
    assert row.update_available is None
    assert row.error


def test_unreadable_package_is_an_error_row_among_the_others(fake: FakeKit) -> None:
    fake.edit("seedshelf-1.4.1.dist-info/RECORD", b"garbage")
    for rows in (inventory.get_packages(fake.backend), inventory.check_for_updates(fake.backend)):
        (broken,) = (info for info in rows if info.status is PackageStatus.ERROR)
        assert (broken.name, broken.version, broken.latest_version) == ("seedshelf", "", None)
        assert broken.error is not None
        assert broken.error.startswith("its metadata cannot be read: ")
        assert broken.update_available is None
    assert "seedshelf" not in fake.index.requests


def test_none_as_a_name_is_refused(fake: FakeKit) -> None:
    with pytest.raises(InvalidRequest):
        inventory.get_package_by_id(fake.backend, None, check_updates=True)  # type: ignore[arg-type]


# --- history of a package


def test_running_upgrade_is_shown_as_status(fake: FakeKit) -> None:
    record_transaction(fake, UPGRADE, "STAGED", "INTENT")
    assert seedshelf(fake).status is PackageStatus.UPGRADING
    assert inventory.get_package(fake.backend, "frostcall").status is PackageStatus.INSTALLED


def test_running_installation_is_shown_as_status(fake: FakeKit) -> None:
    record_transaction(fake, change_of("seedshelf", None, "1.4.1"), "STAGED")
    assert seedshelf(fake).status is PackageStatus.INSTALLING


FAILING = replace(change_of("seedshelf", "1.4.1", "1.4.2"), requested=True)
FAILURE = json.dumps(error_to_json(StageFailed("t", ("it did not import",))))


@pytest.mark.parametrize("end", ["ROLLED_BACK", "ABORTED"])
def test_failed_change_of_a_healthy_package_is_a_note_and_no_status(
    fake: FakeKit, end: str
) -> None:
    record_transaction(fake, FAILING, end, error="it did not import", failure=FAILURE)
    row = seedshelf(fake)
    assert (row.status, row.error) == (PackageStatus.INSTALLED, None)
    assert (row.failed_change, row.has_failed_change) == ("it did not import", True)
    checked = inventory.get_package(fake.backend, "seedshelf", check_updates=True)
    assert (checked.failed_change, checked.latest_version) == ("it did not import", "1.4.2")


def test_package_with_files_of_an_incomplete_rollback_is_an_error(fake: FakeKit) -> None:
    record_transaction(fake, FAILING, "INCOMPLETE", error="it did not import")
    row = seedshelf(fake)
    assert (row.status, row.error) == (PackageStatus.ERROR, "it did not import")
    assert (row.has_incomplete_rollback, row.failed_change) == (True, "")


def test_package_whose_files_were_all_restored_is_no_error(fake: FakeKit) -> None:
    path = str(fake.environment.interpreter.scheme["purelib"] / "frostcall.py")
    record_transaction(fake, FAILING, "INCOMPLETE", error="no", paths=json.dumps([path]))
    assert seedshelf(fake).status is PackageStatus.INSTALLED


@pytest.mark.parametrize("error", [DiskFailed("t", "/x", "full"), EnvironmentBusy("a terminal")])
def test_failure_that_is_no_fault_of_packages_is_noted_nowhere(
    fake: FakeKit, error: PkgwidgetsError
) -> None:
    failure = json.dumps(error_to_json(error))
    record_transaction(fake, FAILING, "ABORTED", error="no", failure=failure)
    assert seedshelf(fake).failed_change == ""


def test_failure_of_one_of_several_requested_packages_is_noted_nowhere(fake: FakeKit) -> None:
    both = [FAILING, replace(change_of("frostcall", "1.9.3", "2.0.0"), requested=True)]
    record_transaction(fake, both, "ABORTED", error="no", failure=FAILURE)
    assert not any(row.failed_change for row in inventory.get_packages(fake.backend))


def test_note_ends_when_another_program_changes_the_package(fake: FakeKit) -> None:
    failing = replace(change_of("seedshelf", "1.4.0", "1.4.1"), requested=True)
    record_transaction(fake, failing, "ABORTED", error="no", failure=FAILURE)
    assert seedshelf(fake).failed_change == ""


def test_note_can_be_dismissed(fake: FakeKit) -> None:
    record_transaction(fake, FAILING, "ABORTED", error="no", failure=FAILURE)
    assert seedshelf(fake).failed_change == "no"
    dismissal.dismiss_note(fake.backend, "Seedshelf")
    assert seedshelf(fake).failed_change == ""
    record_transaction(fake, FAILING, "ABORTED", error="no again", failure=FAILURE)
    assert seedshelf(fake).failed_change == "no again"
    with pytest.raises(PackageNotFound):
        dismissal.dismiss_note(fake.backend, "pea")


def test_later_commit_clears_the_note(fake: FakeKit) -> None:
    record_transaction(fake, FAILING, "ROLLED_BACK", error="no", failure=FAILURE)
    record_transaction(fake, UPGRADE, "COMMIT")
    assert seedshelf(fake).failed_change == ""


def test_commit_of_another_package_does_not_clear_the_note(fake: FakeKit) -> None:
    record_transaction(fake, FAILING, "ROLLED_BACK", error="no", failure=FAILURE)
    record_transaction(fake, change_of("frostcall", "1.9.2", "1.9.3"), "COMMIT")
    assert seedshelf(fake).failed_change == "no"


def test_last_upgraded_is_the_time_of_the_last_committed_upgrade(fake: FakeKit) -> None:
    assert seedshelf(fake).last_upgraded is None
    record_transaction(fake, change_of("seedshelf", None, "1.4.0"), "COMMIT")
    assert seedshelf(fake).last_upgraded is None
    record_transaction(fake, UPGRADE, "COMMIT")
    record_transaction(fake, UPGRADE, "ROLLED_BACK", error="no")
    (_, committed, _) = fake.journal.transactions()
    assert seedshelf(fake).last_upgraded == committed.finished
    assert inventory.get_package(fake.backend, "frostcall").last_upgraded is None


def test_relations_are_read_from_the_environment(fake: FakeKit) -> None:
    fake.publish(BuiltWheel(name="pea", version="1.0"))
    relations = inventory.get_dependencies(fake.backend, "Bedplanner")
    assert (relations.requires, relations.required_by) == (("beanpoles", "sundrift"), ())
    assert inventory.get_dependencies(fake.backend, "sundrift").required_by == ("bedplanner",)
    assert (relations.size or 0) > 100
    with pytest.raises(PackageNotFound):
        inventory.get_dependencies(fake.backend, "pea")
