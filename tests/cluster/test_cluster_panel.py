"""The panel of a cluster calls the service, and shows plans, progress and outcomes as text."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.cluster.errors import ClusterFailed, ClusterRefused
from pkgwidgets.cluster.participants import EnvironmentEvent
from pkgwidgets.cluster.values import ClusterOutcome, ClusterPlan, ClusterTransaction
from pkgwidgets.core.errors import Cancelled
from pkgwidgets.core.events import Stage
from pkgwidgets.core.interfaces import Report, no_report
from pkgwidgets.core.plans import Change, Plan
from pkgwidgets.widgets.cluster_panel import ClusterPanel

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets


def make_plan() -> ClusterPlan:
    name = canonicalize_name("pea")
    change = Change(id=name, name="pea", before=Version("1"), after=Version("2"))
    part = Plan(
        requested=("pea",),
        changes=(change,),
        environment_fingerprint="f",
        python=Path("/env/bin/python"),
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return ClusterPlan(requested=("pea",), plans=(("node:/a", part), ("node:/b", part)))


class FakeCluster:
    """A service over two environments in memory."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()

    def environments(self) -> pd.DataFrame:
        index = pd.Index(["node:/a", "node:/<b>"], name="environment")
        return pd.DataFrame({"host": ["node", "node"], "problem": [pd.NA, "<script>"]}, index=index)

    def drift(self) -> pd.DataFrame:
        index = pd.Index(["pea", "pod"], name="name")
        return pd.DataFrame({"node:/a": ["1", "1"], "differs": [True, False]}, index=index)

    def plan_upgrade(
        self, names: Iterable[str] | None = None, *, report: Report | None = None
    ) -> ClusterPlan:
        self.calls.append(names)
        if self.fails:
            raise ClusterRefused("node:/b", "pod 1 requires pea<2")
        return make_plan()

    def plan_align(self, *, to: str = "client", report: Report | None = None) -> ClusterPlan:
        self.calls.append(to)
        return ClusterPlan(requested=(), plans=())

    def plan_undo(self, *, report: Report | None = None) -> ClusterPlan:
        self.calls.append("undo")
        return make_plan()

    def apply(self, plan: ClusterPlan, *, report: Report | None = None) -> ClusterTransaction:
        self.calls.append(plan.id)
        tell = report or no_report
        event = EnvironmentEvent(
            stage=Stage.FETCHING, text="node:/a: prepared", environment="node:/a"
        )
        tell(event)
        assert self.gate.wait(30)
        try:
            tell(event)
        except Cancelled:
            states = ("node:/a: unchanged", "node:/b: unchanged")
            raise ClusterFailed("c", "it was cancelled", states) from None
        outcome = ClusterOutcome.COMMITTED
        return ClusterTransaction(id="c", plan=plan.id, outcome=outcome, environments=())

    def recover(self, *, report: Report | None = None) -> pd.DataFrame:
        self.calls.append("recover")
        return pd.DataFrame()


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


@pytest.fixture
def panel(cluster: FakeCluster) -> ClusterPanel:
    panel = ClusterPanel(cluster)
    assert panel.wait(30)
    return panel


def test_environments_and_differences_are_shown_escaped(panel: ClusterPanel) -> None:
    assert "node:/&lt;b&gt;" in panel.environments.value
    assert "&lt;script&gt;" in panel.environments.value
    assert "NA" not in panel.environments.value
    assert "1 of 2 distributions differ." in panel.drift.value
    assert "pod" not in panel.drift.value
    assert panel.place.options == ("client", "node:/a", "node:/<b>")


def test_plan_is_shown_for_each_environment_and_applied(
    panel: ClusterPanel, cluster: FakeCluster
) -> None:
    assert panel.apply_button.disabled
    panel.names.value = "pea, pod"
    panel.plan_button.click()
    assert panel.wait(30)
    assert cluster.calls == [["pea", "pod"]]
    assert panel.plan_view.value.count("pea 1 → 2") == 2
    assert panel.plan_view.value.count("planned") == 2
    assert not panel.apply_button.disabled
    panel.apply_button.click()
    assert panel.wait(30)
    assert cluster.calls[1] == make_plan().id
    assert "prepared" in panel.plan_view.value
    assert "Done: committed" in panel.message.value
    assert panel.apply_button.disabled


def test_refusal_is_shown_and_leaves_no_plan(panel: ClusterPanel, cluster: FakeCluster) -> None:
    cluster.fails = True
    panel.plan_button.click()
    assert panel.wait(30)
    assert cluster.calls == [None]
    assert "node:/b cannot get this plan: pod 1 requires pea&lt;2." in panel.message.value
    assert panel.apply_button.disabled


def test_cancel_ends_an_apply(panel: ClusterPanel, cluster: FakeCluster) -> None:
    panel.plan_button.click()
    assert panel.wait(30)
    cluster.gate.clear()
    panel.apply_button.click()
    assert not panel.cancel_button.disabled
    assert panel.plan_button.disabled
    panel.cancel_button.click()
    cluster.gate.set()
    assert panel.wait(30)
    assert "undone in 2 environments: it was cancelled" in panel.message.value
    assert panel.plan_view.value == ""
    assert panel.apply_button.disabled


def test_other_buttons_call_the_service(panel: ClusterPanel, cluster: FakeCluster) -> None:
    panel.place.value = "node:/a"
    for button in (panel.align_button, panel.undo_button, panel.recover_button):
        button.click()
        assert panel.wait(30)
    assert cluster.calls == ["node:/a", "undo", "recover"]
    assert "No change is interrupted now." in panel.message.value


def test_empty_plan_says_so(panel: ClusterPanel) -> None:
    panel.align_button.click()
    assert panel.wait(30)
    assert "Nothing to change." in panel.message.value
    assert panel.apply_button.disabled
