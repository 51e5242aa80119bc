"""The upgrade that frees other packages is found in the graph, and confirmed by a plan."""

from __future__ import annotations

from fakes import FakeEnvironment, FakeKit, Kit
from packaging.utils import NormalizedName

from pkgwidgets.core.unlocking import Unlock, sole_blockers
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations.unlocking import find_unlocks


def name(text: str) -> NormalizedName:
    return NormalizedName(text)


def wheel(project: str, version: str, *requires: str) -> BuiltWheel:
    return BuiltWheel(name=project, version=version, files={f"{project}.py": ""}, requires=requires)


def test_only_sole_blockers_count_and_the_biggest_comes_first() -> None:
    a, b, c, d, e = map(name, "abcde")
    blocked_by = {a: [e], b: [d, e], c: [d], d: [e], e: []}
    assert sole_blockers(blocked_by) == [(e, (a, d)), (d, (c,))]


def test_demo_frees_raintable(kit: Kit) -> None:
    assert find_unlocks(kit.backend) == (
        Unlock(name="allotboard", version="1.67.0", frees=("raintable",)),
    )


def test_upgrade_that_frees_nothing_is_not_offered() -> None:
    wheels = [
        wheel("app", "1.0", "pea<2"),
        wheel("app", "2.0", "pea<2"),  # still blocks it
        wheel("pea", "1.0"),
        wheel("pea", "2.0"),
    ]
    kit = FakeKit(FakeEnvironment({}), wheels, ["app==1.0", "pea==1.0"])
    assert find_unlocks(kit.backend) == ()


def test_many_freed_packages_are_counted() -> None:
    unlock = Unlock(name="app", version="2.0", frees=tuple("abcdefghij"))
    assert str(unlock) == "app blocks 10 packages: upgrade it to 2.0 to free them"
    assert unlock.names == ("app", *"abcdefghij")
