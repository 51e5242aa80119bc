"""Holds in a real environment: every plan obeys, the history has them, and undo works."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pkgwidgets import (
    InvalidRequest,
    PackageNotFound,
    PackageService,
    PlanImpossible,
    PolicyUnreadable,
)
from pkgwidgets.demo import Demo


@pytest.fixture
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


@pytest.fixture
def file(service: PackageService) -> Path:
    file = service.prefix / "pkgwidgets.toml"
    file.unlink(missing_ok=True)  # the demo's own settings
    return file


def test_every_plan_obeys_a_hold(service: PackageService) -> None:
    free = {*service.plan_upgrade().pins}
    service.hold("raintable", "<2.4", reason="charts.ipynb needs 2.0")
    held = service.plan_upgrade()
    assert free - {*held.pins} == {"raintable==3.1.0"}
    assert service.plan_upgrade("raintable", allow="all").pins == ()
    (reason,) = (held.reason for held in service.plan_upgrade("raintable").held_back)
    assert "charts.ipynb needs 2.0" in reason
    assert "raintable<2.4" in reason
    with pytest.raises(PlanImpossible, match=r"charts\.ipynb needs 2\.0 \(raintable<2\.4\)"):
        service.plan_upgrade("raintable", "2.4.0")
    with pytest.raises(PlanImpossible):
        service.plan_install("raintable>=2.4", allow="all")


def test_row_says_since_when_by_whom_and_why(service: PackageService) -> None:
    tomorrow = datetime.now().astimezone().date() + timedelta(days=1)
    service.hold("Rain_Table".replace("_", ""), "<2.4", reason="charts", until=tomorrow)
    row = service.get_package("raintable", check_updates=True)
    user = service.values.history()[-1].requester
    assert f"a hold since {datetime.now(UTC):%Y-%m-%d} by {user} until {tomorrow}: charts" in (
        row.blocked_by
    )
    assert (row.latest_version, row.compatible_version) == ("3.1.0", "2.0.0")


def test_history_has_each_change_and_undo_takes_it_back(
    service: PackageService, file: Path
) -> None:
    file.write_text("# Ours.\n\n[min-age]\nage = '1d'  # one day\n", "utf-8")
    before = file.read_bytes()
    held = service.hold("raintable", "<3", reason="charts")
    after = file.read_bytes()
    assert held.outcome.value == "committed"
    assert service.history().loc[held.id, "changes"] == "hold raintable<3"
    unheld = service.unhold("raintable")
    assert file.read_bytes() == before
    assert service.undo().undoes == unheld.id
    assert file.read_bytes() == after
    assert service.undo().undoes == held.id
    assert file.read_bytes() == before
    assert service.history()["changes"].to_list() == [
        "unhold raintable<3",
        "hold raintable<3",
        "unhold raintable<3",
        "hold raintable<3",
    ]


def test_undo_of_a_hold_and_of_an_upgrade_do_not_touch_each_other(
    service: PackageService,
) -> None:
    upgraded = service.upgrade_package("seedshelf")
    service.hold("raintable", "<3")
    assert service.undo(upgraded).undoes == upgraded.id
    assert service.get_package("seedshelf").version == "1.4.1"
    assert service.values.holds()[0].name == "raintable"


def test_undo_is_refused_if_the_hold_was_edited_since(service: PackageService, file: Path) -> None:
    held = service.hold("raintable", "<3", reason="charts")
    file.write_text(file.read_text("utf-8").replace("charts", "maps"), "utf-8")
    with pytest.raises(InvalidRequest, match="the hold was changed since"):
        service.undo(held)
    assert service.values.holds()[0].reason == "maps"


def test_hold_again_changes_the_reason_and_other_versions_add_a_hold(
    service: PackageService,
) -> None:
    service.hold("raintable", "<3")
    service.hold("raintable", "< 3", reason="charts")
    service.hold("raintable", "!=2.4.0", reason="broken")
    again = service.hold("raintable", "!=2.4.0", reason="broken")
    assert again.id == ""  # nothing to do
    own = [row for row in service.values.holds() if row.source == "pkgwidgets.toml"]
    assert [(row.versions, row.reason) for row in own] == [("< 3", "charts"), ("!=2.4.0", "broken")]
    service.unhold("raintable", "!=2.4")
    assert service.values.holds()[0].versions == "< 3"
    with pytest.raises(InvalidRequest, match=r"There is no hold of raintable!=2\.4"):
        service.unhold("raintable", "!=2.4")


def test_installed_version_that_a_hold_forbids_stays(service: PackageService) -> None:
    done = service.hold("seedshelf", "<1.4")
    assert "is installed and stays" in done.plan.notes[0]
    assert "seedshelf" not in {change.id for change in service.plan_upgrade().changes}
    assert service.plan_upgrade("seedshelf").pins == ()


def test_ended_hold_limits_nothing(service: PackageService, file: Path) -> None:
    free = {*service.plan_upgrade().pins}
    file.write_text("[[hold]]\nname='raintable'\nversions='<2'\nuntil=2026-01-01\n", "utf-8")
    assert {*service.plan_upgrade().pins} == free
    assert not service.holds().loc["raintable", "active"]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (("a b",), {}),
        (("raintable", "3"), {}),
        (("raintable", ""), {}),
        (("raintable", 3), {}),
        (("raintable", "<3"), {"until": "soon"}),
        (("raintable", "<3"), {"until": "2020-01-01"}),
        (("raintable", "<3"), {"until": 7}),
        (("raintable", "<3"), {"reason": "two\nlines"}),
        (("raintable", "<3"), {"reason": "x" * 201}),
        (("raintable", "<3"), {"reason": "\ud800"}),
        (("raintable", "<3"), {"reason": 3}),
    ],
)
def test_bad_input_is_refused_before_anything_happens(
    service: PackageService, file: Path, arguments: tuple[str, ...], options: dict[str, str]
) -> None:
    with pytest.raises(InvalidRequest):
        service.hold(*arguments, **options)
    assert not file.exists()
    assert service.history().empty


def test_hold_without_versions_needs_an_installed_package(service: PackageService) -> None:
    service.hold("seedshelf")
    assert service.values.holds()[0].versions == "==1.4.1"
    with pytest.raises(PackageNotFound):
        service.hold("nowhere")
    service.hold("nowhere", "<3")  # it may come as a dependency


def test_broken_file_is_an_error_before_anything_and_nothing_is_lost(
    service: PackageService, file: Path
) -> None:
    file.write_text("# ours\n[[hold]]\nname = raintable\n", "utf-8")
    before = file.read_bytes()
    for call in (
        service.plan_upgrade,
        service.check_for_updates,
        service.holds,
        lambda: service.hold("seedshelf"),
        lambda: service.unhold("seedshelf"),
        lambda: service.plan_install("seedshelf>=1.4.2"),
    ):
        with pytest.raises(PolicyUnreadable, match=r"pkgwidgets\.toml, line 3 cannot be used"):
            call()
    assert len(service.get_packages()) == 11  # what is installed can be listed
    assert file.read_bytes() == before
    assert service.history().empty


def test_link_to_a_committed_file_stays_a_link(
    service: PackageService, file: Path, tmp_path: Path
) -> None:
    target = tmp_path / "policy.toml"
    target.write_text("# committed\n", "utf-8")
    file.symlink_to(target)
    service.hold("raintable", "<3")
    assert file.is_symlink()
    assert "raintable" in target.read_text("utf-8")
    service.undo()
    assert target.read_text("utf-8") == "# committed\n"


def test_settings_of_uv_are_listed_as_what_they_are(
    service: PackageService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_NO_CONFIG", raising=False)
    constraints = tmp_path / "limits.txt"
    constraints.write_text("raintable<3\n", "utf-8")
    monkeypatch.setenv("UV_CONSTRAINT", str(constraints))
    service.hold("seedshelf", "<2")
    frame = service.holds()
    assert frame.loc["raintable", "source"] == f"UV_CONSTRAINT={constraints}"
    assert frame.loc["seedshelf", "source"] == "pkgwidgets.toml"
    assert frame["name" if "name" in frame else "versions"].notna().all()


def test_interrupted_change_of_holds_is_rolled_back(service: PackageService, file: Path) -> None:
    file.write_text("# ours\n", "utf-8")
    backend = service._backend
    plan = service.hold("raintable", "<3").plan
    service.undo()
    transaction = backend.journal.start(plan)
    backend.journal.record(transaction.id, "LOCKED")
    size = backend.save_point(transaction.id).save([file])
    backend.journal.record(transaction.id, "SAVED", paths=1, bytes=size)
    backend.journal.record(transaction.id, "INTENT")
    file.with_name("new").write_text("[[hold]]", "utf-8")
    file.with_name("new").replace(file)
    again = PackageService(service.python, index_url=service.index_url)
    assert [entry.id for entry in again.list_recovered()] == [transaction.id]
    assert file.read_text("utf-8") == "# ours\n"
