"""Requirements are read as uv reads them, then as older installers did; else they are unknown."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pkgwidgets.core.requirement_text import (
    UnknownRequirement,
    read_old_requirement,
    read_requirement,
    read_specifiers,
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("oats (>=1.2.*,!=1.4*)", "oats>=1.2,!=1.4.*"),
        ("oats>=2.1.3<3", "oats>=2.1.3,<3"),
        ("oats !=~2.4", "oats!=2.4.*"),
        ("'oats' \"<=4\"", "oats<=4"),
        ("oats[bran] (<3.*) ; python_version > '3'", "oats[bran]<3;python_version>'3'"),
        ("oats<5',", "oats<5"),
        ("oats>dev", "oats>0.0.0dev"),
        ("oats>=2.0rc1.0", "oats>=2.0rc1"),
        ("oats >= 1.* , <2", "oats>=1,<2"),
    ],
)
def test_nearly_valid_requirement_is_read_as_uv_does(text: str, meant: str) -> None:
    assert read_requirement(text) == Requirement(meant)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("oats (2.1)", "oats>=2.1"),
        ("oats(2.1rc1)", "oats>=2.1rc1"),
        ("oats >=2019k", "oats"),
        ("oats (!=unstable,<3)", "oats<3"),
        ("oats>=1 <3", "oats>=1,<3"),
        ("oats,>=1,,<2", "oats>=1,<2"),
        ("oats (*)", "oats"),
        ("oats2>=1.1.*", "oats2>=1.1"),
        ("oats>=1.", "oats>=1"),
        ("oats>=1;", "oats>=1"),
        ("oats 3 ; os_name == 'nt'", "oats>=3;os_name=='nt'"),
        ("oats<3; when it rains", "oats<3"),
    ],
)
def test_old_requirement_is_read_as_older_installers_did(text: str, meant: str) -> None:
    assert read_requirement(text) is None
    read = read_old_requirement(text)
    assert read == Requirement(meant)
    assert not isinstance(read, UnknownRequirement)


@pytest.mark.parametrize(
    "text",
    [
        "oats<2019k", "oats=1.0", "oats ~= 2", "oats === spring", "oats (>=1", "oats≥1",
        "oats ^1.2", "oats >=1 and <2", "oats[bran flakes]", "oats>=1 # at least", "oats (>=1)(<2)",
    ],
)  # fmt: skip
def test_only_the_project_of_an_unreadable_requirement_is_known(text: str) -> None:
    assert read_requirement(text) is None
    read = read_old_requirement(text)
    assert isinstance(read, UnknownRequirement)
    assert (read.name, read.source_text) == ("oats", text)


def test_unknown_requirement_is_met_by_the_installed_version_only() -> None:
    held = UnknownRequirement.of("oats", "oats=1", Version("1.0+local"))
    versions = ("1.0+local", "1.0", "1.1")
    assert [held.specifier.contains(version) for version in versions] == [True, False, False]


@pytest.mark.parametrize("text", ["", "-r req.txt", "(oats>=1)", "\ud800", "oats @ ", "-oats"])
def test_text_without_a_project_is_no_requirement(text: str) -> None:
    assert read_requirement(text) is None
    assert read_old_requirement(text) is None


def test_hidden_characters_of_an_unknown_requirement_are_escaped() -> None:
    read = read_old_requirement("oats=\u202e1" + "0" * 1000)
    assert isinstance(read, UnknownRequirement)
    assert read.source_text.startswith(r"oats=\u202e1")
    assert len(read.source_text) < 120


def test_endless_requirement_is_read_quickly() -> None:
    assert isinstance(read_old_requirement("oats " + "<1!" * 100_000), UnknownRequirement)
    assert read_requirement("oats " + "<1!" * 100_000) is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [("'>=3.9'", ">=3.9"), (">=3,", ">=3"), ("<4.0.*,>3.6.*", "<4.0,>3.6"), ("===3.11", "===3.11")],
)
def test_nearly_valid_specifiers_are_read_as_uv_does(text: str, meant: str) -> None:
    assert read_specifiers(text) == SpecifierSet(meant)


@pytest.mark.parametrize("text", ["3.9", ">=3,,<4", "~=3.9.*", "=== three", ">=3 <4", "*", ">=3;"])
def test_specifiers_that_uv_refuses_are_unreadable(text: str) -> None:
    assert read_specifiers(text) is None
