"""A limit counts in any spelling that uv or older installers read."""

from __future__ import annotations

import pytest
from real_environments import install_directly, uv_finds_conflicts

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel


def release(version: str) -> BuiltWheel:
    return BuiltWheel(name="torchlight", version=version, files={"torchlight.py": ""})


@pytest.mark.parametrize(
    ("limit", "reached"),
    [
        ("torchlight (>=0.9.*,<2)", "1.5"),
        ("torchlight >=1.0<2", "1.5"),
        ("torchlight <2.*,", "1.5"),
        ("torchlight !=~3.0, >=1", "2.0"),
        ("torchlight >=1 <2", "1.5"),
        ("torchlight (1.5)", "1.5"),
        ("torchlight=1.0", "1.0"),
        ("torchlight <2010k", "1.0"),
        ("torchlight >=2010k", "3.0"),
    ],
)
def test_upgrade_stays_below_an_old_limit(
    garden: Demo, service: PackageService, limit: str, reached: str
) -> None:
    light = BuiltWheel(name="light", version="1.0", files={"light.py": ""}, requires=(limit,))
    installed = "1.5" if reached == "1.5" else "1.0"
    garden.index.publish(*map(release, ("1.0", "1.5", "2.0", "3.0")), light)
    install_directly(garden, light, release(installed))
    unreadable_by_uv = uv_finds_conflicts(garden)
    upgraded = service.upgrade_package("torchlight")
    after = {str(change.id): str(change.after) for change in upgraded.changes}
    assert after.get("torchlight", installed) == reached
    assert uv_finds_conflicts(garden) == unreadable_by_uv


def test_row_names_an_unreadable_limit(garden: Demo, service: PackageService) -> None:
    limit = "torchlight=1.0"
    light = BuiltWheel(name="light", version="1.0", files={"light.py": ""}, requires=(limit,))
    garden.index.publish(release("1.0"), release("2.0"), light)
    install_directly(garden, light, release("1.0"))
    (row,) = service.values.updates("torchlight")
    assert (row.latest_version, row.compatible_version) == ("2.0", "1.0")
    assert row.blocked_by == "light (torchlight=1.0, which is unreadable)"
