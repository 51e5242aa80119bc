"""No click in the panel is lost: while other work runs, it counts afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.core.errors import IndexUnavailable

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets


class Held:
    """A call that waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
        self._begun, self._gate = threading.Event(), threading.Event()
        self._call = getattr(owner, name)
        monkeypatch.setattr(owner, name, self)

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.calls.append((args, options))
        self._begun.set()
        assert self._gate.wait(30)
        return self._call(*args, **options)

    def wait(self) -> None:
        assert self._begun.wait(60)

    def let_go(self) -> None:
        self._gate.set()


def click(widget: Any, **message: object) -> None:
    """Send what a browser sends."""
    widget._handle_custom_msg(message, [])


@pytest.fixture
def panel(service: PackageService) -> Iterator[PackagePanel]:
    made = PackagePanel(service, check_updates=False)
    yield made
    assert made.wait(60)
    made.close()


def row(panel: PackagePanel, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(row for row in panel.table.rows if row["name"] == name)
    return found


# --- the list


def test_check_counts_while_advisories_are_looked_for(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit, updates = Held(monkeypatch, service.values, "audit"), list[bool]()
    ask = service.values.updates

    def count(*, refresh: bool, **options: Any) -> Any:
        updates.append(refresh)
        return ask(refresh=refresh, **options)

    monkeypatch.setattr(service.values, "updates", count)
    click(panel.table, type="check")
    audit.wait()
    assert panel.table.header["busy"] == ""  # the button is on
    click(panel.table, type="check")
    audit.let_go()
    assert panel.wait(60)
    assert updates == [True, True]


def test_check_that_is_requested_during_another_is_made_without_cached_answers(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = Held(monkeypatch, service.values, "updates")
    panel._list_controller.check_first()
    updates.wait()
    click(panel.table, type="check")
    panel._list_controller.refresh()  # such as after a change by others
    updates.let_go()
    assert panel.wait(60)
    assert [options["refresh"] for _, options in updates.calls] == [False, True]


def test_retry_counts_while_a_check_runs_and_the_check_too(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = Held(monkeypatch, service.values, "updates")
    click(panel.table, type="check")
    updates.wait()
    click(panel.table, type="retry", names=["moonsower"])
    updates.let_go()
    assert panel.wait(60)
    assert [args for args, _ in updates.calls] == [(), ("moonsower",)]
    assert panel.table.header["checked"]


def test_retry_counts_though_another_click_begins_the_check_again(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = Held(monkeypatch, service.values, "updates")
    click(panel.table, type="check")
    updates.wait()
    click(panel.table, type="retry", names=["moonsower"])
    click(panel.table, type="dismiss", names=["seedshelf"])
    updates.let_go()
    assert panel.wait(60)
    assert ("moonsower",) in [args for args, _ in updates.calls]


def test_retry_of_a_package_that_is_gone_ends(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(panel.table, type="retry", names=["gone"])
    assert panel.wait(60)
    assert "gone" in panel.table.header["notice"]
    updates = Held(monkeypatch, service.values, "updates")
    updates.let_go()
    click(panel.table, type="dismiss", names=["seedshelf"])
    assert panel.wait(60)
    assert ("gone",) not in [args for args, _ in updates.calls]


def test_typed_name_does_not_end_a_check(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = Held(monkeypatch, service.values, "updates")
    click(panel.table, type="check")
    updates.wait()
    click(panel.table, type="install")
    click(panel.form, type="releases", name="seedshelf")
    updates.let_go()
    assert panel.wait(60)
    assert panel.form.form["releases"]
    assert row(panel, "seedshelf")["latest"] == "1.4.2"
    assert panel.table.header["busy"] == ""


def test_check_counts_while_versions_are_looked_up(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases = Held(monkeypatch, service, "list_releases")
    click(panel.table, type="install")
    click(panel.form, type="releases", name="seedshelf")
    releases.wait()
    click(panel.table, type="check")
    releases.let_go()
    assert panel.wait(60)
    assert panel.table.header["checked"]
    assert panel.form.form["releases"]


def test_refused_hold_does_not_end_a_check(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates = Held(monkeypatch, service.values, "updates")
    click(panel.table, type="check")
    updates.wait()
    click(panel.table, type="hold", names=["seedshelf"], versions="not a version")
    updates.let_go()
    assert panel.wait(60)
    assert panel.table.header["busy"] == ""
    assert row(panel, "seedshelf")["latest"] == "1.4.2"


def test_error_of_a_click_is_shown(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("no such folder")

    monkeypatch.setattr(service.values, "history", fail)
    click(panel.table, type="history")
    assert "no such folder" in panel.table.header["notice"]


# --- plans and changes


def test_plan_that_is_requested_during_a_change_follows_it(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(panel.table, type="plan", names=["seedshelf"])
    assert panel.wait(60)
    change = Held(monkeypatch, service, "apply")
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    change.wait()
    click(panel.table, type="plan", names=["sundrift"])
    click(panel.table, type="dismiss", names=["sundrift"])
    assert panel.table.header["changing"]
    assert panel.plan_view.state == "hidden"
    change.let_go()
    assert panel.wait(60)
    assert panel.plan_view.plan["title"] == "Upgrade sundrift"
    assert panel.plan_view.state == "ready"
    assert panel.table.header["changing"] == ""


def test_apply_and_undo_count_just_before_what_showed_them_has_ended(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Held(monkeypatch, panel._plan_controller.preparation, "begin")
    click(panel.table, type="plan", names=["seedshelf"])
    shown.wait()
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    ended = Held(monkeypatch, panel._plan_controller, "_on_finished")
    shown.let_go()
    ended.wait()
    assert service.get_package("seedshelf").version == "1.4.2"
    click(panel.task_view, type="undo", id=panel.task_view.task["outcome"]["undo_id"])
    ended.let_go()
    assert panel.wait(60)
    assert service.get_package("seedshelf").version == "1.4.1"


def test_failure_of_the_second_plan_is_shown(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    click(panel.table, type="plan", names=None)
    assert panel.wait(60)

    def fail(*_: Any, **__: Any) -> None:
        raise IndexUnavailable("http://127.0.0.1:9/simple/", "no answer")

    monkeypatch.setattr(service, "plan_upgrade", fail)
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(120)
    assert panel.plan_view.state == "failed"
    assert "127.0.0.1:9" in panel.plan_view.error
    assert "harvestscale" in panel.task_view.task["outcome"]["text"]


# --- the copy


def test_form_of_a_copy_opens_while_the_plan_of_a_closed_one_is_made(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Held(monkeypatch, service, "plan_copy")
    click(panel.table, type="copy")
    click(panel.copy_view, type="plan", name="env-1")
    plan.wait()
    click(panel.copy_view, type="close")
    click(panel.table, type="copy")
    assert panel.copy_view.is_open
    plan.let_go()
    assert panel.wait(60)
    assert panel.copy_view.is_open


def test_closed_panel_looks_for_nothing_more(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its check may have almost ended: then it plans nothing for the button *Upgrade all*."""
    planned = Held(monkeypatch, service, "plan_upgrade")
    planned.let_go()
    checked = Held(monkeypatch, service.values, "updates")
    panel = PackagePanel(service)
    click(panel.connection, type="here", view="one")
    checked.wait()
    panel.close()
    checked.let_go()
    assert panel.wait(60)
    assert planned.calls == []
