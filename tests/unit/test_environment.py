"""A distribution that did not come from an index is never changed; its reason says why."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from packaging.version import Version

from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.origins import ORIGIN_REASONS, Origin
from pkgwidgets.core.packages import PackageInfo, PackageStatus
from pkgwidgets.presentation.row_actions import row_action

SITE = Path("/env/lib/site-packages")
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
UNMANAGED = [origin for origin in Origin if origin is not Origin.INDEX]


def pea(origin: Origin, folder: Path = SITE, ending: str = "dist-info") -> Distribution:
    path = folder / f"pea-1.{ending}"
    return Distribution(name="pea", version=Version("1"), path=path, installed=NOON, origin=origin)


@pytest.mark.parametrize("origin", UNMANAGED)
def test_plan_and_row_share_the_unmanaged_reason(origin: Origin) -> None:
    reason = ORIGIN_REASONS[origin]
    assert pea(origin).unmanaged_reason([SITE]) == reason.text
    row = PackageInfo(
        name="pea",
        version="1",
        status=PackageStatus.INSTALLED,
        install_path=SITE,
        origin=origin,
    )
    assert row_action(row).note == reason.note
    assert len(reason.note) <= len(reason.text)


def test_distribution_from_an_index_has_no_unmanaged_reason() -> None:
    assert pea(Origin.INDEX).unmanaged_reason([SITE]) is None


def test_distribution_outside_the_environment_names_its_folder() -> None:
    distribution = pea(Origin.SYSTEM, Path("/usr/lib/python3"))
    assert distribution.unmanaged_reason([SITE]) == (
        "it is outside of this environment, in /usr/lib/python3"
    )


def test_egg_info_reason_names_the_missing_record() -> None:
    reason = pea(Origin.SYSTEM, ending="egg-info").unmanaged_reason([SITE])
    assert reason == "it is an egg-info without a RECORD, so its files are unknown"
