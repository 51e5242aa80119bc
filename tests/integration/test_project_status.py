"""The status of projects (PEP 792) and yanked releases (PEP 592): in row, plan and frame."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pkgwidgets import PackageService, PlanImpossible
from pkgwidgets.backends.index import project_page
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel


@pytest.fixture
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


@pytest.mark.parametrize("media_type", ["json", "html"])
@pytest.mark.parametrize("status", ["archived", "deprecated"])
def test_status_is_in_row_frame_and_plan(
    garden: Demo,
    service: PackageService,
    monkeypatch: pytest.MonkeyPatch,
    status: str,
    media_type: str,
) -> None:
    if media_type == "html":
        respond = garden.index._respond
        monkeypatch.setattr(
            garden.index, "_respond", lambda target, accept: respond(target, "text/html")
        )
    garden.index.set_status("seedshelf", status, "moved to \u202eseedhouse")
    text = f"{status}: moved to \\u202eseedhouse"
    frame = service.check_for_updates()
    assert frame.loc["seedshelf", "project_status"] == text
    assert frame.loc["raintable", "project_status"] == ""
    plan = service.plan_upgrade("seedshelf")
    assert plan.pins == ("seedshelf==1.4.2",)
    assert f"The project seedshelf is {text}" in plan.warnings
    again = PackageService(garden.python, index_url=garden.index_url)  # from the caches
    assert again.get_package("seedshelf", check_updates=True).project_status == text


def test_quarantined_project_is_not_installed(garden: Demo, service: PackageService) -> None:
    garden.index.set_status("seedshelf", "quarantined", "malware")
    with pytest.raises(PlanImpossible, match="quarantined: malware"):
        service.plan_upgrade("seedshelf", "1.4.2")
    with pytest.raises(PlanImpossible, match="quarantined: malware"):
        service.plan_install("seedshelf>=1.4.2")
    assert "seedshelf" not in {change.id for change in service.plan_upgrade().changes}
    row = service.get_package("seedshelf", check_updates=True)
    assert row.project_status == "quarantined: malware"
    assert "quarantined: malware" in (row.error or "")


def test_quarantined_project_of_an_index_that_lists_files_is_not_installed(
    garden: Demo, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(garden.index._statuses, "seedshelf", ("quarantined ", "malware"))
    respond = garden.index._page_response
    monkeypatch.setattr(
        garden.index,
        "_page_response",
        lambda text, kind: respond(text.replace("quarantined ", "quarantined"), kind),
    )
    with pytest.raises(PlanImpossible, match="quarantine on the index: malware"):
        service.plan_upgrade("seedshelf", "1.4.2")
    with pytest.raises(PlanImpossible):
        service.plan_install("seedshelf>=1.4.2")
    assert "seedshelf" not in {change.id for change in service.plan_upgrade().changes}
    row = service.get_package("seedshelf", check_updates=True)
    assert "its quarantine on the index: malware" in row.blocked_by
    assert row.compatible_version == row.version


def test_quarantined_dependency_is_not_installed(
    garden: Demo, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wheel(name: str, version: str, *requires: str) -> BuiltWheel:
        files = {f"{name}.py": f"version = {version!r}\n"}
        return BuiltWheel(name=name, version=version, files=files, requires=requires)

    garden.index.publish(wheel("rootcellar", "1.0"), wheel("seedshelf", "9.0", "rootcellar"))
    monkeypatch.setitem(garden.index._statuses, "rootcellar", ("quarantined ", "malware"))
    respond = garden.index._page_response
    monkeypatch.setattr(
        garden.index,
        "_page_response",
        lambda text, kind: respond(text.replace("quarantined ", "quarantined"), kind),
    )
    with pytest.raises(PlanImpossible, match="quarantined: malware"):
        service.plan_install("seedshelf==9.0")


def test_yanked_release_says_why(garden: Demo, service: PackageService) -> None:
    service.upgrade_package("seedshelf")
    wheels = [w for w in garden.index._wheels.values() if w.filename.startswith("seedshelf-1.4.2")]
    garden.index.publish(*(replace(wheel, yanked="loses seeds") for wheel in wheels))
    frame = service.check_for_updates(refresh=True)
    assert frame.loc["seedshelf", "yanked"] == "1.4.2 was yanked: loses seeds"
    service.undo()
    plan = service.plan_install("seedshelf==1.4.2")
    assert "seedshelf 1.4.2 was yanked: loses seeds" in plan.warnings


@pytest.mark.parametrize(
    "status",
    [
        None, 3, [], {}, {"status": None}, {"status": ["archived"]}, {"status": "gone"},
        {"status": {"status": "archived"}}, "x" * 100_000, [[[[]]]] * 30_000,
    ],
)  # fmt: skip
def test_odd_status_counts_as_active(status: object) -> None:
    body = json.dumps({"meta": {"api-version": "1.4"}, "project-status": status, "files": []})
    page = project_page.read(project_page.JSON, body.encode())
    assert not page.status.status


def test_reason_is_one_short_line() -> None:
    status = {"status": "archived", "reason": "a\n\x1b[31m" + "b" * 10_000}
    body = json.dumps({"files": [], "project-status": status})
    reason = project_page.read(project_page.JSON, body.encode()).status.reason
    assert reason.isprintable()
    assert len(reason) == 200
