"""Services and panels can follow and cancel a transaction of another session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes import Oracle
from held_transactions import eventually, held_wheel

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.core.errors import Cancelled, EnvironmentBusy, InvalidRequest, TooLate
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.packages import PackageStatus
from pkgwidgets.core.transactions import UNCHANGED_OUTCOMES, Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_upgrade


@pytest.fixture
def gate(garden: Demo, tmp_path: Path) -> Path:
    """Hold an upgrade of seedshelf during its verification until this file exists."""
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    return tmp_path / "gate"


@pytest.fixture
def transaction_elsewhere(backend: Backend, gate: Path) -> str:
    """Start an upgrade in another session; return its id once the files are installed."""
    transaction_id = transactions.start(backend, plan_upgrade(backend, "seedshelf"))
    eventually(lambda: "INSTALLED" in backend.journal.steps(transaction_id))
    return transaction_id


def click(widget: Any, **message: object) -> None:
    """Send the message of a click."""
    widget._handle_custom_msg(message, [])


# --- services


def test_new_service_can_follow_the_running_transaction(
    garden: Demo, transaction_elsewhere: str, gate: Path
) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    transaction = service.current_transaction()
    assert transaction is not None
    assert (transaction.id, transaction.outcome) == (transaction_elsewhere, Outcome.STARTED)
    assert service.get_package("seedshelf").status is PackageStatus.UPGRADING
    assert service.get_packages().loc["seedshelf", "status"] == "upgrading"
    events: list[Event] = []

    def report(event: Event) -> None:
        events.append(event)
        gate.touch()  # only now: without it the transaction could end before it is followed

    assert service.follow(report=report).outcome is Outcome.COMMITTED
    assert events[0].stage is Stage.FETCHING
    assert service.get_package("seedshelf").status is PackageStatus.INSTALLED
    assert service.current_transaction() is None


def test_running_installation_has_status_installing(
    service: PackageService, backend: Backend, tmp_path: Path, garden: Demo
) -> None:
    service.uninstall_package(["seedshelf", "allotboard", "harvestscale"])
    garden.index.publish(held_wheel("1.9", tmp_path / "gate", staged=False))
    transaction_id = transactions.start(backend, service.plan_install("seedshelf==1.9"))
    eventually(lambda: "INSTALLED" in backend.journal.steps(transaction_id))
    assert service.get_package("seedshelf").status is PackageStatus.INSTALLING
    (tmp_path / "gate").touch()
    service.follow(transaction_id)


def test_second_change_is_refused_and_names_the_first(
    service: PackageService, transaction_elsewhere: str
) -> None:
    for ask in (lambda: service.upgrade_package("frostcall"), lambda: service.plan_undo()):
        with pytest.raises(EnvironmentBusy, match="seedshelf; started "):
            ask()
    service.cancel()


def test_any_service_can_cancel_the_running_transaction(
    service: PackageService, transaction_elsewhere: str, gate: Path, tree: Oracle
) -> None:
    service.cancel(transaction_elsewhere)
    with pytest.raises(Cancelled):
        service.follow(transaction_elsewhere)
    assert service.get_package("seedshelf").version == "1.4.1"
    gate.touch()
    done = service.upgrade_package("seedshelf")
    with pytest.raises(TooLate):
        service.cancel(done)


def test_follow_and_cancel_are_refused_without_a_transaction(service: PackageService) -> None:
    assert service.current_transaction() is None
    for ask in (service.follow, service.cancel):
        with pytest.raises(InvalidRequest, match="No transaction is under way"):
            ask()


def test_restart_verdict_is_kept_through_apply(service: PackageService) -> None:
    plan = service.plan_upgrade("seedshelf")
    assert plan.restart is not None
    assert service.apply(plan).plan.restart == plan.restart


# --- panels


def outcome(panel: PackagePanel) -> dict[str, Any]:
    result: dict[str, Any] | None = panel.task_view.task.get("outcome")
    assert result is not None
    return result


def test_new_panel_shows_the_running_transaction(
    service: PackageService, transaction_elsewhere: str, gate: Path
) -> None:
    panel = PackagePanel(service)
    assert panel.task_view.task["running"]
    assert "seedshelf" in panel.task_view.task["title"]
    gate.touch()
    assert panel.wait(30)
    assert outcome(panel)["kind"] == "ok"
    assert outcome(panel)["undo_id"] == transaction_elsewhere


def test_cancel_in_the_panel_rolls_back(service: PackageService, gate: Path, tree: Oracle) -> None:
    before = tree(service.prefix)
    panel = PackagePanel(service)
    click(panel.table, type="plan", names=["seedshelf"])
    assert panel.wait(30)
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    eventually(lambda: panel.task_view.task.get("stage") == "verifying")
    click(panel.task_view, type="cancel")
    assert panel.wait(30)
    assert outcome(panel)["kind"] == "off"
    assert "Cancelled" in outcome(panel)["text"]
    assert tree(service.prefix) == before


def test_panel_can_cancel_a_transaction_started_elsewhere(
    service: PackageService, transaction_elsewhere: str
) -> None:
    panel = PackagePanel(service)
    click(panel.task_view, type="cancel")
    assert panel.wait(30)
    assert "Cancelled" in outcome(panel)["text"]
    assert service.values.history()[-1].outcome in UNCHANGED_OUTCOMES
