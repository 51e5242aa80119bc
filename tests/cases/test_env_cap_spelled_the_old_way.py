"""A limit counts in any spelling that uv or older installers read."""

from __future__ import annotations

import pytest
from real_environments import install_directly, uv_finds_conflicts

from pkgwidgets import PackageService
from pkgwidgets.core.errors import EnvironmentRefused, StillNeeded
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
        ("torchlight (1.0)", "3.0"),
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


def test_limit_of_an_unreadable_distribution_counts(garden: Demo, service: PackageService) -> None:
    garden.index.publish(*map(release, ("1.0", "1.5", "2.0")))
    install_directly(garden, release("1.0"))
    unreadable = garden.site_packages / "light-1.0.dist-info"
    unreadable.mkdir()
    metadata = "Metadata-Version: 2.1\nName: light\nVersion: 2010k\nRequires-Dist: torchlight<2\n"
    (unreadable / "METADATA").write_text(metadata)
    (unreadable / "RECORD").write_text("light-1.0.dist-info/METADATA,,\n")
    plan = service.plan_upgrade("torchlight")
    assert [str(change.after) for change in plan.changes] == ["1.5"]
    everything = service.plan_upgrade()
    after = {str(change.id): str(change.after) for change in everything.changes}
    assert after["torchlight"] == "1.5"
    with pytest.raises(StillNeeded, match="light"):
        service.plan_uninstall("torchlight")


def test_plan_says_that_the_requirements_of_an_unreadable_package_are_unknown(
    garden: Demo, service: PackageService
) -> None:
    garden.index.publish(release("1.0"), release("2.0"))
    install_directly(garden, release("1.0"))
    (garden.site_packages / "light-1.0.dist-info").mkdir()
    plan = service.plan_upgrade("torchlight")
    assert "What light requires is unknown: the metadata cannot be read" in plan.warnings
    with pytest.raises(EnvironmentRefused, match="light cannot be changed"):
        service.plan_uninstall("light")
