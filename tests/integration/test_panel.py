"""The panel over a real environment: messages from the browser and the answers to them."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import ipywidgets
import pytest
from malformed_wheels import MalformedWheel

from pkgwidgets import PackagePanel, PackageService
from pkgwidgets.core.errors import StageFailed
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.widgets import connection, dock, side_panel
from pkgwidgets.widgets.package_table import PackageTable

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets


NOT_INTACT = MalformedWheel(
    name="seedshelf",
    version="1.5",
    files={"seedshelf.py": "version = 5\n"},
    record=lambda text: re.sub(r"f\.py,sha256=[^,]*", "f.py,sha512=" + "0" * 128, text),
)
"""A release whose RECORD has the hash of another file: it is found after the installation."""


def click(widget: Any, **message: object) -> None:
    """Send what a browser sends."""
    widget._handle_custom_msg(message, [])


@pytest.fixture
def panel(service: PackageService) -> Iterator[PackagePanel]:
    made = PackagePanel(service)
    yield made
    assert made.wait(60)
    made.close()


def test_panel_after_a_restart_offers_to_undo_the_last_change(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_same_process = PackagePanel(service, check_updates=False)
    done = service.upgrade_package("seedshelf")
    another = PackagePanel(service, check_updates=False)
    assert (with_same_process.task_view.task, another.task_view.task) == ({}, {})
    begun = "pkgwidgets.widgets.plan_controller._STARTED"
    monkeypatch.setattr(begun, datetime.now(UTC))
    restarted = PackagePanel(service, check_updates=False)
    outcome = restarted.task_view.task["outcome"]
    assert (outcome["text"], outcome["word"]) == ("Done: seedshelf 1.4.1 → 1.4.2", "")
    assert (outcome["undo"], outcome["undo_id"]) == ("Undo", done.id)
    click(restarted.task_view, type="undo", id=outcome["undo_id"])
    assert restarted.wait(120)
    assert service.get_package("seedshelf").version == "1.4.1"
    monkeypatch.setattr(begun, datetime.now(UTC) + timedelta(minutes=11))
    late = PackagePanel(service, check_updates=False)
    assert late.task_view.task == {}
    for panel in (with_same_process, another, restarted, late):
        panel.close()


def planned(panel: PackagePanel) -> dict[str, Any]:
    assert panel.wait(60)
    assert panel.plan_view.state == "ready", panel.plan_view.error
    shown: dict[str, Any] = panel.plan_view.plan
    return shown


def changes(panel: PackagePanel) -> list[tuple[str, str, str]]:
    return [(c["name"], c["before"], c["after"]) for c in planned(panel)["changes"]]


def installed(panel: PackagePanel) -> dict[str, str]:
    return {row["name"]: row["version"] for row in panel.table.rows}


# --- display


def test_repr_shows_the_counts_of_packages_and_updates(panel: PackagePanel) -> None:
    assert repr(panel) == "PackagePanel(11 packages, not checked)"
    click(panel.table, type="check")
    assert panel.wait(60)
    assert repr(panel) == "PackagePanel(11 packages, 7 updates)"


def test_mime_bundle_contains_an_html_table(panel: PackagePanel) -> None:
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"] == repr(panel)
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "<td>allotboard</td><td>1.40.0</td>" in bundle["text/html"]


def test_side_bar_displays_the_live_panel_alone(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **how: shown.append(data))
    monkeypatch.setattr(side_panel, "_panels", [panel])
    side_panel.show()
    assert set(shown[0]) == {"application/vnd.jupyter.widget-view+json", "text/plain"}


def test_display_has_the_list_as_an_output_of_its_own_which_is_kept_current(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[dict[str, Any], dict[str, Any]]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **how: shown.append((data, how)))
    panel._ipython_display_()
    (live, _), (copy, how) = shown
    assert set(live) == {"application/vnd.jupyter.widget-view+json", "text/plain"}
    assert "<td>seedshelf</td><td>1.4.1</td><td></td>" in copy["text/html"]
    assert how["update"] is False
    click(panel.table, type="check")
    assert panel.wait(60)
    changed, later = shown[-1]
    assert "<td>seedshelf</td><td>1.4.1</td><td>1.4.2</td>" in changed["text/html"]
    assert (later["update"], later["display_id"]) == (True, how["display_id"])
    count = len(shown)
    click(panel.table, type="check")
    assert panel.wait(60)
    assert len(shown) == count


def test_panel_that_is_not_displayed_sends_no_copy(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda *data, **how: shown.append(data))
    click(panel.table, type="check")
    assert panel.wait(60)
    assert shown == []


def test_html_table_has_the_last_check_though_the_panel_was_not_displayed(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    garden.index.fresh_seconds = 600
    later = time.time_ns() + 5 * 10**9
    for module in ("environment.environment_stat_key", "history.transaction_cache"):
        # As if the garden were older than two seconds: file times cannot miss a change then.
        monkeypatch.setattr(f"pkgwidgets.backends.{module}.time_ns", lambda: later)
    service.check_for_updates()
    requests = len(garden.index.requests)
    panel = PackagePanel(service)
    row = "<td>seedshelf</td><td>1.4.1</td><td>1.4.2</td>"
    assert row in panel._repr_mimebundle_()["text/html"]
    assert len(garden.index.requests) == requests
    panel.close()


def test_index_is_requested_once_when_the_panel_is_displayed(
    service: PackageService, garden: Demo
) -> None:
    panel = PackagePanel(service)
    assert garden.index.requests == []
    click(panel.connection, type="here", view="a")
    assert panel.wait(60)
    assert repr(panel) == "PackagePanel(11 packages, 7 updates)"
    requests = len(garden.index.requests)
    click(panel.connection, type="here", view="b")
    assert panel.wait(60)
    assert len(garden.index.requests) == requests > 0
    panel.close()


def test_index_is_requested_after_a_change_before_the_display(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In *Run all* a view answers only after the cells, the watcher at once."""
    panel = PackagePanel(service)
    service.upgrade_package("seedshelf")
    monkeypatch.setattr(panel._watcher, "add_view", lambda view: panel._on_changed())
    click(panel.connection, type="here", view="a")
    assert panel.wait(60)
    assert repr(panel) == "PackagePanel(11 packages, 6 updates)"
    assert installed(panel)["seedshelf"] == "1.4.2"
    panel.close()


def test_index_is_not_requested_with_check_updates_false(
    service: PackageService, garden: Demo
) -> None:
    panel = PackagePanel(service, check_updates=False)
    click(panel.connection, type="here", view="a")
    assert panel.wait(60)
    assert garden.index.requests == []
    panel.close()


def test_panel_creates_few_widget_models_and_closes_them(service: PackageService) -> None:
    known = set(ipywidgets.widgets.widget._instances)
    panel = PackagePanel(service)
    made = set(ipywidgets.widgets.widget._instances) - known
    assert len(made) == len(panel.children) + 2  # itself, and one layout for all
    panel.close()
    assert made & set(ipywidgets.widgets.widget._instances) == set()


# --- plans


def test_upgrade_of_some_and_of_all_packages_is_planned(panel: PackagePanel) -> None:
    click(panel.table, type="plan", names=["seedshelf", "frostcall"])
    assert changes(panel) == [("frostcall", "1.9.3", "2.0.0"), ("seedshelf", "1.4.1", "1.4.2")]
    click(panel.table, type="plan", names=None)
    assert len(planned(panel)["changes"]) == 7
    assert planned(panel)["headline"] == "7 upgrades, 2 of them major"
    assert panel.plan_view.plan["cell"] == "service.upgrade_all_packages()"


def test_number_of_upgrade_all_is_that_of_its_plan(panel: PackagePanel, garden: Demo) -> None:
    """Rows cannot tell: a release that is incompatible in itself stays."""
    stuck = BuiltWheel(
        name="seedshelf", version="1.5", files={"seedshelf.py": ""}, requires=("absent",)
    )
    garden.index.publish(stuck)
    assert panel.table.offers == {}
    click(panel.table, type="check")
    assert panel.wait(60)
    offered = panel.table.offers
    assert offered["revision"] == panel.table.revision
    click(panel.table, type="plan", names=None)
    planned_versions = {name: after for name, _, after in changes(panel)}
    assert offered["all"] == planned_versions
    assert offered["all"]["raintable"] == "3.1.0"
    row = next(row for row in panel.table.rows if row["name"] == "raintable")
    assert row["label"] == "Upgrade to 2.4.0…"


@pytest.mark.slow
def test_offers_are_made_again_for_other_rows(panel: PackagePanel) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)
    assert panel.table.offers["all"]["seedshelf"] == "1.4.2"
    click(panel.table, type="plan", names=["seedshelf"])
    assert planned(panel)
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert panel.table.offers["revision"] == panel.table.revision
    assert "seedshelf" not in panel.table.offers["all"]


def test_upgrade_that_frees_others_is_offered(panel: PackagePanel) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)
    (unlock,) = panel.table.offers["unlocks"]
    text = "allotboard blocks 1 package: upgrade it to 1.67.0 to free raintable."
    assert unlock == {"text": text, "names": ["allotboard", "raintable"]}
    click(panel.table, type="plan", names=unlock["names"])
    assert ("raintable", "2.0.0", "3.1.0") in changes(panel)


def test_nothing_is_offered_without_answers_of_the_index(panel: PackagePanel, garden: Demo) -> None:
    garden.index.down = True
    click(panel.table, type="check")
    assert panel.wait(60)
    assert panel.table.offers == {}


def test_plan_without_major_upgrades_is_one_switch_away(panel: PackagePanel) -> None:
    click(panel.table, type="plan", names=None)
    assert planned(panel)["minor_only"] is False
    click(panel.plan_view, type="step", only_minor=True)
    assert {change["bump"] for change in planned(panel)["changes"]} == {"minor", "patch"}
    assert planned(panel)["minor_only"] is True
    assert panel.plan_view.plan["cell"] == "service.upgrade_all_packages(step='minor')"
    click(panel.plan_view, type="step", only_minor=False)
    assert len(planned(panel)["changes"]) == 7
    click(panel.table, type="plan", names=["seedshelf", "frostcall"])
    click(panel.plan_view, type="step", only_minor=True)
    cell = "service.apply(service.plan_upgrade(['seedshelf', 'frostcall'], step='minor'))"
    assert (planned(panel)["cell"], panel.plan_view.plan["minor_only"]) == (cell, True)
    click(panel.table, type="plan", names=["raintable"], version="2.4.0")
    assert planned(panel)["minor_only"] is None


def test_header_has_no_number_of_packages_while_a_change_runs(panel: PackagePanel) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)
    seen: list[tuple[str, str, bool]] = []

    def record(change: dict[str, dict[str, str]]) -> None:
        header = change["new"]
        seen.append(
            (header["where"].rpartition(" · ")[2], header["changing"], bool(header["busy"]))
        )

    panel.table.observe(record, "header")
    click(panel.table, type="uninstall", names=["seedshelf"])
    click(panel.plan_view, type="apply", id=planned(panel)["id"])
    assert panel.wait(60)
    states = [state for i, state in enumerate(seen) if state not in seen[:i]]
    folder = panel.service.prefix.name
    assert states == [
        (folder, "Uninstalling seedshelf", False),
        ("10 installed", "", True),
        ("10 installed", "", False),
    ]


def test_row_that_was_removed_by_others_does_not_come_back(
    panel: PackagePanel, garden: Demo
) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)
    shutil.rmtree(garden.site_packages / "coldframe-1.2.0.dist-info")
    panel._list_controller.refresh()
    assert panel.wait(60)
    assert "coldframe" not in installed(panel)


def test_equivalent_cell_creates_a_service_if_there_is_none(
    service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgwidgets.widgets.panel.PackageService", lambda: service)
    panel = PackagePanel()
    click(panel.table, type="plan", names=["seedshelf"])
    assert planned(panel)["cell"].splitlines() == [
        "from pkgwidgets import PackageService",
        "",
        "service = PackageService()",
        "service.upgrade_package('seedshelf')",
    ]
    panel.close()


def test_new_plan_replaces_one_in_progress(
    panel: PackagePanel, garden: Demo, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, gate = threading.Event(), threading.Event()
    plan = service.plan_upgrade

    def slow(names: Any, *args: Any, **options: Any) -> Any:
        if names == ["seedshelf"]:
            started.set()
            assert gate.wait(30)
        return plan(names, *args, **options)

    monkeypatch.setattr(service, "plan_upgrade", slow)
    click(panel.table, type="plan", names=["seedshelf"])
    assert started.wait(30)
    click(panel.table, type="plan", names=["frostcall"])
    gate.set()
    assert changes(panel) == [("frostcall", "1.9.3", "2.0.0")]


def test_cancelled_plan_does_not_open(
    panel: PackagePanel, service: PackageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, gate = threading.Event(), threading.Event()

    def slow(*args: Any, **options: Any) -> Any:
        started.set()
        assert gate.wait(30)
        return plan

    plan = service.plan_upgrade("seedshelf")
    monkeypatch.setattr(service, "plan_upgrade", slow)
    click(panel.table, type="plan", names=["seedshelf"])
    assert started.wait(30)
    click(panel.plan_view, type="cancel")
    gate.set()
    assert panel.wait(60)
    assert panel.plan_view.state == "hidden"
    click(panel.plan_view, type="apply", id="")
    assert panel.wait(60)
    assert service.values.history() == ()


def test_impossible_plan_offers_to_change_more_packages(panel: PackagePanel) -> None:
    click(panel.table, type="plan", names=["raintable"], version="3.1.0")
    assert panel.wait(60)
    assert panel.plan_view.state == "failed"
    assert "With changes to other packages: 3.1.0, but " in panel.plan_view.error
    click(panel.plan_view, type="unlock")
    assert ("raintable", "2.0.0", "3.1.0") in changes(panel)


def test_impossible_version_does_not_offer_to_change_more_packages(panel: PackagePanel) -> None:
    click(panel.table, type="plan", names=["raintable"], version="9")
    assert panel.wait(60)
    assert panel.plan_view.state == "failed"
    assert panel.plan_view.plan["unlock"] == ""
    assert panel.plan_view.error.endswith(" Choose another version.")


# --- install and uninstall


def test_uninstall_can_include_dependent_packages(panel: PackagePanel) -> None:
    click(panel.table, type="uninstall", names=["sundrift"])
    assert panel.wait(60)
    assert panel.plan_view.error.startswith("Cannot uninstall sundrift: bedplanner requires it.")
    click(panel.plan_view, type="unlock")
    assert sorted(changes(panel)) == [("bedplanner", "2.1.0", ""), ("sundrift", "1.0.4", "")]
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert len(installed(panel)) == 9


def test_install_form_shows_errors_and_stays_open(panel: PackagePanel) -> None:
    click(panel.table, type="install")
    click(panel.form, type="plan", name="../x", version="")
    assert "../x" in panel.form.form["error"]
    click(panel.form, type="plan", name="nothing-there", version="")
    assert panel.wait(60)
    assert panel.form.form["error"].startswith("The index http://")
    assert panel.plan_view.state == "hidden"
    click(panel.form, type="releases", name="nothing-there")
    assert panel.wait(60)
    assert panel.form.form["busy"] == ""
    click(panel.form, type="close")
    assert not panel.form.is_open


def test_install_form_installs_a_new_package(panel: PackagePanel, garden: Demo) -> None:
    pod = BuiltWheel(name="pod", version="2.0", files={"pod.py": ""})
    pea = BuiltWheel(
        name="pea",
        version="1.0",
        files={"pea.py": ""},
        requires=("pod",),
        summary="Peas in pods",
    )
    garden.index.publish(pod, pea)
    click(panel.table, type="install")
    click(panel.form, type="releases", name="pip install pea")
    assert panel.wait(60)
    assert [r["version"] for r in panel.form.form["releases"]] == ["1.0"]
    brings = panel.form.form["brings"]
    assert brings.startswith("Would bring 2 new (pea, pod) · ")
    assert brings.endswith(" to fetch")
    assert panel.form.form["summary"] == "Peas in pods"
    click(panel.form, type="plan", name="pip install pea", version="")
    assert changes(panel) == [("pea", "", "1.0"), ("pod", "", "2.0")]
    assert not panel.form.is_open
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert installed(panel)["pea"] == "1.0"


def test_install_form_offers_names_of_the_index_while_typing(
    panel: PackagePanel, garden: Demo
) -> None:
    garden.index.publish(BuiltWheel(name="seedbox", version="1.0", files={}))
    click(panel.table, type="install")
    assert "seedshelf" in panel.form.form["suggestions"]
    assert garden.index.requests == []
    for text in ("s", "se", "seedb"):
        click(panel.form, type="suggest", text=text)
    assert panel.wait(60)
    assert panel.form.form["suggestions"] == ["seedbox"]
    assert garden.index.requests == ["/simple/"]
    click(panel.form, type="suggest", text="")
    assert panel.wait(60)
    assert "seedshelf" in panel.form.form["suggestions"]
    click(panel.form, type="close")
    click(panel.form, type="suggest", text="seed")
    assert panel.wait(60)
    assert not panel.form.is_open


@pytest.fixture
def details(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the details of open rows that were sent to the browser, merged."""
    known: dict[str, Any] = {}

    def send(self: PackageTable, message: Any) -> None:
        if message["type"] == "detail":
            known.setdefault(message["id"], {}).update(message)

    monkeypatch.setattr(PackageTable, "send", send)
    return known


# --- an open row


def test_row_details_show_relations_size_and_versions(
    panel: PackagePanel, details: dict[str, Any]
) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)
    for name in ("raintable", "bedplanner", "compost-log"):
        click(panel.table, type="detail", id=name)
    assert panel.wait(60)
    rain = details["raintable"]
    assert (rain["requires"], rain["required_by"]) == ([], ["allotboard"])
    assert rain["size"].endswith(" bytes")
    assert [(option["version"], option["note"], option["pick"]) for option in rain["versions"]] == [
        ("3.1.0", "latest", False),
        ("2.4.0", "compatible", True),
        ("2.0.0", "installed", False),
    ]
    assert details["bedplanner"]["requires"] == ["beanpoles", "sundrift"]
    assert [(r["version"], r["note"], r["pick"]) for r in details["compost-log"]["versions"]] == [
        ("1.0.0", "yanked", False),
        ("0.9.0", "installed, latest", True),
    ]


def test_row_details_say_who_published_the_releases(
    panel: PackagePanel, details: dict[str, Any]
) -> None:
    click(panel.table, type="check")
    assert panel.wait(60)
    for name in ("frostcall", "sundrift"):
        click(panel.table, type="detail", id=name)
    assert panel.wait(60)
    assert details["frostcall"]["publisher"].startswith("The publisher of frostcall changed: ")
    assert details["frostcall"]["publisher_warns"] is True
    assert "demo-garden/sundrift" in details["sundrift"]["publisher"]
    assert details["sundrift"]["publisher_warns"] is False


def test_row_details_explain_an_unavailable_index(
    panel: PackagePanel, garden: Demo, details: dict[str, Any]
) -> None:
    garden.index.down = True
    click(panel.table, type="detail", id="bedplanner")
    assert panel.wait(60)
    assert "503" in details["bedplanner"]["failed"]
    assert "versions" not in details["bedplanner"]
    assert details["bedplanner"]["requires"] == ["beanpoles", "sundrift"]
    garden.index.down = False
    click(panel.table, type="detail", id="bedplanner")
    assert panel.wait(60)
    assert details["bedplanner"]["failed"] == ""
    assert [option["version"] for option in details["bedplanner"]["versions"]] == ["2.3.0", "2.1.0"]


def test_last_opened_row_is_loaded_first(
    panel: PackagePanel, service: PackageService, details: dict[str, Any]
) -> None:
    started, gate, names = threading.Event(), threading.Event(), []
    relations = service.get_dependencies

    def slow(name: str) -> Any:
        names.append(name)
        started.set()
        assert gate.wait(30)
        return relations(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service, "get_dependencies", slow)
        click(panel.table, type="detail", id="raintable")
        assert started.wait(30)
        for row_id in ("seedshelf", "frostcall", "seedshelf"):
            click(panel.table, type="detail", id=row_id)
        gate.set()
        assert panel.wait(60)
    assert names == ["raintable", "seedshelf", "frostcall"]


def test_outcome_makes_way_for_a_newer_one_of_another_cell(
    panel: PackagePanel, service: PackageService
) -> None:
    click(panel.table, type="plan", names=["harvestscale"])
    assert planned(panel)
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    failed = panel.task_view.task["outcome"]
    assert failed["kind"] == "bad"
    service.hold("frostcall", "<3")
    assert panel._on_changed()
    assert panel.wait(60)
    assert panel.task_view.task["outcome"] == failed, "a hold changes no package"
    service.upgrade_package("seedshelf")
    assert panel._on_changed()
    assert panel.wait(60)
    assert panel.task_view.task["outcome"]["text"] == "Done: seedshelf 1.4.1 → 1.4.2"
    with pytest.raises(StageFailed):
        service.upgrade_package("harvestscale", "3.3.0")
    assert panel._on_changed()
    assert panel.wait(60)
    assert panel.task_view.task == {}


# --- one bad release


def test_refused_plan_for_everything_is_followed_by_one_without_the_culprit(
    panel: PackagePanel,
) -> None:
    click(panel.table, type="plan", names=None)
    assert planned(panel)
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    outcome = panel.task_view.task["outcome"]
    assert (outcome["kind"], "libharvest.so.5" in outcome["text"]) == ("bad", True)
    assert panel.plan_view.state == "ready"
    assert panel.plan_view.plan["title"] == "Upgrade all, without harvestscale"
    assert "harvestscale" not in [name for name, *_ in changes(panel)]
    rows = {row["name"]: row for row in panel.table.rows}
    assert [name for name, row in rows.items() if row.get("failed")] == ["harvestscale"]
    assert not any("status" in row for row in rows.values())

    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert panel.task_view.task["outcome"]["kind"] == "ok"
    click(panel.table, type="dismiss", names=["harvestscale"])
    assert panel.wait(60)
    assert not any(row.get("failed") for row in panel.table.rows)


def test_rolled_back_upgrade_of_everything_is_followed_by_a_plan_without_the_culprit(
    panel: PackagePanel, garden: Demo
) -> None:
    garden.index.withdraw("harvestscale", "3.3.0")
    garden.index.publish(NOT_INTACT)
    click(panel.table, type="plan", names=None)
    assert planned(panel)
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    outcome = panel.task_view.task["outcome"]
    assert (outcome["kind"], "check after installing" in outcome["text"]) == ("bad", True)
    assert panel.plan_view.plan["title"] == "Upgrade all, without seedshelf"
    assert "seedshelf" not in [name for name, *_ in changes(panel)]
    rows = {row["name"]: row for row in panel.table.rows}
    assert [name for name, row in rows.items() if row.get("failed")] == ["seedshelf"]
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert panel.task_view.task["outcome"]["kind"] == "ok"


# --- history


@pytest.mark.slow
def test_history_offers_undo_and_the_log_of_each_transaction(panel: PackagePanel) -> None:
    for name in ("seedshelf", "frostcall", "harvestscale"):
        click(panel.table, type="plan", names=[name])
        assert planned(panel)
        click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
        assert panel.wait(60)
    click(panel.table, type="history")
    entries = panel.history_view.entries
    assert [(e["outcome"], e["undo"]) for e in entries] == [
        ("not applied", ""),
        ("done", "Undo…"),
        ("done", "Undo…"),
    ]
    assert "libharvest.so.5" in entries[0]["error"]
    assert all(e["seconds"] > 0 and e["who"] for e in entries)
    click(panel.history_view, type="log", id=entries[0]["id"])
    assert "checking the new versions" in panel.history_view.logs[entries[0]["id"]]

    click(panel.history_view, type="undo", id=entries[2]["id"])
    assert changes(panel) == [("seedshelf", "1.4.2", "1.4.1")]
    assert panel.plan_view.plan["footer"].startswith("from the saved files")
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert installed(panel)["seedshelf"] == "1.4.1"
    newest, *_, oldest = panel.history_view.entries
    assert (newest["direction"], newest["undo"]) == ("undo", "Redo…")
    assert panel.task_view.task["outcome"]["text"] == "Undone: seedshelf 1.4.2 → 1.4.1"
    assert panel.task_view.task["outcome"]["undo"] == "Redo"
    assert (oldest["undone"], oldest["undo"]) == (True, "")
    click(panel.history_view, type="undo", id=newest["id"])
    assert planned(panel)["title"] == "Redo: seedshelf"
    click(panel.plan_view, type="apply", id=panel.plan_view.plan["id"])
    assert panel.wait(60)
    assert panel.task_view.task["outcome"]["text"] == "Redone: seedshelf 1.4.1 → 1.4.2"
    assert panel.task_view.task["outcome"]["undo"] == "Undo"
    newest, undo, *_, oldest = panel.history_view.entries
    assert [(e["direction"], e["undone"]) for e in (newest, undo, oldest)] == [
        ("redo", False),
        ("undo", True),
        ("", False),
    ]
    click(panel.history_view, type="close")
    assert panel.history_view.entries is None


# --- closing


def test_control_channel_request_cancels_the_plan(panel: PackagePanel) -> None:
    sent: list[Any] = []

    class Session:
        def send(self, stream: Any, name: str, content: Any, parent: Any, ident: Any) -> None:
            sent.append((name, content))

    class Kernel:
        session = Session()

    def request(key: str, do: str, **click: Any) -> dict[str, Any]:
        return {"content": {"key": key, "do": do, **click}}

    cancel = {"part": "plan", "message": {"type": "cancel", "click": "1"}}

    panel.plan_view.begin("Upgrade pea")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "_find_kernel", Kernel)
        connection._answer_request(None, [], request(panel.connection.key, "look"))
        assert panel.plan_view.state == "loading"
        connection._answer_request(None, [], request("of another kernel", "click", **cancel))
        assert panel.plan_view.state == "loading"
        connection._answer_request(None, [], request(panel.connection.key, "click", **cancel))
        assert panel.plan_view.state == "hidden"
        panel.plan_view.begin("Upgrade pod")
        connection._answer_request(None, [], request(panel.connection.key, "click", **cancel))
        assert panel.plan_view.state == "loading", "a click that comes late cancels no later plan"
    assert [content["known"] for _, content in sent] == [True, False, True, True]


def test_click_on_the_control_channel_counts_once(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_find_kernel", lambda: None)
    confirmed: list[Any] = []
    monkeypatch.setattr(panel.connection, "send", confirmed.append)
    opened = {"type": "install", "click": "1"}
    request = {"key": panel.connection.key, "do": "click", "part": "table", "message": opened}
    states = []
    connection._answer_request(None, [], {"content": request})
    states.append(panel.form.is_open)
    panel.form.close_view()
    click(panel.table, **opened)  # the same, once the cell has ended
    states.append(panel.form.is_open)
    click(panel.table, **{**opened, "click": "2"})
    states.append(panel.form.is_open)
    assert states == [True, False, True]
    assert [message["click"] for message in confirmed] == ["1", "2"]
    connection._answer_request(None, [], {"content": {**request, "part": "no such view"}})
    connection._answer_request(None, [], {"content": {**request, "message": "no message"}})


def test_dock_without_ipylab_prints_a_hint(
    panel: PackagePanel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    panel.dock()
    assert capsys.readouterr().out == f"{dock.MISSING_TEXT}\n"
