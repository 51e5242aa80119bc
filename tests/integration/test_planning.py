"""Plans with a real uv over distributions that are foreign, unreadable or from the system."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from plan_cases import NEWER, changes_of

from pkgwidgets.backends.environment.installed_environment import InstalledEnvironment
from pkgwidgets.core.errors import EnvironmentRefused, PlanImpossible
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import transactions
from pkgwidgets.operations.planning import plan_install, plan_uninstall, plan_upgrade

# --- upgrading to a version


def test_yanked_release_with_several_wheels_can_be_pinned(backend: Backend, garden: Demo) -> None:
    garden.index.publish(
        BuiltWheel(name="seedshelf", version="1.5", yanked="no", files={"seedshelf.py": ""}),
        BuiltWheel(
            name="seedshelf", version="1.5", yanked="no", tag="py2.py3-none-any",
            files={"seedshelf.py": ""},
        ),
    )  # fmt: skip
    assert changes_of(plan_upgrade(backend, "seedshelf", version="1.5")) == [
        "seedshelf 1.4.1 → 1.5"
    ]


FOREIGN = {
    "editable": {"url": "file:///src", "dir_info": {"editable": True}},
    "repository": {"url": "https://h/r", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}},
    "url": {"url": "https://h/x.whl", "archive_info": {}},
}


# --- refusals


@pytest.mark.parametrize("direct", FOREIGN.values(), ids=FOREIGN)
def test_package_from_a_url_or_folder_is_never_changed(
    backend: Backend, garden: Demo, direct: dict[str, object]
) -> None:
    info = garden.site_packages / "sundrift-1.0.4.dist-info"
    (info / "direct_url.json").write_text(json.dumps(direct))
    for call in (plan_upgrade, plan_uninstall):
        with pytest.raises(EnvironmentRefused, match="sundrift cannot be changed: it "):
            call(backend, "sundrift")
    for allow in ("self", "dependencies", "all"):
        plan = plan_upgrade(backend, "bedplanner", allow=allow)
        assert changes_of(plan) == []
        assert [held_back.id for held_back in plan.held_back] == ["bedplanner"]
    plan = plan_upgrade(backend)
    assert changes_of(plan) == [change for change in NEWER if change[:3] not in ("sun", "bed")]
    assert {"sundrift", "bedplanner"} == {held_back.id for held_back in plan.held_back}


# --- broken environments


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
def test_unreadable_distribution_does_not_block_other_upgrades(
    backend: Backend, garden: Demo, files: dict[str, bytes]
) -> None:
    info = garden.site_packages / "odd-1.0.dist-info"
    info.mkdir()
    for name, content in files.items():
        (info / name).write_bytes(content)
    plan = plan_upgrade(backend, "seedshelf")
    assert changes_of(plan) == ["seedshelf 1.4.1 → 1.4.2"]
    assert transactions.apply_and_follow(backend, plan).plan is plan


def test_unreadable_direct_url_is_named_in_the_refusal(backend: Backend, garden: Demo) -> None:
    """uv reads it too and stops: there is no plan until it is repaired."""
    url = garden.site_packages / "frostcall-1.9.3.dist-info" / "direct_url.json"
    url.write_text("garbage")
    spoilt = r"frostcall-1\.9\.3\.dist-info/direct_url\.json cannot be read"
    with pytest.raises(EnvironmentRefused, match=spoilt):
        plan_upgrade(backend, "seedshelf")


def test_withdrawn_project_does_not_block_other_upgrades(backend: Backend, garden: Demo) -> None:
    garden.index.withdraw("Compost_Log")
    plan = plan_upgrade(backend)
    assert changes_of(plan) == NEWER
    (held_back,) = plan.held_back
    assert str(held_back) == (
        f"Compost_Log 0.9.0: the index {garden.index_url} has no project compost-log"
    )


def test_withdrawn_release_does_not_block_other_upgrades(backend: Backend, garden: Demo) -> None:
    garden.index.withdraw("Compost_Log", "0.9.0")
    plan = plan_upgrade(backend)
    assert changes_of(plan) == NEWER
    assert [str(entry) for entry in plan.held_back] == [
        "Compost_Log 0.9.0: all its releases are yanked"
    ]


# --- undoing


def test_indirect_conflict_does_not_block_other_upgrades(backend: Backend, garden: Demo) -> None:
    """A package that requires a broken distribution must not lead the resolver to it."""
    for name, needs in (("top", "middle"), ("middle", "seedshelf>=9"), ("alone", "absent")):
        info = garden.site_packages / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\nRequires-Dist: {needs}\n")
    assert changes_of(plan_upgrade(backend, "frostcall")) == ["frostcall 1.9.3 → 2.0.0"]


def test_system_packages_visible_in_a_venv_are_not_changed(
    backend: Backend, garden: Demo, tmp_path: Path
) -> None:
    """The virtual environment sees system packages; the installer ignores them, we list them."""
    system_site = tmp_path / "dist-packages"
    (system_site / "lent-1.0.dist-info").mkdir(parents=True)
    (system_site / "lent-1.0.dist-info" / "METADATA").write_text("Name: lent\nVersion: 1.0\n")
    facts = backend.environment.interpreter
    wider = InstalledEnvironment(replace(facts, search=(*facts.search, system_site)))
    plan = plan_upgrade(replace(backend, environment=wider), "frostcall")
    assert changes_of(plan) == ["frostcall 1.9.3 → 2.0.0"]


def test_blocked_version_names_its_blocker_and_what_would_help(backend: Backend) -> None:
    with pytest.raises(PlanImpossible) as caught:
        plan_upgrade(backend, "raintable", version="3.1.0")
    assert str(caught.value) == (
        "raintable 3.1.0 cannot be installed: allotboard 1.40.0, which is installed, "
        'requires raintable<3. Nothing was changed. With `allow="all"`: 3.1.0, but '
        "allotboard → 1.67.0 changes too. Or choose raintable 2.4.0."
    )


def test_blocked_requirement_names_its_blocker(backend: Backend) -> None:
    with pytest.raises(PlanImpossible) as caught:
        plan_install(backend, "raintable==3.1.0")
    assert caught.value.reasons == ("allotboard 1.40.0, which is installed, requires raintable<3",)
    assert caught.value.alternative == "raintable 2.4.0"
