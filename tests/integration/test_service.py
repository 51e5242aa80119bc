"""The service of a real environment: frames for many, values for one, changes and undo."""

from __future__ import annotations

import sys

import pandas as pd
import pytest
from fakes import Oracle

from pkgwidgets import PackageService
from pkgwidgets.core.errors import IndexUnavailable, InvalidRequest, PackageNotFound, StageFailed
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.packages import PackageStatus
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo, catalog
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.notebook import frames

NAMES = [pin.partition("==")[0] for pin in catalog.INSTALLED]


def outcomes(service: PackageService) -> list[str]:
    return [str(outcome) for outcome in service.history()["outcome"]]


# --- reading packages


def test_service_describes_its_environment(service: PackageService, garden: Demo) -> None:
    assert service.python == garden.python
    assert service.prefix == garden.folder / "env"
    assert service.index_url == garden.index_url
    assert service.python_version == ".".join(map(str, sys.version_info[:3]))
    assert service.read_only_reason() is None
    assert repr(service).startswith(f"PackageService({service.prefix}")


def test_package_frame_has_the_documented_columns_and_types(service: PackageService) -> None:
    for frame in (service.get_packages(), service.get_packages(check_updates=True)):
        assert frame.index.name == "name"
        assert list(frame.index) == NAMES
        assert list(frame.columns) == list(frames.PACKAGES)
        assert [str(dtype) for dtype in frame.dtypes] == [
            str(pd.api.types.pandas_dtype(dtype)) for dtype in frames.PACKAGES.values()
        ]


def test_updates_are_unknown_before_the_check(service: PackageService, garden: Demo) -> None:
    frame = service.get_packages()
    for column in ("latest_version", "compatible_version", "update_available", "released"):
        assert frame[column].isna().all()
    assert garden.index.requests == []
    assert frame.loc["beanpoles", "requested"] == False  # noqa: E712 - a pandas boolean
    assert (frame["status"] == "installed").all()
    assert frame.loc["seedshelf", "install_path"] == str(garden.site_packages)


def test_check_for_updates_returns_the_updates(service: PackageService) -> None:
    frame = service.check_for_updates()
    assert frame.loc["raintable", "blocked_by"] == "allotboard (raintable<3)"
    assert frame.loc["raintable", "compatible_version"] == "2.4.0"
    assert frame.loc["seedshelf", "change"] == "patch"
    assert frame["update_available"].sum() == 7
    (only,) = service.check_for_updates("Seedshelf").to_dict("records")
    assert only["latest_version"] == "1.4.2"
    assert service.values.updates("seedshelf")[0].latest_version == "1.4.2"


def test_packages_are_listed_if_the_index_is_down(service: PackageService, garden: Demo) -> None:
    garden.index.down = True
    frame = service.check_for_updates()
    assert frame["update_available"].isna().all()
    assert frame["error"].notna().all()
    assert list(frame.index) == NAMES


def test_get_package_returns_one_value(service: PackageService) -> None:
    package = service.get_package("compost.LOG")
    assert (package.name, package.id, package.version) == ("Compost_Log", "compost-log", "0.9.0")
    assert package == service.get_package_by_id("compost-log")
    assert package.update_available is None
    assert service.get_package("raintable", check_updates=True).latest_version == "3.1.0"


def test_unreadable_package_is_an_error_row_in_the_frame(
    service: PackageService, garden: Demo
) -> None:
    (garden.site_packages / "seedshelf-1.4.1.dist-info" / "METADATA").unlink()
    frame = service.get_packages(check_updates=True)
    assert frame.loc["seedshelf", "status"] == "error"
    assert "METADATA is missing" in str(frame.loc["seedshelf", "error"])
    assert frame["update_available"].isna().sum() == 1


def test_packages_of_another_interpreter_are_not_loaded(service: PackageService) -> None:
    assert service.get_packages()["loaded_version"].isna().all()
    assert service.plan_upgrade("seedshelf").restart is not None


# --- refusals


def test_missing_package_and_invalid_name_are_refused(
    service: PackageService, garden: Demo
) -> None:
    with pytest.raises(PackageNotFound):
        service.get_package("peas")
    with pytest.raises(PackageNotFound):
        service.upgrade_package("peas")
    for name in ("", "--pre", "../x", "a b"):
        for call in (service.get_package, service.upgrade_package, service.install_package):
            with pytest.raises(InvalidRequest):
                call(name)
    assert garden.index.requests == []


# --- changes


def test_upgrade_and_undo_restore_the_environment(
    service: PackageService, tree: Oracle, garden: Demo
) -> None:
    before = tree(service.prefix)
    done = service.upgrade_package("seedshelf")
    assert (done.outcome, str(done)) == (Outcome.COMMITTED, "seedshelf 1.4.1 → 1.4.2")
    package = service.get_package("seedshelf")
    assert (package.version, package.status) == ("1.4.2", PackageStatus.INSTALLED)
    assert package.last_upgraded is not None
    assert tree(service.prefix) != before
    garden.index.down = True
    undone = service.undo(done)
    assert undone.plan.undoes == done.id
    assert tree(service.prefix) == before
    history = service.history()
    assert list(history.index) == [undone.id, done.id]
    assert list(history["undone_by"].fillna("")) == ["", undone.id]
    assert history.loc[undone.id, "changes"] == "seedshelf 1.4.2 → 1.4.1"
    assert list(history.columns) == list(frames.HISTORY)


def test_upgrade_installs_the_given_version(service: PackageService) -> None:
    assert str(service.upgrade_package("raintable", "2.4")) == "raintable 2.0.0 → 2.4.0"
    assert str(service.upgrade_package("raintable", "2.0.0")) == "raintable 2.4.0 → 2.0.0"


def test_empty_plan_leaves_no_history_entry(service: PackageService, tree: Oracle) -> None:
    before = tree(service.prefix)
    done = service.upgrade_package("beanpoles")
    assert (done.outcome, done.changes) == (Outcome.COMMITTED, ())
    assert service.install_package("seedshelf").changes == ()
    assert service.history().empty
    assert tree(service.prefix) == before


def test_upgrade_of_all_packages_is_one_transaction(service: PackageService, garden: Demo) -> None:
    garden.index.withdraw("harvestscale", "3.3.0")
    frame = service.upgrade_all_packages()
    assert list(frame.index) == [
        "allotboard", "bedplanner", "frostcall", "raintable", "seedshelf", "sundrift"
    ]  # fmt: skip
    assert set(frame["status"]) == {"committed"}
    assert (frame.at["raintable", "before"], frame.at["raintable", "after"]) == ("2.0.0", "3.1.0")
    assert frame["transaction"].nunique() == len(service.history()) == 1
    assert service.upgrade_all_packages().empty
    assert not service.get_packages(check_updates=True)["update_available"].any()


def test_one_bad_release_leaves_the_environment_unchanged(
    service: PackageService, tree: Oracle
) -> None:
    before = tree(service.prefix)
    with pytest.raises(StageFailed, match="harvestscale"):
        service.upgrade_all_packages()
    assert tree(service.prefix) == before
    assert outcomes(service) == ["aborted"]
    frame = service.get_packages()
    assert set(frame["status"]) == {"installed"}  # it is intact
    noted = {row.name: row.failed_change for row in service.values.packages() if row.failed_change}
    assert [*noted] == ["harvestscale"]
    assert "cannot be imported" in noted["harvestscale"]
    service.upgrade_package("seedshelf")
    assert service.get_package("seedshelf").status is PackageStatus.INSTALLED


def test_install_and_uninstall_leave_the_environment_unchanged(
    service: PackageService, garden: Demo, tree: Oracle
) -> None:
    garden.index.publish(BuiltWheel(name="pea", version="1.0", files={"pea.py": ""}))
    before = tree(service.prefix)
    assert str(service.install_package("pea>=1")) == "pea 1.0 (new)"
    assert service.get_package("pea").requested
    assert str(service.uninstall_package("Pea")) == "pea 1.0 (removed)"
    assert tree(service.prefix) == before
    with pytest.raises(PackageNotFound):
        service.get_package("pea")


def test_marks_that_say_nothing_still_say_nothing_after_an_installation(
    service: PackageService, garden: Demo
) -> None:
    """uv marks all that it installs; a plan marks only what was requested."""
    for folder in garden.site_packages.glob("*.dist-info"):
        (folder / "REQUESTED").touch()
    before = requested_names(service)
    assert not before & {"raintable", "sundrift", "beanpoles"}  # others require these
    dependency = BuiltWheel(name="pod", version="1.0", files={"pod.py": ""})
    asked = BuiltWheel(name="pea", version="1.0", files={"pea.py": ""}, requires=("pod",))
    garden.index.publish(dependency, asked)
    service.install_package("pea")
    assert requested_names(service) == before | {"pea"}
    service.upgrade_package("raintable")
    assert requested_names(service) == before | {"pea"}
    service.undo()
    service.undo()
    assert requested_names(service) == before


def requested_names(service: PackageService) -> set[str]:
    return {row.name for row in service.values.packages() if row.requested}


def test_undo_is_refused_if_nothing_can_be_undone(service: PackageService) -> None:
    with pytest.raises(InvalidRequest):
        service.undo()
    with pytest.raises(InvalidRequest):
        service.undo("unknown")
    done = service.upgrade_package("seedshelf")
    service.undo()
    with pytest.raises(InvalidRequest):
        service.undo(done.id)


def test_unavailable_index_raises_index_unavailable(service: PackageService, garden: Demo) -> None:
    garden.index.down = True
    with pytest.raises(IndexUnavailable):
        service.upgrade_package("seedshelf")
    assert service.history().empty


def test_long_calls_report_progress(service: PackageService) -> None:
    events: list[Event] = []
    service.get_packages(check_updates=True, report=events.append)
    assert {event.stage for event in events} == {Stage.ASKING}
    service.upgrade_package("seedshelf", report=events.append)
    assert events[-1].stage is Stage.DONE
    events.clear()
    service.undo(report=events.append)
    assert events[-1].stage is Stage.DONE


def test_quick_calls_show_no_progress_bar(
    service: PackageService, capfd: pytest.CaptureFixture[str]
) -> None:
    service.get_packages()
    service.check_for_updates("seedshelf")
    assert capfd.readouterr() == ("", "")


def test_two_services_of_one_environment_agree(service: PackageService, garden: Demo) -> None:
    other = PackageService(garden.python, index_url=garden.index_url)
    done = service.upgrade_package("seedshelf")
    assert other.get_package("seedshelf").version == "1.4.2"
    assert [transaction.id for transaction in other.values.history()] == [done.id]
    other.undo()
    assert service.get_package("seedshelf").version == "1.4.1"


def test_values_show_themselves_as_html_tables(service: PackageService) -> None:
    plan = service.plan_upgrade("seedshelf")
    done = service.apply(plan)
    for value in (plan, done, service.get_package("seedshelf")):
        assert str(value._repr_html_()).startswith("<table>")
