"""The form of the panel that makes a copy, and the mark of a copy in its own panel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.backends.copies.uv_copies import UvCopies
from pkgwidgets.backends.environment import permissions
from pkgwidgets.core.copies import CopyPlan
from pkgwidgets.core.interfaces import Report
from pkgwidgets.demo import Demo

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets


def click(widget: Any, **message: object) -> None:
    """Send what a browser sends."""
    widget._handle_custom_msg(message, [])


@pytest.fixture
def panel(service: PackageService) -> Iterator[PackagePanel]:
    made = PackagePanel(service, check_updates=False)
    yield made
    assert made.wait(60)
    made.close()


def form(panel: PackagePanel) -> dict[str, Any]:
    assert panel.wait(120)
    shown: dict[str, Any] = panel.copy_view.form
    return shown


def test_copy_is_planned_made_marked_and_kept(panel: PackagePanel, garden: Demo) -> None:
    click(panel.history_view, type="copy")
    assert form(panel) == {"open": True, "name": "env-1"}
    click(panel.copy_view, type="make", name="env-1", kernel="python3")
    assert "made" not in form(panel), "it was not planned"
    click(panel.copy_view, type="plan", name="env-1")
    planned = form(panel)["plan"]
    assert "11 packages" in planned["text"]
    assert planned["left_out"] == []
    click(panel.copy_view, type="make", name="another", kernel="python3")
    assert form(panel)["plan"] == planned
    click(panel.copy_view, type="make", name="env-1", kernel="python3")
    made = form(panel)["made"]
    assert (made["name"], form(panel)["plan"], form(panel)["error"]) == ("env-1", None, "")
    (copy,) = panel.service.values.environments()
    assert panel.table.header["copy"] == {}

    own = PackagePanel(PackageService(copy.python, index_url=garden.index_url), check_updates=False)
    mark = own.table.header["copy"]
    assert mark["text"].startswith(f"This is env-1, a copy of {garden.folder / 'env'}, made ")
    assert (mark["kept"], mark["kernel"]) == (False, "python3")
    click(own.table, type="keep")
    assert own.wait(60)
    assert own.table.header["copy"] == {**mark, "kept": True}
    own.close()
    click(panel.copy_view, type="close")
    assert panel.copy_view.form == {}


def test_environment_that_others_may_change_is_said_to_be_shared(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the tests is closed to other users; it counts as open here."""
    monkeypatch.setattr(permissions, "_may_reach", lambda folder, group: True)
    shown = []
    for mode in (0o755, 0o777):
        garden.site_packages.chmod(mode)
        panel = PackagePanel(service, check_updates=False)
        assert panel.wait(60)
        shown.append(panel.table.header["shared"])
        panel.close()
    assert shown == ["", "Every user may change this environment, too."]


@pytest.mark.parametrize("name", ["../x", "", "Ä", "x" * 51])
def test_invalid_name_is_an_error_in_the_form(panel: PackagePanel, name: str) -> None:
    click(panel.table, type="copy")
    click(panel.copy_view, type="plan", name=name)
    assert form(panel)["error"]
    assert not form(panel).get("plan")


def test_copy_is_cancelled(panel: PackagePanel, monkeypatch: pytest.MonkeyPatch) -> None:
    reached, go_on = threading.Event(), threading.Event()
    make = UvCopies.make

    def slow_make(self: UvCopies, plan: CopyPlan, report: Report) -> None:
        reached.set()
        assert go_on.wait(60)
        make(self, plan, report)

    monkeypatch.setattr(UvCopies, "make", slow_make)
    click(panel.table, type="copy")
    click(panel.copy_view, type="plan", name="spring")
    planned = form(panel)["plan"]
    click(panel.copy_view, type="make", name="spring", kernel="")
    assert reached.wait(60)
    assert panel.copy_view.form["making"] is True
    click(panel.copy_view, type="close")
    assert panel.copy_view.form["open"] is True, "what is being made stays in sight"
    click(panel.copy_view, type="cancel")
    go_on.set()
    shown = form(panel)
    assert (shown["making"], shown["plan"]) == (False, planned)
    assert shown["error"] == "The copy was cancelled. Nothing is left of it."
    assert panel.service.values.environments() == ()
