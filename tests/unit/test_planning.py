"""A plan reaches as far as it may, breaks nobody, and says why it does not reach further."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeKit, Kit
from packaging.utils import canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.errors import (
    EnvironmentRefused,
    IndexUnavailable,
    InvalidRequest,
    PackageNotFound,
    PkgwidgetsError,
    PlanImpossible,
    ProjectNotFound,
    StillNeeded,
)
from pkgwidgets.core.events import Event, Stage
from pkgwidgets.core.hints import Hint
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.plans import AllowPolicy, ChangeKind, Plan
from pkgwidgets.core.transactions import Transaction
from pkgwidgets.core.versions import checked_version
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade
from pkgwidgets.operations.snapshot import EnvironmentSnapshot

NEWER = [
    "allotboard 1.40.0 → 1.67.0",
    "bedplanner 2.1.0 → 2.3.0",
    "frostcall 1.9.3 → 2.0.0",
    "harvestscale 3.2.0 → 3.3.0",
    "raintable 2.0.0 → 3.1.0",
    "seedshelf 1.4.1 → 1.4.2",
    "sundrift 1.0.4 → 1.2.0",
]


on_the_fake = pytest.mark.parametrize("kit", ["fake"], indirect=True)
"""For what is decided without the outside world: the real one would only take longer."""


def said(plan: Plan) -> list[str]:
    return [str(change) for change in plan.changes]


def applied(kit: Kit, plan: Plan) -> Transaction:
    return transactions.apply_and_follow(kit.backend, plan)


def unmet(kit: Kit) -> frozenset[dependency_graph.Unmet]:
    return EnvironmentSnapshot.of(kit.backend).unmet


def pea(version: str, **more: object) -> BuiltWheel:
    values = {"name": "pea", "version": version, "files": {"pea.py": f"x = {version!r}\n"}} | more
    return BuiltWheel(**values)  # type: ignore[arg-type]


# --- upgrading


@pytest.mark.parametrize("allow", ["self", "dependencies"])
def test_the_newest_that_nothing_forbids_is_planned(kit: Kit, allow: AllowPolicy) -> None:
    before = kit.tree()
    plan = plan_upgrade(kit.backend, "raintable", allow=allow)
    assert said(plan) == ["raintable 2.0.0 → 2.4.0"]
    (held,) = plan.held_back
    assert str(held) == (
        "raintable 2.4.0, not 3.1.0: allotboard 1.40.0 needs raintable<3; "
        "allowing all would reach 3.1.0 and move allotboard to 1.67.0"
    )
    assert (held.kept_version, held.latest) == (Version("2.4.0"), Version("3.1.0"))
    assert (plan.requested, plan.allow) == (("raintable",), allow)
    assert kit.tree() == before


def test_allowing_all_moves_who_forbade_it(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "raintable", allow="all")
    assert said(plan) == ["raintable 2.0.0 → 3.1.0", "allotboard 1.40.0 → 1.67.0"]
    assert [change.requested for change in plan.changes] == [True, False]
    assert plan.changes[1].reason == "it goes with the rest"
    assert plan.held_back == ()


def test_a_dependency_moves_if_it_may(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner")
    assert said(plan) == ["bedplanner 2.1.0 → 2.3.0", "sundrift 1.0.4 → 1.2.0"]
    assert [change.requested_after for change in plan.changes] == [True, False]
    assert plan.changes[1].reason == "bedplanner needs it"


def test_a_dependency_that_may_not_move_holds_it_back(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "bedplanner", allow="self")
    assert said(plan) == []
    assert not plan
    (held,) = plan.held_back
    assert (held.kept_version, held.latest) == (Version("2.1.0"), Version("2.3.0"))
    assert held.reason


def test_a_change_names_its_file(kit: Kit) -> None:
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


@on_the_fake
def test_several_names_are_one_plan(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, ["seedshelf", "Frostcall", "seedshelf"])
    assert said(plan) == ["frostcall 1.9.3 → 2.0.0", "seedshelf 1.4.1 → 1.4.2"]
    assert plan.requested == ("frostcall", "seedshelf")


def test_no_names_are_everything(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend)
    assert said(plan) == NEWER
    assert (plan.requested, plan.held_back) == (("everything",), ())


@on_the_fake
@pytest.mark.parametrize("name", ["beanpoles", "coldframe", "compost-log", "moonsower"])
def test_what_is_up_to_date_is_an_empty_plan(kit: Kit, name: str) -> None:
    plan = plan_upgrade(kit.backend, name)
    assert not plan
    assert (plan.changes, plan.held_back, plan.commands) == ((), (), ())


@on_the_fake
def test_a_plan_is_the_same_for_the_same_environment(kit: Kit) -> None:
    first, second = (plan_upgrade(kit.backend, "seedshelf") for _ in range(2))
    assert first.id == second.id
    assert first.id != plan_upgrade(kit.backend, "frostcall").id


@on_the_fake
def test_the_commands_do_the_same_in_a_terminal(kit: Kit) -> None:
    (command,) = plan_upgrade(kit.backend, "seedshelf").commands
    assert command.startswith("uv pip install --python ")
    assert command.endswith(" --no-deps seedshelf==1.4.2")


@on_the_fake
def test_it_reports_what_it_does(kit: Kit) -> None:
    told: list[Event] = []
    plan_upgrade(kit.backend, "seedshelf", report=told.append)
    assert [event.stage for event in told][:2] == [Stage.ASKING, Stage.RESOLVING]


# --- a version is given


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
def test_a_given_version_is_taken(kit: Kit, name: str, version: str, change: str) -> None:
    plan = plan_upgrade(kit.backend, name, version=version)
    assert said(plan) == [change]
    assert plan.held_back == ()
    assert plan.changes[0].hashes


@on_the_fake
def test_an_older_version_is_a_downgrade(kit: Kit) -> None:
    applied(kit, plan_upgrade(kit.backend, "frostcall"))
    plan = plan_upgrade(kit.backend, "frostcall", version="1.9.3")
    assert said(plan) == ["frostcall 2.0.0 → 1.9.3"]
    assert plan.changes[0].kind is ChangeKind.DOWNGRADE


@on_the_fake
def test_the_installed_version_is_nothing_to_do(kit: Kit) -> None:
    assert not plan_upgrade(kit.backend, "seedshelf", version="1.4.1")


@on_the_fake
@pytest.mark.parametrize(
    ("name", "version", "blockers"),
    [
        ("raintable", "3.1.0", ("allotboard",)),
        ("raintable", "9", ()),
        ("coldframe", "2.0.0", ()),
    ],
    ids=["forbidden", "not on the index", "another Python"],
)
def test_a_version_that_cannot_be_is_explained(
    kit: Kit, name: str, version: str, blockers: tuple[str, ...]
) -> None:
    before = kit.tree()
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(kit.backend, name, version=version)
    assert caught.value.requirements == (f"{name}=={version}",)
    assert caught.value.explanation
    assert caught.value.blockers == blockers
    assert (caught.value.advice is Hint.ALLOW_ALL) is bool(blockers)
    assert kit.tree() == before


def test_to_allow_more_is_not_advised_against_what_may_never_change(kit: Kit) -> None:
    hold = {canonicalize_name("allotboard"): "it is held"}
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(kit.backend, "raintable", version="3.1.0", hold=hold)
    assert caught.value.advice is Hint.OTHER_VERSION
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(kit.backend, "raintable", version="9", allow="all")
    assert caught.value.advice is Hint.OTHER_VERSION


def test_a_yanked_release_of_several_wheels_can_be_pinned(backend: Backend, garden: Demo) -> None:
    garden.index.publish(
        BuiltWheel(name="seedshelf", version="1.5", yanked="no", files={"seedshelf.py": ""}),
        BuiltWheel(
            name="seedshelf", version="1.5", yanked="no", tag="py2.py3-none-any",
            files={"seedshelf.py": ""},
        ),
    )  # fmt: skip
    assert said(plan_upgrade(backend, "seedshelf", version="1.5")) == ["seedshelf 1.4.1 → 1.5"]


# --- what is refused


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"names": ""}, "name"),
        ({"names": []}, "name"),
        ({"names": ["seedshelf", "--index-url=http://x"]}, "name"),
        ({"names": [5]}, "name"),
        ({"names": b"ab"}, "name"),
        ({"names": "seedshelf", "version": "latest"}, "version"),
        ({"names": "seedshelf", "version": "1.0 --pre"}, "version"),
        ({"names": "seedshelf", "version": "1" * 5000}, "version"),
        ({"names": "seedshelf", "version": ""}, "version"),
        ({"names": "seedshelf", "version": 1.4}, "version"),
        ({"version": "1.0"}, "version"),
        ({"names": ["seedshelf", "frostcall"], "version": "1.0"}, "version"),
        ({"names": "seedshelf", "allow": "everything"}, "allow"),
        ({"names": "seedshelf", "allow": ["all"]}, "allow"),
    ],
    ids=range(14),
)
def test_a_bad_request_is_refused_before_anything_is_asked(
    arguments: dict[str, str], field: str
) -> None:
    kit = FakeKit()
    with pytest.raises(InvalidRequest) as caught:
        plan_upgrade(kit.backend, **arguments)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert kit.index.asked == []


@on_the_fake
@pytest.mark.parametrize("plan", [plan_upgrade, plan_uninstall])
def test_what_is_not_installed_is_not_found(
    kit: Kit, plan: Callable[[Backend, list[str]], Plan]
) -> None:
    with pytest.raises(PackageNotFound, match="peas is not installed"):
        plan(kit.backend, ["seedshelf", "peas"])


@pytest.mark.parametrize("plan", [plan_upgrade, plan_uninstall])
def test_what_cannot_be_read_is_not_changed(kit: Kit, plan: Callable[[Backend, str], Plan]) -> None:
    for file in ("METADATA", "RECORD"):
        kit.edit(f"seedshelf-1.4.1.dist-info/{file}", b"garbage")
    with pytest.raises(EnvironmentRefused, match="seedshelf cannot be changed: it is unreadable"):
        plan(kit.backend, "seedshelf")


def test_an_environment_that_refuses_is_not_planned_for() -> None:
    kit = FakeKit()
    kit.environment.refused = "It is frozen"
    for plan in (plan_upgrade, lambda b: plan_install(b, "pea"), lambda b: plan_uninstall(b, "x")):
        with pytest.raises(EnvironmentRefused, match="It is frozen"):
            plan(kit.backend)
    with pytest.raises(EnvironmentRefused):
        plan_undo(kit.backend)


@on_the_fake
def test_without_the_index_there_is_no_plan(kit: Kit) -> None:
    kit.go_down()
    with pytest.raises(IndexUnavailable):
        plan_upgrade(kit.backend, "seedshelf")
    with pytest.raises(IndexUnavailable):
        plan_install(kit.backend, "pea")


FOREIGN = {
    "editable": {"url": "file:///src", "dir_info": {"editable": True}},
    "repository": {"url": "https://h/r", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}},
    "url": {"url": "https://h/x.whl", "archive_info": {}},
}


@pytest.mark.parametrize("direct", FOREIGN.values(), ids=FOREIGN)
def test_what_is_foreign_is_listed_and_never_changed(
    backend: Backend, garden: Demo, direct: dict[str, object]
) -> None:
    info = garden.site_packages / "sundrift-1.0.4.dist-info"
    (info / "direct_url.json").write_text(json.dumps(direct))
    for call in (plan_upgrade, plan_uninstall):
        with pytest.raises(EnvironmentRefused, match="sundrift cannot be changed: it "):
            call(backend, "sundrift")
    for allow in ("self", "dependencies", "all"):
        plan = plan_upgrade(backend, "bedplanner", allow=allow)
        assert said(plan) == []
        assert [held.id for held in plan.held_back] == ["bedplanner"]
    plan = plan_upgrade(backend)
    assert said(plan) == [change for change in NEWER if change[:3] not in ("sun", "bed")]
    assert {"sundrift", "bedplanner"} == {held.id for held in plan.held_back}


# --- an environment that is broken already


def broken(kit: Kit) -> None:
    """Install what needs a project that is nowhere, and another version of raintable."""
    wheel = pea("1.0", requires=("nowhere>=1", "raintable>=9", "seedshelf<1.4.2"))
    kit.publish(wheel)
    if isinstance(kit, FakeKit):
        kit.installer.put(wheel, requested=True)
        return
    kit.edit("pea.py", b"x = 1\n")
    kit.edit("pea-1.0.dist-info/METADATA", wheel.metadata_text.encode())
    files = ("pea.py", "pea-1.0.dist-info/METADATA", "pea-1.0.dist-info/RECORD")
    kit.edit(files[-1], "".join(f"{file},,\n" for file in files).encode())


def test_a_broken_environment_does_not_stand_in_the_way(kit: Kit) -> None:
    broken(kit)
    before = unmet(kit)
    assert len(before) == 2
    plan = plan_upgrade(kit.backend, "frostcall")
    assert said(plan) == ["frostcall 1.9.3 → 2.0.0"]
    applied(kit, plan)
    assert unmet(kit) == before


def test_what_is_whole_in_a_broken_distribution_stays_whole(kit: Kit) -> None:
    broken(kit)
    plan = plan_upgrade(kit.backend, "seedshelf")
    assert said(plan) == []
    assert plan.held_back[0].reason == "pea 1.0 needs seedshelf<1.4.2"


@pytest.mark.parametrize(
    "files",
    [
        {"METADATA": b""},
        {"METADATA": b"Metadata-Version: 2.1\nName: odd\nVersion: one\n"},
        {"METADATA": b"Metadata-Version: 2.1\nName: \xff\xfe\nVersion: 1\n"},
        {"RECORD": b""},
    ],
    ids=["empty", "bad version", "not utf-8", "no metadata"],
)
def test_an_unreadable_distribution_does_not_stand_in_the_way(
    backend: Backend, garden: Demo, files: dict[str, bytes]
) -> None:
    info = garden.site_packages / "odd-1.0.dist-info"
    info.mkdir()
    for name, content in files.items():
        (info / name).write_bytes(content)
    plan = plan_upgrade(backend, "seedshelf")
    assert said(plan) == ["seedshelf 1.4.1 → 1.4.2"]
    assert transactions.apply_and_follow(backend, plan).plan is plan


def test_a_spoilt_direct_url_is_no_fault_of_the_index(backend: Backend, garden: Demo) -> None:
    """uv reads it too, and stops: until it is mended there is no plan."""
    url = garden.site_packages / "frostcall-1.9.3.dist-info" / "direct_url.json"
    url.write_text("garbage")
    spoilt = r"frostcall-1\.9\.3\.dist-info/direct_url\.json cannot be read"
    with pytest.raises(EnvironmentRefused, match=spoilt):
        plan_upgrade(backend, "seedshelf")


@pytest.mark.parametrize("version", [None, "0.9.0"], ids=["project", "version"])
def test_what_the_index_has_no_more_does_not_stand_in_the_way(
    backend: Backend, garden: Demo, version: str | None
) -> None:
    garden.index.withdraw("Compost_Log", version)
    plan = plan_upgrade(backend)
    assert said(plan) == NEWER
    assert [str(held) for held in plan.held_back] == (
        [f"Compost_Log 0.9.0: compost-log is not on {garden.index_url}"] if version is None else []
    )


# --- installing


def test_an_installation_brings_what_it_needs(kit: Kit) -> None:
    kit.publish(pea("1.0", requires=("pod>=1", "raintable")), BuiltWheel(name="pod", version="2.0"))
    plan = plan_install(kit.backend, "Pea")
    assert said(plan) == ["pea 1.0 (new)", "pod 2.0 (new)"]
    assert [(c.requested, c.requested_after) for c in plan.changes] == [
        (True, True),
        (False, False),
    ]
    assert {c.kind for c in plan.changes} == {ChangeKind.INSTALL}


def test_an_installation_moves_a_dependency_only_if_it_may(kit: Kit) -> None:
    kit.publish(pea("1.0", requires=("sundrift>=1.1",)))
    assert said(plan_install(kit.backend, "pea")) == ["pea 1.0 (new)", "sundrift 1.0.4 → 1.2.0"]
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, "pea", allow="self")
    assert "sundrift" in caught.value.blockers


@on_the_fake
@pytest.mark.parametrize("requirement", ["seedshelf", "seedshelf>=1.4", "SeedShelf==1.4.1"])
def test_what_is_installed_already_is_nothing_to_do(kit: Kit, requirement: str) -> None:
    assert not plan_install(kit.backend, requirement)


def test_a_requirement_may_move_what_is_installed(kit: Kit) -> None:
    assert said(plan_install(kit.backend, "raintable>=2.1")) == ["raintable 2.0.0 → 2.4.0"]
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, "raintable>=3")
    assert caught.value.requirements == ("raintable>=3",)


def test_several_are_installed_together(kit: Kit) -> None:
    kit.publish(pea("1.0", requires=("pod>=2",)), BuiltWheel(name="pod", version="2.0", files={}))
    plan = plan_install(kit.backend, ["Pea>=1", "pod", "raintable>=2.1", "Pea>=1"])
    assert plan.requested == ("Pea>=1", "pod", "raintable>=2.1")
    assert said(plan) == ["pea 1.0 (new)", "pod 2.0 (new)", "raintable 2.0.0 → 2.4.0"]
    assert all(change.requested for change in plan.changes)
    with pytest.raises(PlanImpossible) as caught:
        plan_install(kit.backend, ["pea", "raintable>=3"])
    assert caught.value.requirements == ("pea", "raintable>=3")
    with pytest.raises(InvalidRequest, match="No requirement was given"):
        plan_install(kit.backend, [])


@pytest.mark.parametrize(
    "requirement",
    ["", "--pre", "-e .", "pip @ file:///etc/passwd", "x @ https://u:p@host.invalid/x.whl",
     "numpy; python_version<'4'", "numpy==1.0 --hash=sha256:aa", "numpy[", "numpy\n--pre",
     "a" * 101, "git+https://host.invalid/r", "http://host.invalid/x.whl", "n\u00fcmpy", 5, None],
)  # fmt: skip
def test_what_is_no_plain_requirement_is_refused(requirement: str) -> None:
    kit = FakeKit()
    with pytest.raises(InvalidRequest):
        plan_install(kit.backend, requirement)
    assert kit.index.asked == []


@on_the_fake
def test_an_unknown_project_is_not_found(kit: Kit) -> None:
    with pytest.raises(ProjectNotFound, match="peas is not on"):
        plan_install(kit.backend, "peas>=1")


# --- removing


@on_the_fake
def test_a_removal_names_who_still_needs_it(kit: Kit) -> None:
    with pytest.raises(StillNeeded, match="sundrift cannot go: bedplanner needs it"):
        plan_uninstall(kit.backend, "sundrift")
    plan = plan_uninstall(kit.backend, ["sundrift", "bedplanner"])
    assert said(plan) == ["sundrift 1.0.4 (removed)", "bedplanner 2.1.0 (removed)"]


def test_a_removal_leaves_what_is_broken_as_broken(kit: Kit) -> None:
    broken(kit)
    assert said(plan_uninstall(kit.backend, "frostcall")) == ["frostcall 1.9.3 (removed)"]
    applied(kit, plan_uninstall(kit.backend, "pea"))
    assert unmet(kit) == frozenset()


# --- undoing


@on_the_fake
def test_there_is_nothing_to_undo(kit: Kit) -> None:
    with pytest.raises(InvalidRequest, match="There is nothing to undo"):
        plan_undo(kit.backend)
    with pytest.raises(InvalidRequest, match="no committed transaction has this id"):
        plan_undo(kit.backend, "unknown")


def test_an_undo_is_the_inverse_from_the_save_point(kit: Kit) -> None:
    done = applied(kit, plan_upgrade(kit.backend, "bedplanner"))
    kit.go_down()
    plan = plan_undo(kit.backend)
    assert said(plan) == ["bedplanner 2.3.0 → 2.1.0", "sundrift 1.2.0 → 1.0.4"]
    assert (plan.undoes, plan.from_save_point, plan.download_size) == (done.id, True, 0)
    assert [change.requested_after for change in plan.changes] == [True, False]


def test_without_its_save_point_an_undo_asks_the_index(kit: Kit) -> None:
    done = applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    kit.backend.save_point(done.id).discard()
    plan = plan_undo(kit.backend)
    assert (said(plan), plan.from_save_point) == (["seedshelf 1.4.2 → 1.4.1"], False)
    assert plan.changes[0].hashes
    assert applied(kit, plan).plan.undoes == done.id


def test_undo_goes_back_step_by_step(kit: Kit) -> None:
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


def test_an_undo_can_be_undone_by_its_id(kit: Kit) -> None:
    applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    after = kit.tree()
    undo = applied(kit, plan_undo(kit.backend))
    kit.go_down()
    redo = plan_undo(kit.backend, undo.id)
    assert (said(redo), redo.from_save_point) == (["seedshelf 1.4.1 → 1.4.2"], True)
    applied(kit, redo)
    assert kit.tree() == after


@on_the_fake
def test_after_a_redo_the_redone_is_what_is_undone(kit: Kit) -> None:
    applied(kit, plan_upgrade(kit.backend, "frostcall"))
    applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    undo = applied(kit, plan_undo(kit.backend))
    applied(kit, plan_undo(kit.backend, undo.id))
    assert said(plan_undo(kit.backend)) == ["seedshelf 1.4.2 → 1.4.1"]


def test_an_older_one_is_undone_after_the_newer_one(kit: Kit) -> None:
    kit.publish(*(pea(version) for version in ("1.0", "2.0", "3.0")))
    applied(kit, plan_install(kit.backend, "pea==1.0"))
    before = kit.tree()
    older = applied(kit, plan_upgrade(kit.backend, "pea", version="2.0"))
    applied(kit, plan_upgrade(kit.backend, "pea", version="3.0"))
    with pytest.raises(InvalidRequest, match=r"since then pea is 3\.0, not 2\.0"):
        plan_undo(kit.backend, older.id)
    applied(kit, plan_undo(kit.backend))
    kit.go_down()
    plan = plan_undo(kit.backend, older.id)
    assert (said(plan), plan.from_save_point) == (["pea 2.0 → 1.0"], True)
    applied(kit, plan)
    assert kit.tree() == before


@on_the_fake
def test_what_was_undone_cannot_be_undone_again(kit: Kit) -> None:
    done = applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    undo = applied(kit, plan_undo(kit.backend))
    with pytest.raises(InvalidRequest, match=f"{undo.id} took it back already"):
        plan_undo(kit.backend, done.id)
    redo = applied(kit, plan_undo(kit.backend, undo.id))
    assert said(plan_undo(kit.backend, done.id)) == ["seedshelf 1.4.2 → 1.4.1"]
    with pytest.raises(InvalidRequest, match=f"{redo.id} took it back already"):
        plan_undo(kit.backend, undo.id)


@on_the_fake
def test_an_unrelated_older_one_is_undone_from_its_save_point(kit: Kit) -> None:
    older = applied(kit, plan_upgrade(kit.backend, "seedshelf"))
    applied(kit, plan_upgrade(kit.backend, "frostcall"))
    kit.go_down()
    assert plan_undo(kit.backend, older.id).from_save_point
    applied(kit, plan_undo(kit.backend, older.id))


def test_an_undo_that_would_break_a_later_package_is_refused(kit: Kit) -> None:
    older = applied(kit, plan_upgrade(kit.backend, "raintable"))
    kit.publish(pea("1.0", requires=("raintable>=2.4",)))
    applied(kit, plan_install(kit.backend, "pea"))
    with pytest.raises(PkgwidgetsError):
        applied(kit, plan_undo(kit.backend, older.id))
    assert unmet(kit) == frozenset()


@on_the_fake
def test_a_rolled_back_transaction_is_nothing_to_undo(kit: Kit) -> None:
    with pytest.raises(PkgwidgetsError):
        applied(kit, plan_upgrade(kit.backend, "harvestscale"))
    (failed,) = kit.backend.journal.transactions()
    for id in (None, failed.id):
        with pytest.raises(InvalidRequest):
            plan_undo(kit.backend, id)


@on_the_fake
def test_the_python_of_a_plan_is_the_environments(kit: Kit) -> None:
    plan = plan_upgrade(kit.backend, "seedshelf")
    assert plan.python == kit.backend.environment.interpreter.python
    assert isinstance(plan.python, Path)
    assert checked_version(str(plan.changes[0].after)) == plan.changes[0].after
    assert plan.changes[0].id == canonicalize_name("SeedShelf")


def test_a_conflict_one_level_down_stands_in_nobodys_way(backend: Backend, garden: Demo) -> None:
    """What depends on a broken distribution must not lead the resolver back to it."""
    for name, needs in (("top", "middle"), ("middle", "seedshelf>=9"), ("alone", "absent")):
        info = garden.site_packages / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\nRequires-Dist: {needs}\n")
    assert said(plan_upgrade(backend, "frostcall")) == ["frostcall 1.9.3 → 2.0.0"]


def test_what_the_system_lends_is_neither_named_nor_changed(
    backend: Backend, garden: Demo, tmp_path: Path
) -> None:
    """A virtual environment that sees system packages: the installer does not, and we do."""
    lent = tmp_path / "dist-packages"
    (lent / "lent-1.0.dist-info").mkdir(parents=True)
    (lent / "lent-1.0.dist-info" / "METADATA").write_text("Name: lent\nVersion: 1.0\n")
    facts = backend.environment.interpreter
    wider = InstalledEnvironment(replace(facts, search=(*facts.search, lent)))
    plan = plan_upgrade(replace(backend, environment=wider), "frostcall")
    assert said(plan) == ["frostcall 1.9.3 → 2.0.0"]
