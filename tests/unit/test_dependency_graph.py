"""Requirements of installed packages: dependents, broken requirements and blockers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from pkgwidgets.core import dependency_graph, fingerprint
from pkgwidgets.core.dependency_graph import ActiveRequirements, Unmet
from pkgwidgets.core.environment import Distribution, Unreadable
from pkgwidgets.core.origins import Origin
from pkgwidgets.core.plans import Change

MARKERS = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_release": "6.1.0-18-amd64",
    "platform_system": "Linux",
    "python_full_version": "3.12.1",
    "python_version": "3.12",
    "sys_platform": "linux",
}

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)

HOSTILE = [
    "pip @ file:///etc/passwd",
    "x @ https://u:p@host.invalid/x.whl",
    "numpy==1.0 --hash=sha256:aa",
    "numpy>=2,<1",
    "numpy; python_version<'",
    "numpy[",
    f"numpy[{','.join(f'extra{i}' for i in range(2000))}]",
    f"numpy; {'(' * 500}python_version<'4'{')' * 500}",
    "numpy===--pre",
    f"numpy=={'1' * 5000}",
    "numpy; os_name ~= 'x'",
    "numpy; 'x' in extras",
    "numpy; python_version < '1.*'",
    "",
    "\ud800",
    "-r req.txt",
]
"""Requirements that hostile METADATA may contain."""


def dist(name: str, version: str = "1.0", *requires: str, **facts: Any) -> Distribution:
    return Distribution(
        name=name,
        version=Version(version),
        path=Path(f"/env/{name}-{version}.dist-info"),
        installed=NOON,
        requires=requires,
        **facts,
    )


def environment(*distributions: Distribution | Unreadable) -> dependency_graph.Installed:
    return {distribution.id: distribution for distribution in distributions}


def needs_of(*distributions: Distribution | Unreadable) -> dict[str, list[str]]:
    """Return the requirements of each as sorted text without markers."""
    requirements = dependency_graph.active_requirements(environment(*distributions), MARKERS)
    return {
        name: sorted(map(dependency_graph.without_marker, required))
        for name, required in requirements.items()
    }


def needs(**required: str) -> ActiveRequirements:
    """Parse requirements: `a="b>=1, c"` means that a requires b>=1 and c."""
    return {
        canonicalize_name(name): tuple(
            requirement
            for text in texts.split(", ")
            if (requirement := dependency_graph.parse_requirement(text)) is not None
        )
        for name, texts in required.items()
    }


def installed(**versions: str) -> dict[NormalizedName, Version]:
    return {canonicalize_name(name): Version(text) for name, text in versions.items()}


def ids(*names: str) -> list[NormalizedName]:
    return [canonicalize_name(name) for name in names]


def change(name: str, before: str | None, after: str | None) -> Change:
    return Change(
        id=canonicalize_name(name),
        name=name,
        before=None if before is None else Version(before),
        after=None if after is None else Version(after),
    )


# --- requirements


def test_active_requirements_are_those_in_the_metadata() -> None:
    assert needs_of(dist("a", "1", "B_b>=1", "c")) == {"a": ["B_b>=1", "c"]}


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("python_version >= '3.9'", True),
        ("python_version < '3.9'", False),
        ("python_full_version > '3.12.0'", True),
        ("sys_platform == 'win32'", False),
        ("sys_platform == 'win32' or os_name == 'posix'", True),
        ("platform_release > '5'", False),
        ("extra == 'dev'", False),
        ("extra != 'dev'", True),
        ("python_version >= '3.9' and extra == ''", True),
    ],
)
def test_marker_is_evaluated_for_this_interpreter(marker: str, holds: bool) -> None:
    assert needs_of(dist("a", "1", f"b; {marker}")) == {"a": ["b"] * holds}


def test_extra_is_active_if_an_installed_package_requires_it() -> None:
    pea = dist("pea", "1", "pod; extra == 'full'", "leaf")
    assert needs_of(pea) == {"pea": ["leaf"]}
    assert needs_of(pea, dist("soup", "1", "pea[full]"))["pea"] == ["leaf", "pod"]


@pytest.mark.parametrize("required", ["Full_Set", "full-set", "FULL.SET"])
@pytest.mark.parametrize("declared", ["Full_Set", "full-set"])
def test_extra_is_found_in_any_spelling(required: str, declared: str) -> None:
    pea = dist("pea", "1", f"pod; extra == '{declared}'")
    assert needs_of(pea, dist("soup", "1", f"pea[{required}]"))["pea"] == ["pod"]


def test_extra_that_requires_another_extra_of_its_package_is_followed() -> None:
    pea = dist("pea", "1", "pea[b]; extra == 'all'", "pea[c]; extra == 'b'", "pod; extra == 'c'")
    requirements = needs_of(pea, dist("soup", "1", "pea[all]"))
    assert requirements["pea"] == ["pea[b]", "pea[c]", "pod"]


def test_extra_required_by_an_extra_of_another_package_is_followed() -> None:
    requirements = needs_of(
        dist("soup", "1", "pea[full]"),
        dist("pea", "1", "bean[dry]; extra == 'full'"),
        dist("bean", "1", "sun; extra == 'dry'"),
    )
    assert requirements == {"soup": ["pea[full]"], "pea": ["bean[dry]"], "bean": ["sun"]}


def test_cycle_of_extras_terminates() -> None:
    requirements = needs_of(
        dist("a", "1", "b[x]; extra == 'x'"),
        dist("b", "1", "a[x]; extra == 'x'"),
        dist("c", "1", "a[x]"),
    )
    assert requirements == {"a": ["b[x]"], "b": ["a[x]"], "c": ["a[x]"]}


def test_extra_of_a_missing_package_adds_no_requirement() -> None:
    assert needs_of(dist("a", "1", "gone[x]")) == {"a": ["gone[x]"]}


def test_unreadable_distribution_has_no_requirements() -> None:
    lost = Unreadable(id=canonicalize_name("lost"), path=Path("/env/lost"), reason="no METADATA")
    assert needs_of(lost, dist("a", "1", "lost")) == {"a": ["lost"]}


def test_readable_requirements_of_an_unreadable_distribution_count() -> None:
    mill = Unreadable(
        id=canonicalize_name("mill"),
        path=Path("/env/mill-2004d.dist-info"),
        reason="its version '2004d' is none by PEP 440",
        requires=("oats<2", "rye; extra == 'x'"),
    )
    assert needs_of(mill, dist("oats", "1")) == {"mill": ["oats<2"], "oats": []}


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:40])
def test_hostile_requirement_does_not_affect_other_packages(text: str) -> None:
    required = dependency_graph.active_requirements(
        environment(dist("a", "1", text, "fine")), MARKERS
    )
    problems = dependency_graph.unmet(required, installed(a="1", numpy="1.0", pip="26.0"))
    sentences = sorted(map(str, problems))
    assert "a requires fine, but it is not installed" in sentences
    assert not any("://" in problem or "u:p" in problem for problem in sentences)
    assert {*dependency_graph.blockers(canonicalize_name("numpy"), Version("1.0"), required)} <= {
        "a"
    }


@pytest.mark.parametrize(
    ("text", "forbids"),
    [
        ("oats (>=0.9.*,<2.*)", "oats<2"),
        ("oats<2',", "oats<2"),
        ("oats (1.4)", "oats==1.4.*"),
        ("oats=1.4", "oats=1.4, which is unreadable"),
        ("oats<2019k", "oats<2019k, which is unreadable"),
    ],
)
def test_requirement_that_is_not_valid_is_still_a_limit(text: str, forbids: str) -> None:
    requiring = environment(dist("mill", "1", text), dist("oats", "1.4.2"))
    required = dependency_graph.active_requirements(requiring, MARKERS)
    assert dependency_graph.unmet(required, installed(mill="1", oats="1.4.2")) == frozenset()
    oats = canonicalize_name("oats")
    assert dependency_graph.blockers(oats, Version("2"), required) == {"mill": forbids}
    assert dependency_graph.dependents([oats], required) == ("mill",)


def test_unreadable_requirement_on_a_missing_project_is_not_unmet() -> None:
    assert needs_of(dist("mill", "1", "oats=1.4")) == {"mill": []}


def test_ten_thousand_requirements_are_parsed() -> None:
    many = [f"need{number}>=1; extra == 'all'" for number in range(10_000)]
    requirements = needs_of(dist("a", "1", *many), dist("b", "1", "a[all]"))
    assert len(requirements["a"]) == 10_000


# --- unmet


@pytest.mark.parametrize(
    ("requirement", "version", "met"),
    [
        ("b", "0.1", True),
        ("b>=1", "1.0", True),
        ("b>=1", "0.9", False),
        ("b>=2,<1", "1.5", False),
        ("b>=1", "2.0rc1", True),
        ("b<2", "2.0rc1", False),
        ("b==1.0", "1.0+local", True),
        ("b==1.0+other", "1.0+local", False),
        ("b!=1.5", "1.5", False),
        ("b~=1.4", "1.9", True),
        ("b~=1.4", "2.0", False),
        ("b===1.0", "1.0", True),
        ("b[x]>=1", "1", True),
        ("b @ https://host.invalid/b.whl", "0", True),
        ("B>=1", "1", True),
    ],
)
def test_requirement_is_met_only_by_a_matching_version(
    requirement: str, version: str, met: bool
) -> None:
    problems = dependency_graph.unmet(needs(a=requirement), installed(a="1", b=version))
    assert bool(problems) is not met


def test_missing_package_is_an_unmet_requirement() -> None:
    (problem,) = dependency_graph.unmet(needs(a="b>=1"), installed(a="1"))
    assert str(problem) == "a requires b>=1, but it is not installed"


def test_unmet_requirement_names_the_installed_version() -> None:
    (problem,) = dependency_graph.unmet(needs(a="b[x]>=1"), installed(a="1", b="0.5"))
    assert str(problem) == "a requires b[x]>=1, but 0.5 is installed"


def test_unmet_requirements_are_equal_whatever_the_installed_version() -> None:
    name = canonicalize_name("a")
    assert Unmet(name, "b>=1", "0.5") == Unmet(name, "b>=1", "0.6")
    assert (
        len({Unmet(name, "b>=1", "0.5"), Unmet(name, "b>=1", None), Unmet(name, "b>=2", None)}) == 2
    )


def test_requirement_unmet_before_is_not_newly_unmet() -> None:
    required = needs(a="b>=1", c="b>=2")
    before = dependency_graph.unmet(required, installed(a="1", b="1", c="1"))
    after = dependency_graph.newly_unmet(before, required, installed(a="1", c="1"))
    assert set(map(str, after)) == {"a requires b>=1, but it is not installed"}


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ([change("b", "1", "0.9")], ["a requires b>=1, but 0.9 is installed"]),
        ([change("b", "1", None)], ["a requires b>=1, but it is not installed"]),
        ([change("b", "1", "2")], []),
        ([change("b", "1", "0.8"), change("a", "1", "2")], []),
    ],
    ids=["downgraded", "removed", "upgraded", "its owner changes, too"],
)
def test_changes_break_requirements_of_untouched_packages(
    changes: list[Change], broken: list[str]
) -> None:
    required = needs(a="b>=1", c="b>=2")
    problems = dependency_graph.broken_by(changes, required, installed(a="1", b="1", c="1"))
    assert sorted(map(str, problems)) == broken


def test_unmet_requirements_respect_markers() -> None:
    a = dist("a", "1", "b>=1", 'c; sys_platform == "win32"')
    (problem,) = dependency_graph.unmet_in(environment(a), MARKERS)
    assert str(problem) == "a requires b>=1, but it is not installed"


# --- blockers


@pytest.mark.parametrize(
    ("required", "version", "blocking"),
    [
        ({"a": "pea<3"}, "3.1", {"a": "pea<3"}),
        ({"a": "pea<3"}, "2.9", {}),
        ({"a": "Pea>=1,<3,!=3.1"}, "3.1", {"a": "pea!=3.1,<3"}),
        ({"a": "pea<3", "b": "pea<4", "c": "pea<2"}, "3.1", {"a": "pea<3", "c": "pea<2"}),
        ({"pea": "pea<3"}, "3.1", {}),
        ({"a": "bean<3"}, "3.1", {}),
        ({"a": "pea>=3.1rc1"}, "3.1rc2", {}),
        ({"a": "pea @ https://host.invalid/pea.whl"}, "3.1", {}),
        ({}, "3.1", {}),
    ],
)
def test_blockers_of_a_version_are_found(
    required: Mapping[str, str], version: str, blocking: Mapping[str, str]
) -> None:
    blockers = dependency_graph.blockers(
        canonicalize_name("pea"), Version(version), needs(**required)
    )
    assert blockers == blocking


def test_blocker_with_two_specifiers_is_quoted_in_full() -> None:
    blockers = dependency_graph.blockers(
        canonicalize_name("pea"), Version("3"), needs(a="pea<3, pea!=3.*")
    )
    assert blockers == {"a": "pea!=3.*,<3"}


# --- dependents


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (["a"], {"b", "c", "d"}),
        (["c"], {"d"}),
        (["d"], set()),
        (["x"], {"x", "y"}),
        (["self"], {"self"}),
        (["a", "b"], {"b", "c", "d"}),
        (["unknown"], set()),
        ([], set()),
    ],
)
def test_dependencies_are_transitive_and_may_be_cyclic(
    start: list[str], expected: set[str]
) -> None:
    required = needs(a="b>=1", b="c", c="d[x]", x="y", y="x", self="self[more]")
    assert dependency_graph.dependencies(ids(*start), required) == expected


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (["c"], ("a", "b")),
        (["d"], ("c",)),
        (["c", "a"], ("b",)),
        (["x"], ("y",)),
        (["a"], ()),
        ([], ()),
    ],
)
def test_dependents_are_direct_and_sorted(start: list[str], expected: tuple[str, ...]) -> None:
    required = needs(b="c", a="C>=1, c", c="d", x="y", y="x")
    assert dependency_graph.dependents(ids(*start), required) == expected


# --- effects of changes


def test_versions_after_leaves_its_input_unchanged() -> None:
    before = installed(a="1", b="1", c="1")
    changes = [change("a", "1", "2"), change("b", "1", None), change("d", None, "1")]
    assert dependency_graph.versions_after(before, changes) == installed(a="2", c="1", d="1")
    assert before == installed(a="1", b="1", c="1")


def test_uninstalling_a_missing_package_is_ignored() -> None:
    assert dependency_graph.versions_after(installed(a="1"), [change("b", "1", None)]) == installed(
        a="1"
    )


def test_version_differences_are_sorted() -> None:
    expected, actual = installed(a="1", b="1", d="1.0"), installed(b="2", c="3", d="1")
    assert dependency_graph.version_differences(expected, actual) == (
        "a 1 is not installed",
        "b is 2, not 1",
        "c 3 is installed",
    )


def test_equal_versions_have_no_differences() -> None:
    assert dependency_graph.version_differences(installed(a="1.0"), installed(a="1")) == ()


# --- the fingerprint


def test_fingerprint_does_not_depend_on_order() -> None:
    a, b = dist("a"), dist("b")
    assert fingerprint.fingerprint(environment(a, b)) == fingerprint.fingerprint(environment(b, a))


@pytest.mark.parametrize(
    "other",
    [
        (),
        (dist("pea"), dist("bean")),
        (dist("bean"),),
        (dist("pea", "1.1"),),
        (replace(dist("pea"), installed=NOON + timedelta(microseconds=1)),),
        (replace(dist("pea"), path=Path("/elsewhere/pea-1.0.dist-info")),),
        (dist("pea", origin=Origin.EDITABLE),),
        (Unreadable(id=canonicalize_name("pea"), path=dist("pea").path, reason="no METADATA"),),
    ],
    ids=["removed", "one more", "another", "upgraded", "reinstalled", "moved", "linked", "broken"],
)
def test_fingerprint_changes_with_any_distribution(
    other: tuple[Distribution | Unreadable, ...],
) -> None:
    assert fingerprint.fingerprint(environment(*other)) != fingerprint.fingerprint(
        environment(dist("pea"))
    )


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ((), "pea was uninstalled"),
        ((dist("pea"), dist("bean")), "bean 1.0 was added"),
        ((dist("pea", "1.1"),), "pea is now 1.1 (it was 1.0)"),
        (
            (replace(dist("pea"), installed=NOON + timedelta(microseconds=1)),),
            "pea 1.0 was reinstalled, or its metadata was edited",
        ),
        ((dist("pea", origin=Origin.EDITABLE),), "pea now comes from another source (editable)"),
        (
            (Unreadable(id=canonicalize_name("pea"), path=dist("pea").path, reason="no METADATA"),),
            "pea cannot be read: no METADATA",
        ),
    ],
    ids=["removed", "one more", "upgraded", "reinstalled", "linked", "broken"],
)
def test_changes_since_a_fingerprint_are_named(
    other: tuple[Distribution | Unreadable, ...], sentence: str
) -> None:
    before = fingerprint.fingerprint(environment(dist("pea")), {"a file of pea": "1"})
    assert fingerprint.changes_since(before, environment(*other), {"a file of pea": "1"}) == (
        sentence,
    )
    assert fingerprint.changes_since(before, environment(*other), {"a file of pea": "2"}) == (
        sentence,
        "a file of pea changed",
    )


def test_unchanged_environment_has_no_changes_since() -> None:
    installed = environment(dist("pea"), dist("bean"))
    before = fingerprint.fingerprint(installed, {"its interpreter": "1"})
    assert fingerprint.changes_since(before, installed, {"its interpreter": "1"}) == ()
    assert fingerprint.changes_since("0" * 32, installed) != ()


def test_path_that_is_not_unicode_can_be_fingerprinted() -> None:
    odd = replace(dist("pea"), path=Path("/env/\udcff"))
    assert fingerprint.fingerprint(environment(odd)) != fingerprint.fingerprint(
        environment(dist("pea"))
    )
