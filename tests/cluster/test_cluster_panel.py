"""The panel of a cluster calls the service, and shows plans, progress and outcomes as text."""

from __future__ import annotations

import pytest
from cluster.fake_cluster import FakeCluster, make_plan

from pkgwidgets.widgets.cluster_panel import ClusterPanel

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets


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


def test_button_counts_as_soon_as_it_is_on_again(
    panel: ClusterPanel, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = panel._show_buttons

    def show_and_press(*, is_busy: bool) -> None:
        show(is_busy=is_busy)
        if not is_busy and cluster.calls == ["undo"]:
            panel.recover_button.click()

    monkeypatch.setattr(panel, "_show_buttons", show_and_press)
    panel.undo_button.click()
    assert panel.wait(30)
    assert cluster.calls == ["undo", "recover"]


def test_empty_plan_says_so(panel: ClusterPanel) -> None:
    panel.align_button.click()
    assert panel.wait(30)
    assert "Nothing to change." in panel.message.value
    assert panel.apply_button.disabled
