"""What is installed as an egg or an egg-link is listed, and its requirements hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from real_environments import install_directly, runs, write_development_link, write_egg

from pkgwidgets import PackageService
from pkgwidgets.core.errors import EnvironmentRefused, StillNeeded
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

CODE = "import torchlight\nassert torchlight.VERSION < '2'\n"
Install = Callable[[Demo, str, str, str], Path]


@pytest.fixture(params=[write_development_link, write_egg], ids=["link", "egg"])
def garden_with_egg(request: pytest.FixtureRequest, garden: Demo) -> Demo:
    install: Install = request.param
    releases = [
        BuiltWheel(
            name="torchlight",
            version=version,
            files={"torchlight.py": f"VERSION = {version!r}\n"},
        )
        for version in ("1.0", "1.5", "2.0")
    ]
    garden.index.publish(*releases)
    install_directly(garden, releases[0])
    install(garden, "lantern", "torchlight<2", CODE)
    assert runs(garden, "import lantern")
    return garden


def test_egg_is_listed(garden_with_egg: Demo, service: PackageService) -> None:
    assert "lantern" in [row.id for row in service.values.packages()]


@pytest.mark.parametrize("names", [None, "torchlight"])
def test_upgrade_respects_the_requirement_of_an_egg(
    garden_with_egg: Demo, service: PackageService, names: str | None
) -> None:
    plan = service.plan_upgrade(names)
    assert {c.id: str(c.after) for c in plan.changes if c.id == "torchlight"} == {
        "torchlight": "1.5"
    }
    if names is not None:  # the demo's other upgrades fail on purpose
        service.apply(plan)
    assert runs(garden_with_egg, "import lantern")


def test_what_an_egg_requires_is_not_uninstalled(
    garden_with_egg: Demo, service: PackageService
) -> None:
    with pytest.raises(StillNeeded, match="lantern"):
        service.plan_uninstall("torchlight")


def test_egg_itself_is_not_changed(garden_with_egg: Demo, service: PackageService) -> None:
    with pytest.raises(EnvironmentRefused, match="lantern cannot be changed"):
        service.plan_uninstall("lantern")
