"""The panel's advisories and holds over a real environment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.core.errors import StageFailed
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets


def click(widget: Any, **message: object) -> None:
    """Send what a browser sends."""
    widget._handle_custom_msg(message, [])


@pytest.fixture
def panel(service: PackageService) -> Iterator[PackagePanel]:
    made = PackagePanel(service)
    yield made
    assert made.wait(60)
    made.close()


@pytest.fixture
def told(panel: PackagePanel, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The answers to the form of holds."""
    messages: list[dict[str, Any]] = []
    send = panel.table.send

    def record(content: Any, buffers: Any = None) -> None:
        if content["type"] == "hold":
            messages.append(content)
        send(content, buffers)

    monkeypatch.setattr(panel.table, "send", record)
    return messages


def row(panel: PackagePanel, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in panel.table.rows if row["name"] == name)
    return found


def check(panel: PackagePanel) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)


def test_clicks_that_note_something_count_while_a_check_runs(
    panel: PackagePanel,
    service: PackageService,
    garden: Demo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with contextlib.suppress(StageFailed):
        service.upgrade_package("harvestscale")
    copy = service.copy_environment("env-1")
    own = PackagePanel(PackageService(copy.python, index_url=garden.index_url), check_updates=False)
    assert service.get_package("harvestscale").failed_change
    assert not own.table.header["copy"]["kept"]
    for shown in (panel, own):
        started, gate = hold_checks(shown.service, monkeypatch)
        click(shown.table, type="check")
        assert started.wait(30)
        click(shown.table, type="keep")
        click(shown.table, type="dismiss", names=["harvestscale"])
        gate.set()
        assert shown.wait(60)
    assert own.table.header["copy"]["kept"]
    assert service.keep_environment("env-1").kept
    assert not row(panel, "harvestscale").get("failed")
    assert panel.table.header["busy"] == own.table.header["busy"] == ""
    own.close()


def hold_checks(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> tuple[threading.Event, threading.Event]:
    """Make checks wait; return what is set when one begins, and what lets it go on."""
    started, gate = threading.Event(), threading.Event()
    updates = service.values.updates

    def slow(*args: Any, **options: Any) -> Any:
        answer = updates(*args, **options)
        started.set()
        assert gate.wait(30)
        return answer

    monkeypatch.setattr(service.values, "updates", slow)
    return started, gate


def test_check_marks_the_rows_that_have_advisories(panel: PackagePanel) -> None:
    assert panel.table.advisories == {}
    check(panel)
    marks = panel.table.advisories
    assert {name: (mark["count"], mark["safe"]) for name, mark in marks.items()} == {
        "seedshelf": (1, "1.4.2"),
        "raintable": (1, ""),
    }
    assert marks["raintable"]["blocked_by"] == "allotboard (raintable<3)"
    (entry,) = marks["seedshelf"]["list"]
    assert (entry["id"], entry["severity"]) == ("DEMO-2026-1", "high")
    assert panel.table.header["advisories"] == ""


def test_without_sources_there_is_no_mark_and_no_notice(panel: PackagePanel, garden: Demo) -> None:
    (garden.folder / "env" / "pkgwidgets.toml").unlink()
    check(panel)
    assert (panel.table.advisories, panel.table.header["advisories"]) == ({}, "")


def test_source_without_agreement_is_a_notice_and_nothing_is_sent(
    panel: PackagePanel, garden: Demo
) -> None:
    settings = garden.folder / "env" / "pkgwidgets.toml"
    settings.write_text('[advisories]\nsources = ["http://127.0.0.1:9/"]\n')
    check(panel)
    assert "sends the names and versions" in panel.table.header["advisories"]
    assert panel.table.advisories == {}


def test_dead_source_is_a_notice_never_a_clean_list(panel: PackagePanel, garden: Demo) -> None:
    settings = garden.folder / "env" / "pkgwidgets.toml"
    settings.write_text('[advisories]\nsources = ["/nowhere/records"]\n')
    check(panel)
    notice = panel.table.header["advisories"]
    assert notice.startswith("The advisories of 11 packages are unknown: ")


def test_fix_is_a_plan_of_the_smallest_step(panel: PackagePanel) -> None:
    check(panel)
    for names, title in ((["seedshelf"], "Fix seedshelf"), (None, "Fix all")):
        click(panel.table, type="fix", names=names)
        assert panel.wait(60)
        plan = panel.plan_view.plan
        assert plan["title"] == title
        assert [(c["name"], c["after"]) for c in plan["changes"]] == [("seedshelf", "1.4.2")]
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert row(panel, "seedshelf")["version"] == "1.4.2"
    assert [*panel.table.advisories] == ["raintable"]


def test_hold_is_shown_with_its_facts_and_can_be_released(
    panel: PackagePanel, told: list[dict[str, Any]]
) -> None:
    check(panel)
    assert row(panel, "raintable")["label"] == "Upgrade to 2.4.0…"
    names = ["raintable"]
    click(
        panel.table, type="hold", names=names, versions="<2.4", reason="charts", until="2999-12-31"
    )
    assert panel.wait(60)
    assert told == [{"type": "hold", "id": "raintable", "error": ""}]
    (limit,) = panel.table.holds["raintable"]
    user = panel.service.values.history()[-1].requester
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    text = f"since {today} by {user} until 2999-12-31: charts"
    assert limit == {"versions": "<2.4", "text": text, "held": True}
    assert row(panel, "raintable")["action"] == "explain"
    assert "charts" in row(panel, "raintable")["blocked_by"]
    click(panel.table, type="unhold", names=names, versions="<2.4")
    assert panel.wait(60)
    assert "raintable" not in panel.table.holds
    assert row(panel, "raintable")["label"] == "Upgrade to 2.4.0…"


def test_skipped_version_is_passed_over_by_the_next_plan(panel: PackagePanel) -> None:
    check(panel)
    click(panel.table, type="hold", names=["seedshelf"], versions="!=1.4.2", reason="skipped")
    assert panel.wait(60)
    assert row(panel, "seedshelf")["action"] == "explain"
    assert panel.service.plan_upgrade("seedshelf").pins == ()


def test_refused_hold_is_told_to_its_form(panel: PackagePanel, told: list[dict[str, Any]]) -> None:
    click(panel.table, type="hold", names=["seedshelf"], versions="newest", reason="", until="")
    assert panel.wait(60)
    (message,) = told
    assert "<3" in message["error"]
    assert "seedshelf" not in panel.table.holds


def test_unreadable_settings_are_a_notice(panel: PackagePanel, garden: Demo) -> None:
    (garden.folder / "env" / "pkgwidgets.toml").write_text("[[hold]]\nname = 3\n")
    panel._list_controller.refresh()
    assert panel.wait(60)
    assert "pkgwidgets.toml" in panel.table.header["holds"]
