"""The model of the package table sends small rows and numbered patches to late views, too."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus, VersionStep
from pkgwidgets.presentation.row_actions import row_action
from pkgwidgets.presentation.table_rows import detail, row
from pkgwidgets.widgets import package_table
from pkgwidgets.widgets.package_table import PackageTable

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets
NAMES = [f"pod-{number}" for number in range(50)]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL = PackageInfo(
    name="Rain.Table",
    version="2.0.0",
    latest_version="3.1.0",
    compatible_version="2.4.0",
    change=VersionStep.MAJOR,
    blocked_by="allotboard (rain-table<3)",
    released=NOON,
    status=PackageStatus.INSTALLED,
    requested=True,
    loaded_version="2.0.0",
    installed=NOON,
    last_upgraded=NOON,
    install_path=Path("/env/lib"),
    summary="rain in rows",
    links=(("Home", "https://example.invalid/"),),
)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    messages: list[Any] = []
    monkeypatch.setattr(PackageTable, "send", lambda self, message: messages.append(message))
    return messages


@pytest.fixture
def requests() -> list[Any]:
    return []


@pytest.fixture
def shown(sent: list[Any], requests: list[Any]) -> PackageTable:
    made = PackageTable(requests.append)
    made.show(info(name) for name in NAMES)
    return made


def info(name: str, latest: str | None = None) -> PackageInfo:
    return PackageInfo(name=name, version="1.0", latest_version=latest)


def hear(shown: PackageTable, message: Any) -> None:
    """Send a message as a view does."""
    shown._handle_custom_msg(message, [])


def test_row_omits_default_values() -> None:
    assert row(PackageInfo(name="pea", version="1.0")) == {"name": "pea", "version": "1.0"}
    assert row(FULL) == {
        "id": "rain-table",
        "name": "Rain.Table",
        "version": "2.0.0",
        "latest": "3.1.0",
        "bump": "major",
        "blocked_by": "allotboard <3",
        "released": 1772366400,
        "requested": True,
        "loaded": "2.0.0",
        "summary": "rain in rows",
        "action": "upgrade",
        "label": "Upgrade to 2.4.0…",
        "step": "minor",
    }
    assert len(json.dumps(row(FULL))) <= 300


@pytest.mark.parametrize(
    ("latest", "compatible", "step"),
    [("2.0", "2.0", ""), ("2.0", "1.0.1", "patch"), ("2.0", "1.1", "minor"), ("2.0", "1.0", "")],
)
def test_row_has_the_step_of_an_offer_that_is_not_the_latest(
    latest: str, compatible: str, step: str
) -> None:
    package = PackageInfo(
        name="pea", version="1.0", latest_version=latest, compatible_version=compatible
    )
    assert row(package).get("step", "") == step


def test_row_after_a_failed_change_has_a_note_and_is_no_error() -> None:
    package = PackageInfo(name="pea", version="1.0", failed_change="no", error="and unknown")
    shown = row(package)
    assert (shown["failed"], shown["error"], "status" in shown) == (True, "no", False)
    assert detail(package)["error"] == "no; and unknown"


@pytest.mark.parametrize("version", ["1.0", ""], ids=["incomplete rollback", "unreadable"])
def test_row_of_a_damaged_package_is_an_error_and_no_failed_change(version: str) -> None:
    package = PackageInfo(
        name="pea",
        version=version,
        status=PackageStatus.ERROR,
        error="no",
        has_incomplete_rollback=bool(version),
    )
    shown = row(package)
    assert (shown["status"], shown["error"], "failed" in shown) == ("error", "no", False)


def test_long_and_hostile_texts_are_truncated_and_escaped() -> None:
    hostile = PackageInfo(name="pea", version="1.0", summary="a\u202eb" * 100, error="x" * 999)
    assert row(hostile)["summary"].startswith("a\\u202eb")
    assert len(row(hostile)["summary"]) == len(row(hostile)["error"]) == 120
    assert len(detail(hostile)["error"]) == 999


@pytest.mark.parametrize(
    ("latest", "error", "shown_error"),
    [
        (
            None,
            "The index http://a.invalid/ is not available: it answered HTTP 503.",
            "the index answered HTTP 503",
        ),
        (
            None,
            "The index https://index.invalid/simple/ has no project pea.",
            "the index has no project pea",
        ),
        (
            "2.0",
            "The index http://a.invalid/ is not available: no; last checked 2 hours ago",
            "last checked 2 hours ago",
        ),
        (None, "its metadata cannot be read: METADATA", "its metadata cannot be read: METADATA"),
    ],
)
def test_row_shows_a_short_error(latest: str | None, error: str, shown_error: str) -> None:
    package = PackageInfo(name="pea", version="1.0", latest_version=latest, error=error)
    assert row(package)["error"] == shown_error
    assert detail(package)["error"] == error


def test_row_details_have_dates_path_and_links() -> None:
    assert detail(FULL) == {
        "id": "rain-table",
        "summary": "rain in rows",
        "blocked_by": "allotboard <3",
        "error": "",
        "installed": 1772366400,
        "upgraded": 1772366400,
        "path": "/env/lib",
        "license": "",
        "links": [["Home", "https://example.invalid/"]],
        "changeable": True,
    }


@pytest.mark.parametrize(
    "fixed",
    [
        PackageInfo(name="pea", version="1.0", origin=Origin.EDITABLE),
        PackageInfo(name="pea", version="1.0", status=PackageStatus.UPGRADING),
        PackageInfo(name="pea", version="", status=PackageStatus.ERROR, error="unreadable"),
        PackageInfo(
            name="pea", version="1.0", status=PackageStatus.ERROR, has_incomplete_rollback=True
        ),
    ],
)
def test_unchangeable_package_offers_no_change(fixed: PackageInfo) -> None:
    assert detail(fixed)["changeable"] is False


def test_rows_that_arrive_one_by_one_are_batched(
    sent: list[Any], shown: PackageTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(package_table, "monotonic", lambda: now[0])
    for name in NAMES:
        now[0] += 0.03
        shown.show_progress(info(name, "2.0"), f"asking, {name}")
    assert 5 < len(sent) < 20
    patched = [row["name"] for message in sent for row in message["rows"]]
    assert patched == NAMES[: len(patched)]
    assert len(patched) > 45
    assert all(Version(row["latest"]) == Version("2.0") for row in sent[0]["rows"])
    shown.patch(info(name, "2.0") for name in NAMES)
    assert [row["latest"] for row in shown.rows] == ["2.0"] * len(NAMES)


def test_progress_without_a_row_updates_only_the_header(
    sent: list[Any], shown: PackageTable
) -> None:
    shown.show_progress(None, "checking for updates…")
    assert shown.header["busy"] == "checking for updates…"
    assert sent == []


def test_patch_sends_only_changed_rows_with_a_revision(
    sent: list[Any], shown: PackageTable
) -> None:
    shown.patch(info(name, "2.0" if name == "pod-7" else None) for name in NAMES)
    shown.patch([info("pod-7", "2.0")])
    shown.patch([info("pod-8", "2.0")])
    assert [[row["name"] for row in message["rows"]] for message in sent] == [["pod-7"], ["pod-8"]]
    assert [message["revision"] for message in sent] == [2, 3]
    assert shown.get_state(["rows", "revision"])["revision"] == 3
    assert shown.get_state(["rows"])["rows"][8]["latest"] == "2.0"


def test_view_with_an_old_revision_gets_all_rows(sent: list[Any], shown: PackageTable) -> None:
    hear(shown, {"type": "opened", "revision": 1})
    assert sent == []
    shown.patch([info("pod-8", "2.0")])
    hear(shown, {"type": "opened", "revision": 1})
    assert sent[-1] == {"type": "all", "rows": shown.rows, "revision": 2}
    assert len(sent[-1]["rows"]) == len(NAMES)


def test_details_are_sent_only_for_known_rows(
    sent: list[Any], shown: PackageTable, requests: list[Any]
) -> None:
    hear(shown, {"type": "detail", "id": "gone"})
    hear(shown, {"type": "detail", "id": "pod-3"})
    assert [(message["type"], message["id"]) for message in sent] == [("detail", "pod-3")]
    assert requests == [{"type": "open", "id": "pod-3"}]


@pytest.mark.parametrize(
    "message", [{"type": "check"}, {"type": "plan", "names": ["pea"]}, {"type": "opened"}, {}, "x"]
)
def test_unknown_message_is_passed_to_the_panel(
    shown: PackageTable, requests: list[Any], message: Any
) -> None:
    hear(shown, message)
    assert requests == [message]


def test_replaced_rows_are_always_sent(
    shown: PackageTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[Any] = []
    monkeypatch.setattr(PackageTable, "send_state", lambda self, key=None: states.append(key))
    shown.patch([info("pod-8", "2.0")])
    shown.show(info(name) for name in NAMES)
    assert states == [["rows", "revision"]]
    assert shown.revision == 3


@pytest.mark.parametrize("action", ["upgrade", "explain", "retry"])
def test_shared_row_label_is_sent_once_for_the_table(shown: PackageTable, action: str) -> None:
    offers = {
        "upgrade": PackageInfo(
            name="pea", version="1.0", latest_version="2.0", compatible_version="2.0",
            change=VersionStep.MAJOR,
        ),
        "explain": PackageInfo(name="pea", version="1.0", latest_version="2.0",
                               change=VersionStep.MAJOR),
        "retry": PackageInfo(name="pea", version="1.0", error="no answer"),
    }  # fmt: skip
    cells = row(offers[action])
    assert cells["action"] == action
    assert "label" not in cells
    assert shown.get_state("labels")["labels"][action] == row_action(offers[action]).label
