"""A minimum age: young releases are shown and never taken, and nothing moves down for it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from generated_worlds import World, make_world
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from plan_worlds import Laboratory, WorldIndex, _make_environment, _make_plan

from pkgwidgets import PackageService, PkgwidgetsError, PlanImpossible
from pkgwidgets.connect import connect
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import planning

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.fixture
def service(garden: Demo) -> PackageService:
    return PackageService(garden.python, index_url=garden.index_url)


@pytest.fixture
def file(service: PackageService) -> Path:
    return service.prefix / "pkgwidgets.toml"


def publish(garden: Demo, name: str, version: str, age: timedelta, *requires: str) -> None:
    wheel = BuiltWheel(
        name=name,
        version=version,
        files={f"{name}.py": f"version = {version!r}\n"},
        requires=requires,
        uploaded=NOW - age,
    )
    garden.index.publish(wheel)


def test_young_release_is_shown_and_not_taken(
    garden: Demo, service: PackageService, file: Path
) -> None:
    publish(garden, "seedshelf", "9.0", 2 * DAY + timedelta(hours=1))
    publish(garden, "seedshelf", "8.0", 9 * DAY)
    file.write_text('[min-age]\nage = "7d"\n', "utf-8")
    row = service.get_package("seedshelf", check_updates=True)
    free = NOW - 2 * DAY - timedelta(hours=1) + 7 * DAY
    assert (row.latest_version, row.compatible_version) == ("9.0", "8.0")
    assert row.blocked_by == (
        f"the minimum age of 7d: 2 days old, held until {free:%A} (seedshelf!=9.0)"
    )
    plan = service.plan_upgrade("seedshelf")
    assert plan.pins == ("seedshelf==8.0",)
    (held,) = plan.held_back
    assert "2 days old, held until" in held.reason
    assert "seedshelf==8.0" in service.plan_upgrade().pins
    with pytest.raises(PlanImpossible, match="2 days old, held until"):
        service.plan_upgrade("seedshelf", "9.0")
    with pytest.raises(PlanImpossible):
        service.plan_install("seedshelf>=9")
    file.unlink()
    assert service.plan_upgrade("seedshelf").pins == ("seedshelf==9.0",)


def test_installed_young_release_never_moves_down(
    garden: Demo, service: PackageService, file: Path
) -> None:
    publish(garden, "seedshelf", "8.0", 9 * DAY)
    publish(garden, "seedshelf", "9.0", DAY)
    service.upgrade_package("seedshelf")
    publish(garden, "seedshelf", "9.1", timedelta(hours=5, minutes=30))
    file.write_text('[min-age]\nage = "7d"\n', "utf-8")
    assert service.get_package("seedshelf").version == "9.0"
    assert "seedshelf" not in {change.id for change in service.plan_upgrade(allow="all").changes}
    assert service.plan_upgrade("seedshelf", allow="all").pins == ()
    row = service.get_package("seedshelf", check_updates=True)
    assert (row.latest_version, row.compatible_version) == ("9.1", "9.0")
    assert "5 hours old" in row.blocked_by


def test_new_dependency_is_old_enough_too(
    garden: Demo, service: PackageService, file: Path
) -> None:
    publish(garden, "rootcellar", "1.0", 90 * DAY)
    publish(garden, "rootcellar", "2.0", DAY)
    publish(garden, "seedshelf", "9.0", 90 * DAY, "rootcellar>=1")
    file.write_text('[min-age]\nage = "7d"\n', "utf-8")
    assert {*service.plan_upgrade("seedshelf").pins} == {"seedshelf==9.0", "rootcellar==1.0"}
    publish(garden, "seedshelf", "9.1", 90 * DAY, "rootcellar>=2")
    assert {*service.plan_upgrade("seedshelf").pins} == {"seedshelf==9.0", "rootcellar==1.0"}


def test_exceptions_by_name_and_by_index(garden: Demo, service: PackageService, file: Path) -> None:
    publish(garden, "seedshelf", "9.0", 2 * DAY)
    publish(garden, "frostcall", "9.0", 2 * DAY)
    file.write_text('[min-age]\nage = "7d"\npackages = { SeedShelf = "1d" }\n', "utf-8")
    pins = service.plan_upgrade(["seedshelf", "frostcall"]).pins
    assert "seedshelf==9.0" in pins
    assert "frostcall==9.0" not in pins
    for age, taken in (("1d", True), ("7d", False)):
        text = f'[min-age]\nindexes = {{ "{service.index_url}" = "{age}" }}\n'
        file.write_text(text, "utf-8")
        assert ("frostcall==9.0" in service.plan_upgrade("frostcall").pins) is taken
        row = service.get_package("frostcall", check_updates=True)
        assert (row.compatible_version == "9.0") is taken


def test_release_without_a_date_is_held_and_the_row_says_why(
    garden: Demo, service: PackageService, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    respond = garden.index._respond
    monkeypatch.setattr(
        garden.index, "_respond", lambda target, accept: respond(target, "text/html")
    )
    file.write_text('[min-age]\nage = "7d"\n', "utf-8")
    row = service.check_for_updates("raintable", refresh=True).loc["raintable"]
    assert "held, because the index gives no upload time" in row["blocked_by"]
    assert row["compatible_version"] == row["version"]
    assert service.plan_upgrade().pins == ()


def test_exempt_release_passes_and_the_plan_says_so(
    garden: Demo, service: PackageService, file: Path
) -> None:
    publish(garden, "seedshelf", "9.0", 2 * DAY + timedelta(hours=1))
    publish(garden, "seedshelf", "9.1", 2 * DAY + timedelta(hours=1))
    file.write_text('[min-age]\nage = "7d"\n', "utf-8")
    backend = connect(garden.python, garden.index_url)
    exempt = {"seedshelf==9.0": "it fixes GARDEN-1"}
    plan = planning.plan_upgrade(backend, "seedshelf", exempt=exempt)
    assert plan.pins == ("seedshelf==9.0",)
    (note,) = (note for note in plan.notes if "GARDEN-1" in note)
    assert note.startswith("seedshelf 9.0 passes the minimum age of 7d: 2 days old, held until")
    plan = planning.plan_install(backend, "seedshelf==9.0", exempt=exempt)
    assert "GARDEN-1" in str(plan.notes)


def test_holds_list_the_minimum_age(service: PackageService, file: Path) -> None:
    text = '[min-age]\nage = "7d"\npackages = { pea = "1d" }\nindexes = { "https://a" = "2d" }\n'
    file.write_text(text, "utf-8")
    rows = service.values.holds()[:3]
    assert [(row.name, row.versions, row.reason) for row in rows] == [
        ("", "at least 7d old", ""),
        ("pea", "at least 24 hours old", ""),
        ("", "at least 2 days old", "from https://a"),
    ]


# --- policy on and off: plans differ by exactly the held and the young


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("policy"))


def worlds() -> Iterator[World]:
    """Yield worlds in which the index has what is installed, with upload times."""
    for seed in range(3000, 3030):
        world = make_world(seed)
        yield replace(
            world,
            published=[*{w.filename: w for w in (*world.published, *world.installed)}.values()],
            has_upload_times=True,
            is_cut_off=False,
            cut_off={},
            missing_files=frozenset(),
            resolution=None,
            constraint=None,
            override=None,
            scoped_override=None,
            allow="all",
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("world", [*worlds()], ids=lambda world: f"seed {world.seed}")
def test_policy_is_as_if_the_index_lacked_the_held_and_the_young(
    laboratory: Laboratory, world: World
) -> None:
    rng = random.Random(world.seed)
    # A hold that forbids what is installed keeps it: an index cannot do that.
    versions = {wheel.name: wheel.version for wheel in world.installed}
    limits = {
        name: rng.choice(
            [form for form in ("<2", "!=2.0", "<3", "!=3.0", "<4")
             if SpecifierSet(form).contains(versions.get(name, "0"), prereleases=True)]
        )
        for name in ("bee", "dog", "fox")
    }  # fmt: skip
    young = {wheel.filename for wheel in world.published if rng.random() < 0.3}
    dated = [
        replace(wheel, uploaded=NOW - (2 * DAY if wheel.filename in young else 90 * DAY))
        for wheel in world.published
    ]
    installed = {wheel.filename for wheel in world.installed}

    def is_left_out(wheel: BuiltWheel) -> bool:
        if wheel.filename in installed:
            return False
        limit = SpecifierSet(limits.get(wheel.name, ""))
        is_held = not limit.contains(Version(wheel.version), prereleases=True)
        return is_held or wheel.filename in young

    place = laboratory.folder / f"world-{world.seed}"
    place.mkdir()
    holds = "".join(
        f'[[hold]]\nname = "{name}"\nversions = "{versions}"\n' for name, versions in limits.items()
    )
    with laboratory._inside(place):
        python = _make_environment(place / "env", world)
        policy = place / "env" / "pkgwidgets.toml"
        policy.write_text(f'[min-age]\nage = "7d"\n{holds}', "utf-8")
        with_policy = outcome(replace(world, published=dated), python)
        policy.unlink()
        rest = [wheel for wheel in dated if not is_left_out(wheel)]
        without_them = outcome(replace(world, published=rest), python)
    assert with_policy == without_them


def outcome(world: World, python: Path) -> frozenset[str] | None:
    """Return the changes of the plan of a world; None if it is refused."""
    with WorldIndex(world) as index:
        place = python.parents[2]
        (place / "uv.toml").write_text(world.uv_toml(index.url), encoding="utf-8")
        try:
            return frozenset(map(str, _make_plan(world, python).changes))
        except PkgwidgetsError:
            return None
