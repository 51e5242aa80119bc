"""Plans on the fake and on the real backend: compatible versions, with reasons."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes import Kit
from packaging.utils import NormalizedName
from packaging.version import Version
from plan_cases import NEWER, applied, broken, changes_of, pea

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    InvalidRequest,
    PkgwidgetsError,
    PlanImpossible,
)
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import AllowPolicy, ChangeKind, Plan
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.operations.snapshot import EnvironmentSnapshot


def unmet(kit: Kit) -> frozenset[dependency_graph.Unmet]:
    return EnvironmentSnapshot.of(kit.backend).unmet


def test_requirements_of_the_installed_set_are_found_in_one_pass(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass for each distribution takes long in a large environment."""
    snapshot = EnvironmentSnapshot.of(kit.backend)
    find: property = vars(EnvironmentSnapshot)["_system_distributions"]
    passes = []

    def count(self: EnvironmentSnapshot) -> set[NormalizedName]:
        passes.append(self)
        found: set[NormalizedName] = find.__get__(self)
        return found

    monkeypatch.setattr(EnvironmentSnapshot, "_system_distributions", property(count))
    assert "raintable" in snapshot.requirements({})
    assert len(passes) < len(snapshot.distributions)


# --- upgrading


@pytest.mark.parametrize("allow", ["self", "dependencies"])
def test_upgrade_is_planned_to_the_compatible_version(kit: Kit, allow: AllowPolicy) -> None:
    before = kit.tree()
    plan = plan_upgrade(kit.backend, "raintable", allow=allow)
    assert changes_of(plan) == ["raintable 2.0.0 → 2.4.0"]
    (held_back,) = plan.held_back
    assert str(held_back) == (
        "raintable 2.4.0, not 3.1.0: blocked by allotboard 1.40.0 (raintable<3); "
        'with allow="all": 3.1.0, but allotboard → 1.67.0 changes too'
    )
    assert (held_back.kept_version, held_back.latest) == (Version("2.4.0"), Version("3.1.0"))
    assert (plan.requested, plan.allow) == (("raintable",), allow)
    assert kit.tree() == before


def test_allow_all_upgrades_the_blocking_package(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "raintable", allow="all")
    assert changes_of(plan) == ["raintable 2.0.0 → 3.1.0", "allotboard 1.40.0 → 1.67.0"]
    assert [change.requested for change in plan.changes] == [True, False]
    assert plan.changes[1].reason == "needed by the other changes"
    assert plan.held_back == ()


def test_dependency_is_upgraded_if_it_may_change(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner")
    assert changes_of(plan) == ["bedplanner 2.1.0 → 2.3.0", "sundrift 1.0.4 → 1.2.0"]
    assert [change.requested_after for change in plan.changes] == [True, False]
    assert plan.changes[1].reason == "needed by bedplanner"


def test_package_is_held_back_if_its_dependency_may_not_change(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner", allow="self")
    assert changes_of(plan) == []
    assert not plan
    (held_back,) = plan.held_back
    assert (held_back.kept_version, held_back.latest) == (Version("2.1.0"), Version("2.3.0"))
    assert held_back.reason


def test_change_names_its_wheel_and_hash(kit: Kit) -> None:
    (change,) = plan_upgrade(kit.backend, "Seed.Shelf".replace(".", "")).changes
    assert change.wheel == "seedshelf-1.4.2-py3-none-any.whl"
    assert change.sha256 is not None
    assert change.hashes == (change.sha256,)
    assert change.size
    assert (change.kind, change.requested, change.requested_after) == (
        ChangeKind.UPGRADE,
        True,
        True,
    )


def test_plan_without_names_upgrades_everything(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend)
    assert changes_of(plan) == NEWER
    assert (plan.requested, plan.held_back) == (("everything",), ())


# --- upgrading to a version


@pytest.mark.parametrize(
    ("name", "version", "change"),
    [
        ("raintable", "2.4.0", "raintable 2.0.0 → 2.4.0"),
        ("raintable", "v2.4", "raintable 2.0.0 → 2.4.0"),
        ("compost-log", "1.0.0", "Compost_Log 0.9.0 → 1.0.0"),
        ("moonsower", "6.0.0rc1", "moonsower 5.0.1 → 6.0.0rc1"),
    ],
    ids=["older than the newest", "another spelling", "yanked", "pre-release"],
)
def test_given_version_is_planned(kit: Kit, name: str, version: str, change: str) -> None:
    plan = plan_upgrade(kit.backend, name, version=version)
    assert changes_of(plan) == [change]
    assert plan.held_back == ()
    assert plan.changes[0].hashes


# --- refusals


@pytest.mark.parametrize("plan", [plan_upgrade, plan_uninstall])
def test_unreadable_package_cannot_be_changed(
    kit: Kit, plan: Callable[[Backend, str], Plan]
) -> None:
    for file in ("METADATA", "RECORD"):
        kit.edit(f"seedshelf-1.4.1.dist-info/{file}", b"garbage")
    with pytest.raises(
        EnvironmentRefused, match="seedshelf cannot be changed: unreadable metadata"
    ):
        plan(kit.backend, "seedshelf")


# --- broken environments


def test_unmet_requirements_do_not_block_other_upgrades(kit: Kit) -> None:
    broken(kit)
    before = unmet(kit)
    assert len(before) == 2
    plan = plan_upgrade(kit.backend, "frostcall")
    assert changes_of(plan) == ["frostcall 1.9.3 → 2.0.0"]
    applied(kit, plan)
    assert unmet(kit) == before


@pytest.mark.slow
def test_met_requirement_of_a_broken_distribution_is_not_violated(kit: Kit) -> None:
    broken(kit)
    plan = plan_upgrade(kit.backend, "seedshelf")
    assert changes_of(plan) == []
    assert plan.held_back[0].reason == "blocked by pea 1.0 (seedshelf<1.4.2)"


# --- installing


def test_install_plan_includes_new_dependencies(kit: Kit) -> None:
    kit.publish(pea("1.0", requires=("pod>=1", "raintable")), BuiltWheel(name="pod", version="2.0"))
    plan = plan_install(kit.backend, "Pea")
    assert changes_of(plan) == ["pea 1.0 (new)", "pod 2.0 (new)"]
    assert [(c.requested, c.requested_after) for c in plan.changes] == [
        (True, True),
        (False, False),
    ]
    assert {c.kind for c in plan.changes} == {ChangeKind.INSTALL}


@pytest.mark.slow
def test_install_changes_a_dependency_only_if_allowed(kit: Kit) -> None:
    kit.publish(pea("1.0", requires=("sundrift>=1.1",)))
    assert changes_of(plan_install(kit.backend, "pea")) == [
        "pea 1.0 (new)",
        "sundrift 1.0.4 → 1.2.0",
    ]
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, "pea", allow="self")
    assert "sundrift" in caught.value.blockers


@pytest.mark.slow
def test_install_can_upgrade_an_installed_package(kit: Kit) -> None:
    assert changes_of(plan_install(kit.backend, "raintable>=2.1")) == ["raintable 2.0.0 → 2.4.0"]
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, "raintable>=3")
    assert caught.value.requirements == ("raintable>=3",)


@pytest.mark.slow
def test_several_requirements_are_one_install_plan(kit: Kit) -> None:
    kit.publish(pea("1.0", requires=("pod>=2",)), BuiltWheel(name="pod", version="2.0", files={}))
    plan = plan_install(kit.backend, ["Pea>=1", "pod", "raintable>=2.1", "Pea>=1"])
    assert plan.requested == ("Pea>=1", "pod", "raintable>=2.1")
    assert changes_of(plan) == ["pea 1.0 (new)", "pod 2.0 (new)", "raintable 2.0.0 → 2.4.0"]
    assert all(change.requested for change in plan.changes)
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, ["pea", "raintable>=3"])
    assert caught.value.requirements == ("pea", "raintable>=3")
    with pytest.raises(InvalidRequest, match="No requirement was given"):
        plan_install(kit.backend, [])


# --- uninstalling


def test_uninstall_is_possible_in_a_broken_environment(kit: Kit) -> None:
    broken(kit)
    assert changes_of(plan_uninstall(kit.backend, "frostcall")) == ["frostcall 1.9.3 (removed)"]
    applied(kit, plan_uninstall(kit.backend, "pea"))
    assert unmet(kit) == frozenset()


# --- undoing


def test_undo_is_the_inverse_change_from_the_save_point(kit: Kit) -> None:
    done = applied(kit, plan_upgrade(kit.backend, "bedplanner"))
    kit.go_down()
    plan = plan_undo(kit.backend)
    assert changes_of(plan) == ["bedplanner 2.3.0 → 2.1.0", "sundrift 1.2.0 → 1.0.4"]
    assert (plan.undoes, plan.from_save_point, plan.download_size) == (done.id, True, 0)
    assert [change.requested_after for change in plan.changes] == [True, False]


def test_undo_without_save_point_asks_the_index(kit: Kit) -> None:
    done = applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    kit.backend.save_point(done.id).discard()
    plan = plan_undo(kit.backend)
    assert (changes_of(plan), plan.from_save_point) == (["seedshelf 1.4.2 → 1.4.1"], False)
    assert plan.changes[0].hashes
    assert applied(kit, plan).plan.undoes == done.id


def test_repeated_undo_restores_each_earlier_state(kit: Kit) -> None:
    trees = []
    for name in ("seedshelf", "frostcall", "raintable"):
        trees.append(kit.tree())
        applied(kit, plan_upgrade(kit.backend, name))
    kit.go_down()
    for tree in reversed(trees):
        applied(kit, plan_undo(kit.backend))
        assert kit.tree() == tree
    with pytest.raises(InvalidRequest, match="There is nothing to undo"):
        plan_undo(kit.backend)


def test_undo_can_be_undone_by_its_id(kit: Kit) -> None:
    applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    after = kit.tree()
    undo = applied(kit, plan_undo(kit.backend))
    kit.go_down()
    redo = plan_undo(kit.backend, undo.id)
    assert (changes_of(redo), redo.from_save_point) == (["seedshelf 1.4.1 → 1.4.2"], True)
    applied(kit, redo)
    assert kit.tree() == after


def test_older_transaction_can_be_undone_only_after_the_newer_one(kit: Kit) -> None:
    kit.publish(*(pea(version) for version in ("1.0", "2.0", "3.0")))
    applied(kit, plan_install(kit.backend, "pea==1.0"))
    before = kit.tree()
    older = applied(kit, plan_upgrade(kit.backend, "pea", version="2.0"))
    applied(kit, plan_upgrade(kit.backend, "pea", version="3.0"))
    with pytest.raises(
        InvalidRequest, match=r"it can no longer be undone, because pea is 3\.0, not 2\.0"
    ):
        plan_undo(kit.backend, older.id)
    applied(kit, plan_undo(kit.backend))
    kit.go_down()
    plan = plan_undo(kit.backend, older.id)
    assert (changes_of(plan), plan.from_save_point) == (["pea 2.0 → 1.0"], True)
    applied(kit, plan)
    assert kit.tree() == before


def test_undo_that_would_break_a_later_package_is_refused(kit: Kit) -> None:
    older = applied(kit, plan_upgrade(kit.backend, "raintable"))
    kit.publish(pea("1.0", requires=("raintable>=2.4",)))
    applied(kit, plan_install(kit.backend, "pea"))
    with pytest.raises(PkgwidgetsError):
        applied(kit, plan_undo(kit.backend, older.id))
    assert unmet(kit) == frozenset()


def test_plan_that_enters_a_prerelease_says_so(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "moonsower", version="6.0.0rc1")
    assert "moonsower 6.0.0rc1 is a pre-release" in plan.warnings
    assert not [text for text in plan_upgrade(kit.backend).warnings if "pre-release" in text]
