"""A row offers one button or one note, and no button that cannot help."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from packaging.version import Version

from pkgwidgets.core.origins import Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.core.releases import Release
from pkgwidgets.presentation.row_actions import (
    RowAction,
    VersionOption,
    row_action,
    version_options,
)


def info(
    version: str = "1.0",
    latest: str | None = None,
    compatible: str | None = None,
    *,
    status: PackageStatus = PackageStatus.INSTALLED,
    origin: Origin = Origin.INDEX,
    loaded: str | None = None,
    error: str | None = None,
    incomplete: bool = False,
    failed: str = "",
) -> PackageInfo:
    return PackageInfo(
        name="raintable",
        version=version,
        latest_version=latest,
        compatible_version=compatible,
        status=status,
        origin=origin,
        loaded_version=loaded,
        error=error,
        failed_change=failed,
        has_incomplete_rollback=incomplete,
    )


@pytest.mark.parametrize(
    ("row", "offered"),
    [
        (info(), RowAction()),
        (info(latest="1.0", compatible="1.0"), RowAction()),
        (info("2.0", latest="1.0", compatible="1.0"), RowAction()),
        (info("1.0", latest="1.0.0", compatible="1.0.0"), RowAction()),
        (info(latest="2.0", compatible="2.0"), RowAction(action="upgrade", label="Upgrade…")),
        (info(latest="2.0", compatible="1.5"),
         RowAction(action="upgrade", label="Upgrade to 1.5…")),
        (info(latest="2.0", compatible="1.0"), RowAction(action="explain", label="Why blocked?")),
        (info(latest="2.0", compatible="0.9"), RowAction(action="explain", label="Why blocked?")),
        (info(latest="2.0"), RowAction(action="explain", label="Why blocked?")),
        (info(error="no answer"), RowAction(action="retry", label="Retry")),
        (info("", error="it is unreadable", status=PackageStatus.ERROR), RowAction()),
        (info(loaded="1.0"), RowAction()),
        (info(latest="1.0", loaded="0.9"), RowAction(note="restart needed")),
        (info(latest="2.0", compatible="2.0", loaded="0.9"),
         RowAction(action="upgrade", label="Upgrade…")),
        (info(latest="2.0", compatible="2.0", failed="it failed"),
         RowAction(action="upgrade", label="Upgrade…")),
        (info(latest="2.0", compatible="2.0", status=PackageStatus.ERROR, incomplete=True),
         RowAction(note="rollback incomplete")),
    ],
    ids=[
        "not asked", "up to date", "newer than the index", "the same in another spelling",
        "an update", "one within reach", "one out of reach", "only older ones in reach",
        "reach unknown", "the index failed", "unreadable", "loaded", "another version loaded",
        "another loaded, and an update", "failed, and an update",
        "an incomplete rollback",
    ],
)  # fmt: skip
def test_row_offers_at_most_one_action_or_note(row: PackageInfo, offered: RowAction) -> None:
    assert row_action(row) == offered


@pytest.mark.parametrize("loaded", ["0.9", "1.1"])
def test_stale_package_shows_restart_needed_before_the_check(loaded: str) -> None:
    assert row_action(info(loaded=loaded)) == RowAction(note="restart needed")


@pytest.mark.parametrize("status", [PackageStatus.INSTALLING, PackageStatus.UPGRADING])
def test_package_that_is_changing_offers_no_action(status: PackageStatus) -> None:
    action = row_action(info(latest="2.0", compatible="2.0", status=status, error="no answer"))
    assert action == RowAction(note=f"{status.value}…")


@pytest.mark.parametrize("origin", [origin for origin in Origin if origin is not Origin.INDEX])
def test_unchangeable_package_has_a_note_and_no_button(origin: Origin) -> None:
    action = row_action(info(latest="2.0", compatible="2.0", origin=origin, error="no answer"))
    assert (action.action, action.label) == ("", "")
    assert action.note != ""


def releases(*versions: str, yanked: str = "") -> list[Release]:
    return [Release(version=Version(text), yanked=text == yanked) for text in versions]


def labels(options: list[VersionOption]) -> list[str]:
    return [f"{c.version}{'*' if c.pick else ''} {c.note}".strip() for c in options]


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        (None, ["3.0rc1 pre-release", "2.1 yanked", "2.0 latest", "1.5", "1.0"]),
        (info(), ["3.0rc1 pre-release", "2.1 yanked", "2.0 latest", "1.5", "1.0* installed"]),
        (info(latest="2.0", compatible="2.0"),
         ["3.0rc1 pre-release", "2.1 yanked", "2.0* latest", "1.5", "1.0 installed"]),
        (info(latest="2.0", compatible="1.5"),
         ["3.0rc1 pre-release", "2.1 yanked", "2.0 latest", "1.5* compatible",
          "1.0 installed"]),
        (info(latest="2.0", compatible="1.0"),
         ["3.0rc1 pre-release", "2.1 yanked", "2.0 latest", "1.5", "1.0* installed"]),
        (info("2.1"), ["3.0rc1 pre-release", "2.1* installed, yanked", "2.0 latest", "1.5", "1.0"]),
    ],
    ids=["not installed", "not asked", "latest in reach", "one in reach", "blocked", "yanked"],
)  # fmt: skip
def test_version_options_note_latest_installed_yanked_and_prerelease(
    row: PackageInfo | None, texts: list[str]
) -> None:
    assert (
        labels(version_options(releases("3.0rc1", "2.1", "2.0", "1.5", "1.0", yanked="2.1"), row))
        == texts
    )


def test_version_options_show_the_upload_day_if_known() -> None:
    known = Release(version=Version("2.0"), uploaded=datetime(2024, 5, 1, 23, tzinfo=UTC))
    options = version_options([known, *releases("1.0")])
    assert [choice.day for choice in options] == ["2024-05-01", ""]
