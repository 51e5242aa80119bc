"""The panel prepares the plan that it shows, and applies what it prepared."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.core.errors import Cancelled, StageFailed
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.plans import Plan
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = [
    pytest.mark.filterwarnings("ignore:Deprecated in traitlets"),  # old ipywidgets
    pytest.mark.filterwarnings("ignore:Traits should be given as instances"),  # ipylab
]


def click(widget: Any, **message: object) -> None:
    widget._handle_custom_msg(message, [])


@pytest.fixture
def panel(service: PackageService) -> Iterator[PackagePanel]:
    made = PackagePanel(service, check_updates=False)
    made._plan_controller.preparation.delay_seconds = 0.0
    assert made.wait(60)
    yield made
    assert made.wait(60)
    made.close()


def show_plan(panel: PackagePanel, name: str = "seedshelf") -> None:
    click(panel.table, type="plan", names=[name])
    assert panel.wait(60)
    assert panel.plan_view.state == "ready"


def wait_for_preparation(panel: PackagePanel) -> None:
    assert panel._plan_controller.preparation.wait(60)


def apply(panel: PackagePanel) -> None:
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])


def test_shown_plan_is_fetched_and_checked_and_then_applied(
    panel: PackagePanel, garden: Demo, service: PackageService
) -> None:
    show_plan(panel)
    wait_for_preparation(panel)
    shown = panel.plan_view.preparation
    assert (shown["state"], shown["text"]) == ("ready", "Fetched and checked · can be undone")
    garden.index.down = True  # the transaction needs it no more
    apply(panel)
    assert panel.wait(60)
    assert service.get_package("seedshelf").version == "1.4.2"
    assert panel.plan_view.preparation == {}


def test_plan_that_would_fail_says_so_before_it_is_applied(
    panel: PackagePanel, garden: Demo
) -> None:
    garden.index.publish(
        BuiltWheel(name="seedshelf", version="1.9", files={"seedshelf.py": "raise OSError\n"})
    )
    show_plan(panel)
    wait_for_preparation(panel)
    shown = panel.plan_view.preparation
    assert shown["state"] == "failed"
    assert "seedshelf 1.9 cannot be imported" in shown["text"]
    assert (panel.plan_view.state, panel.plan_view.error) == ("ready", "")


class SlowPreparation:
    """`PackageService.prepare` that waits for the test."""

    def __init__(self, error: Exception | None = None) -> None:
        self.started, self.gate, self.cancelled = (threading.Event() for _ in range(3))
        self._error = error

    def __call__(self, plan: Plan, *, report: Any) -> None:
        report(Event(stage=Stage.CHECKING, text="checking pea"))
        self.started.set()
        while not self.gate.wait(0.01):
            try:
                report(Event(stage=Stage.CHECKING, text="checking pea"))
            except Cancelled:
                self.cancelled.set()
                raise
        if self._error is not None:
            raise self._error


def test_closed_plan_ends_its_preparation(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowPreparation()
    monkeypatch.setattr(service, "prepare", slow)
    show_plan(panel)
    assert slow.started.wait(30)
    assert panel.plan_view.preparation == {"state": "working", "text": "Checking pea…"}
    click(panel.plan_view, type="cancel")
    assert slow.cancelled.wait(30)
    wait_for_preparation(panel)
    assert panel.plan_view.preparation == {}


def test_applied_plan_waits_for_its_preparation(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowPreparation()
    monkeypatch.setattr(service, "prepare", slow)
    show_plan(panel)
    assert slow.started.wait(30)
    apply(panel)
    assert not panel.wait(0.3)
    assert service.get_package("seedshelf").version == "1.4.1"
    slow.gate.set()
    assert panel.wait(60)
    assert not slow.cancelled.is_set()
    assert service.get_package("seedshelf").version == "1.4.2"


def test_failed_preparation_is_tried_again_by_the_transaction(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowPreparation(StageFailed("", ("pea cannot be imported",)))
    monkeypatch.setattr(service, "prepare", slow)
    show_plan(panel)
    assert slow.started.wait(30)
    apply(panel)
    slow.gate.set()
    assert panel.wait(60)
    assert service.history().outcome.tolist() == ["committed"]


def test_cancelled_change_ends_the_preparation(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowPreparation()
    monkeypatch.setattr(service, "prepare", slow)
    show_plan(panel)
    assert slow.started.wait(30)
    apply(panel)
    click(panel.task_view, type="cancel")
    assert slow.cancelled.wait(30)
    assert panel.wait(60)
    assert service.history().empty


def test_large_download_is_not_started_unasked(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgwidgets.widgets.plan_preparation._MAX_UNASKED_BYTES", 100)
    show_plan(panel, "frostcall")
    wait_for_preparation(panel)
    assert panel.plan_view.preparation == {}
