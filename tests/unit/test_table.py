"""The table's model: rows that come one by one are sent a few at a time, and none is lost."""

from __future__ import annotations

from typing import Any

import pytest
from packaging.version import Version

from pkgwidgets.core.model import PackageInfo
from pkgwidgets.widgets import table
from pkgwidgets.widgets.table import PackageTable

pytestmark = pytest.mark.filterwarnings("ignore:Deprecated in traitlets")  # old ipywidgets
NAMES = [f"pod-{number}" for number in range(50)]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setattr(PackageTable, "send", lambda self, message: found.append(message))
    return found


def info(name: str, latest: str | None = None) -> PackageInfo:
    return PackageInfo(name=name, version="1.0", latest_version=latest)


def test_rows_that_come_one_by_one_are_gathered(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(table, "monotonic", lambda: now[0])
    shown = PackageTable(sent.append)
    shown.show(info(name) for name in NAMES)
    for name in NAMES:
        now[0] += 0.03
        shown.fill(info(name, "2.0"), f"asking, {name}")
    assert 5 < len(sent) < 20
    patched = [row["id"] for message in sent for row in message["rows"]]
    assert patched == NAMES[: len(patched)]
    assert len(patched) > 45
    assert all(Version(row["latest"]) == Version("2.0") for row in sent[0]["rows"])
    shown.patch(info(name, "2.0") for name in NAMES)
    assert [row["latest"] for row in shown.rows] == ["2.0"] * len(NAMES)


def test_signs_of_life_without_a_row_are_said(
    sent: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = PackageTable(sent.append)
    shown.show([info("pod")])
    shown.fill(None, "asking the index…")
    assert shown.header["busy"] == "asking the index…"
    assert [row["latest"] for row in shown.rows] == [""]
