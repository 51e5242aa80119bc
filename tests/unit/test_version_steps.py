"""An upgrade takes no bigger step than the plan allows."""

from __future__ import annotations

import pytest
from fakes import FakeEnvironment, FakeKit, Kit
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from plan_cases import changes_of, pea

from pkgwidgets.core.errors import InvalidRequest
from pkgwidgets.core.plans import StepLimit
from pkgwidgets.core.version_steps import exceeds, step_ceiling
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations.planning import plan_upgrade

_VERSIONS = ("0.9", "1.4.1", "1.4.2", "1.5rc1", "1.5", "1.4.1.post1", "2.0a1", "2.0", "1!1.4.2")


@pytest.mark.parametrize("limit", ["patch", "minor"])
@pytest.mark.parametrize("before", _VERSIONS)
@pytest.mark.parametrize("after", _VERSIONS)
def test_ceiling_excludes_exactly_the_newer_versions_that_exceed_the_step(
    before: str, after: str, limit: StepLimit
) -> None:
    old, new = Version(before), Version(after)
    if new > old:
        admitted = SpecifierSet(step_ceiling(old, limit)).contains(new, prereleases=True)
        assert admitted is not exceeds(old, new, limit)


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        ("patch", ["seedshelf 1.4.1 → 1.4.2"]),
        (
            "minor",
            [
                "allotboard 1.40.0 → 1.67.0",
                "bedplanner 2.1.0 → 2.3.0",
                "harvestscale 3.2.0 → 3.3.0",
                "raintable 2.0.0 → 2.4.0",
                "seedshelf 1.4.1 → 1.4.2",
                "sundrift 1.0.4 → 1.2.0",
            ],
        ),
    ],
)
def test_upgrade_of_everything_takes_no_bigger_step(
    kit: Kit, step: StepLimit, changes: list[str]
) -> None:
    plan = plan_upgrade(kit.backend, step=step)
    assert changes_of(plan) == changes
    left_out = {entry.id: str(entry.latest) for entry in plan.held_back}
    assert {"frostcall": "2.0.0", "raintable": "3.1.0"}.items() <= left_out.items()


def test_major_is_no_limit(kit: Kit) -> None:
    assert plan_upgrade(kit.backend, step="major").id == plan_upgrade(kit.backend).id


def test_package_whose_updates_are_too_big_a_step_is_held_back_with_the_step(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "frostcall", step="minor")
    assert not plan
    assert [str(entry) for entry in plan.held_back] == [
        "frostcall 1.9.3, not 2.0.0: a major step, and this plan takes minor steps at most"
    ]


def test_bigger_step_of_a_dependency_is_allowed_and_named() -> None:
    wheels = [
        pea("1.0", requires=("pod>=1",)),
        pea("1.1", requires=("pod>=2",)),
        *(
            BuiltWheel(name="pod", version=version, files={"pod.py": ""})
            for version in ("1.0", "2.0")
        ),
    ]
    kit = FakeKit(FakeEnvironment({}), wheels, ["pea==1.0", "pod==1.0"])
    plan = plan_upgrade(kit.backend, "pea", step="minor")
    assert changes_of(plan) == ["pea 1.0 → 1.1", "pod 1.0 → 2.0"]
    assert plan.notes == ("pod 1.0 → 2.0 is a major step, needed by pea",)
    everything = plan_upgrade(kit.backend, step="minor")
    assert not everything
    assert {entry.id for entry in everything.held_back} == {"pea", "pod"}


@pytest.mark.parametrize("step", ["huge", "", 1])
def test_unknown_step_is_refused(kit: Kit, step: StepLimit) -> None:
    with pytest.raises(InvalidRequest, match="use one of patch, minor, major"):
        plan_upgrade(kit.backend, step=step)


def test_step_and_version_exclude_each_other(kit: Kit) -> None:
    with pytest.raises(InvalidRequest, match="leave out one of the two"):
        plan_upgrade(kit.backend, "seedshelf", version="1.4.2", step="minor")
