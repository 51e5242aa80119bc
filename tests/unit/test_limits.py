"""Limits of the configuration: what they replace, what they keep, what they name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import MOMENT, FakeKit
from packaging.markers import default_environment
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.backends.config.requirement_files import requirement_lines
from pkgwidgets.backends.installer.limits_file import config_text
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.limits import ALL, DeclaredMetadata, Limit, Limits, without_repeats
from pkgwidgets.operations import inventory, planning

MARKERS: Mapping[str, str] = {name: str(value) for name, value in default_environment().items()}
PEA = canonicalize_name("pea")


def limit(requirement: str, package: str = "", version: str = "") -> Limit:
    return Limit(requirement=requirement, setting="uv.toml", package=package, version=version)


def limits(*requirements: str) -> tuple[Limit, ...]:
    return tuple(map(limit, requirements))


def versions(**pins: str) -> dict[NormalizedName, Version]:
    return {canonicalize_name(name): Version(version) for name, version in pins.items()}


def pod(*requires: str) -> Distribution:
    return Distribution(
        name="Pod", version=Version("1.0"), path=Path("/x"), installed=MOMENT, requires=requires
    )


# --- requirements as the resolver sees them


@pytest.mark.parametrize(
    ("requires", "settings", "expected"),
    [
        (["pea<2"], Limits(), ["pea<2"]),
        (["pea<2"], Limits(overrides=limits("Pea>=3")), ["Pea>=3"]),
        (["pea<2", "bean"], Limits(overrides=limits("pea>=3", "pea!=4")), ["pea>=3", "pea!=4", "bean"]),  # noqa: E501
        (["pea<2; python_version<'3'"], Limits(overrides=limits("pea>=3")), ["pea>=3"]),
        (["pea<2; extra=='a'"], Limits(overrides=limits("pea>=3")), ["pea>=3; extra == 'a'"]),
        (
            ["pea; extra=='a'"],
            Limits(overrides=limits("pea>=3; os_name=='x'")),
            ["pea>=3; ( os_name=='x') and extra == 'a'"],
        ),
        (["pea<2", "bean"], Limits(excludes=limits("PEA")), ["bean"]),
        (["pea<2"], Limits(excludes=(limit("pea", "other"),)), ["pea<2"]),
        (["pea<2"], Limits(overrides=(limit("pea>=3", "pod", "2.0"),)), ["pea<2"]),
        (["pea<2"], Limits(overrides=(limit("pea>=3", "pod", "1"),)), ["pea>=3"]),
        (["pea<2"], Limits(overrides=(limit("pea>=3", "pod", "x"),)), ["pea<2"]),
        (["pea<2"], Limits(overrides=(limit("pea>=3", "POD"), limit("pea>=9"))), ["pea>=3"]),
        (["bean"], Limits(overrides=(limit("pea>=3", "pod"),)), ["bean", "pea>=3"]),
        (["pea<2", "?"], Limits(overrides=limits("pea>=3")), ["pea>=3", "?"]),
        (["pea<2"], Limits(metadata=(DeclaredMetadata(package="pod", requires=("b",)),)), ["b"]),
        (["pea<2"], Limits(metadata=(DeclaredMetadata(package="pod", version="2"),)), ["pea<2"]),
    ],
)  # fmt: skip
def test_overrides_and_excludes_change_the_requirements(
    requires: list[str], settings: Limits, expected: list[str]
) -> None:
    assert list(settings.requires_of(pod(*requires))) == expected


# --- what is installed against a limit


@pytest.mark.parametrize(
    ("requirement", "installed", "kept"),
    [
        ("pea<2", "1.0", "pea<2"),
        ("pea<2", "2.0", "pea==2.0"),
        ("pea<2", "2.0+local", "pea==2.0+local"),
        ("pea<2; python_version<'3'", "2.0", "pea<2; python_version<'3'"),
        ("pea @ https://h.invalid/pea.whl", "2.0", "pea==2.0"),
        ("pea>=1", "2.0rc1", "pea>=1"),
        ("not a requirement", "2.0", "not a requirement"),
    ],
)
def test_limit_that_the_installed_version_violates_names_it(
    requirement: str, installed: str, kept: str
) -> None:
    settings = Limits(constraints=limits(requirement), overrides=limits(requirement))
    adjusted = settings.keeping(versions(pea=installed), MARKERS)
    assert [row.requirement for row in adjusted.constraints] == [kept]
    assert [row.requirement for row in adjusted.overrides] == [kept]
    assert settings.keeping(versions(pea=installed), MARKERS, [PEA]) == settings
    assert settings.keeping({}, MARKERS) == settings


# --- pre-releases


@pytest.mark.parametrize(
    ("modes", "version", "installed", "counts"),
    [
        ([], "2.0", "1.0", True),
        ([], "2.0rc1", "1.0", False),
        ([], "2.0rc1", "2.0a1", True),
        ([], "2.0.dev1", None, False),
        ([("", "allow")], "2.0rc1", "1.0", True),
        ([("", "disallow")], "2.0rc1", "2.0a1", False),
        ([("", "disallow"), ("Pea", "allow")], "2.0rc1", "1.0", True),
        ([("", "allow"), ("pea", "disallow")], "2.0rc1", "1.0", False),
        ([("bean", "allow")], "2.0rc1", "1.0", False),
        ([("", "if-necessary")], "2.0rc1", "1.0", False),
        ([("", "explicit")], "2.0rc2", "2.0rc1", True),
    ],
)
def test_pre_release_counts_as_the_mode_says(
    modes: list[tuple[str, str]], version: str, installed: str | None, counts: bool
) -> None:
    before = None if installed is None else Version(installed)
    assert Limits(prereleases=tuple(modes)).counts(PEA, Version(version), before) is counts


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        ([], [("", "explicit"), ("pea", "allow")]),
        ([("Pea", "disallow")], [("", "explicit"), ("Pea", "disallow")]),
        ([("bean", "allow")], [("", "explicit"), ("bean", "allow"), ("pea", "allow")]),
        ([("", "if-necessary")], [("", "if-necessary")]),
    ],
)
def test_resolver_falls_back_to_no_pre_release(
    modes: list[tuple[str, str]], expected: list[tuple[str, str]]
) -> None:
    settings = Limits(prereleases=tuple(modes))
    installed = versions(pea="1.0rc1", bean="1.0")
    assert list(settings.without_fallback(installed).prereleases) == expected


# --- names of settings


def test_settings_are_listed_as_if_they_were_packages() -> None:
    settings = Limits(
        constraints=(*limits("pea<2", "pea!=1.1", "bean<1; python_version<'3'"), limit("?")),
        overrides=(limit("pod>1", "leek"),),
        sources_only=(Limit(requirement="Pea", setting="no-binary"),),
        resolution="lowest",
        resolution_setting="lowest",
    )
    listed = settings.by_setting(versions(pea="1.0+here", bean="2.0"), MARKERS)
    assert {setting: list(map(str, required)) for setting, required in listed.items()} == {
        "uv.toml": ["pea<2", "pea!=1.1"],
        "no-binary": ["pea<=1.0"],
        "lowest": ["pea<=1.0", "bean<=2.0"],
    }


def test_sources_only_of_all_projects_keeps_each() -> None:
    settings = Limits(sources_only=(Limit(requirement=ALL, setting="no-binary"),))
    (required,) = settings.by_setting(versions(pea="1.0", pod="2.0"), MARKERS).values()
    assert list(map(str, required)) == ["pea<=1.0", "pod<=2.0"]


def test_package_with_the_requirement_of_a_setting_is_not_named_beside_it() -> None:
    pod_id, bean, setting = canonicalize_name("pod"), canonicalize_name("bean"), PEA
    blockers = {pod_id: "pea<2", bean: "pea<1", setting: "pea<2"}
    assert without_repeats(blockers, [setting]) == {bean: "pea<1", setting: "pea<2"}
    assert without_repeats(blockers, []) == blockers


# --- a file for uv


def test_file_for_uv_holds_the_limits_and_nothing_else() -> None:
    settings = Limits(
        constraints=limits('pea<2; os_name == "x\\\\y\x7f"'),
        overrides=(limit("pod==1"), limit("pea==1", "pod", "2"), limit("bean", "pod", "2")),
        excludes=(limit("leek"), limit("leek", "pod")),
        sources_only=limits(ALL, "leek"),
        prereleases=(("", "allow"), ("pea", "disallow")),
        resolution="lowest",
        metadata=(DeclaredMetadata(package="pea", version="1", requires=("pod",)),),
        remote_files=(("UV_CONSTRAINT", "https://user:word@h.invalid/c.txt"),),
    )
    text = "\n".join(config_text(settings))
    assert tomllib.loads(text) == {
        "constraint-dependencies": ['pea<2; os_name == "x\\\\y\x7f"'],
        "override-dependencies": [
            "pod==1",
            {"package": {"name": "pod", "version": "2"}, "dependencies": ["pea==1", "bean"]},
        ],
        "exclude-dependencies": [
            "leek", {"package": {"name": "pod"}, "dependencies": ["leek"]},
        ],
        "prerelease": "allow",
        "prerelease-package": {"pea": "disallow"},
        "resolution": "lowest",
        "no-binary": True,
        "no-binary-package": ["leek"],
        "dependency-metadata": [{"name": "pea", "version": "1", "requires-dist": ["pod"]}],
    }  # fmt: skip
    assert config_text(Limits()) == ()


# --- files of constraints


def test_file_of_constraints_is_read_as_pip_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIGHEST", "4")
    (tmp_path / "deep").mkdir()
    (tmp_path / "c.txt").write_text(
        "\ufeff# all\n\npea<2 # why\npod==1.0 \\\n  --hash=sha256:ab \\\n --hash=sha256:cd\n"
        "leek<${HIGHEST}\nbean @ https://h.invalid/x#egg=bean\n-c deep/d.txt\n--index-url x\n"
        "-e .\n--constraint=https://h.invalid/c.txt\n-rdeep/e.txt\n",
        encoding="utf-8",
    )
    (tmp_path / "deep" / "d.txt").write_text("kale<3\n-c ../c.txt\n", encoding="utf-8")
    (tmp_path / "deep" / "e.txt").write_text("oat<5; python_version > '3'\n", encoding="utf-8")
    expected = [
        "pea<2", "pod==1.0", "leek<4", "bean @ https://h.invalid/x#egg=bean", "kale<3",
        "https://h.invalid/c.txt", "oat<5; python_version > '3'",
    ]  # fmt: skip
    assert list(requirement_lines("c.txt", tmp_path)) == expected
    assert list(requirement_lines((tmp_path / "c.txt").as_uri(), Path("/"))) == expected


# --- plans and rows


def test_plan_and_row_obey_a_constraint_and_name_it() -> None:
    kit = FakeKit()
    free = planning.plan_upgrade(kit.backend, "seedshelf").changes[0]
    assert free.after is not None
    constraint = Limit(requirement=f"seedshelf<{free.after}", setting="c.txt")
    backend = replace(kit.backend, limits=lambda: Limits(constraints=(constraint,)))
    plan = planning.plan_upgrade(backend, "seedshelf")
    assert all(change.after is not None and change.after < free.after for change in plan.changes)
    assert [held.reason for held in plan.held_back] == [
        f"blocked by c.txt ({constraint.requirement})"
    ]
    rows = {info.id: info for info in inventory.check_for_updates(backend)}
    row = rows[canonicalize_name("seedshelf")]
    assert row.latest_version == str(free.after)
    assert row.compatible_version != row.latest_version
    assert row.blocked_by == f"c.txt ({constraint.requirement})"
