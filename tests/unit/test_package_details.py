"""Licence, change log and requested packages, as the metadata and the graph tell them."""

from __future__ import annotations

import pytest
from fakes import FakeEnvironment, FakeKit
from packaging.requirements import Requirement
from packaging.utils import NormalizedName

from pkgwidgets.backends.environment import headers
from pkgwidgets.core import dependency_graph
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import inventory
from pkgwidgets.presentation.table_rows import detail

_HEAD = "Name: pea\nVersion: 1.0\n"


@pytest.mark.parametrize(
    ("lines", "license_"),
    [
        ("License-Expression: MIT OR Apache-2.0\nLicense: old\n", "MIT OR Apache-2.0"),
        ("Classifier: License :: OSI Approved :: BSD License\nLicense: x\n", "BSD License"),
        ("Classifier: License :: OSI Approved\nLicense: BSD-3-Clause\n", "BSD-3-Clause"),
        (f"License: {'all rights ' * 40}\n", ""),
        ("License: \n", ""),
        ("Classifier: Programming Language :: Python\n", ""),
    ],
)
def test_licence_comes_from_the_newest_field_that_has_one(lines: str, license_: str) -> None:
    fields = headers.parse(f"{_HEAD}{lines}\ntext".encode())
    assert headers.describe(fields, "METADATA")["license"] == license_


@pytest.mark.parametrize(
    "label", ["Changelog", "Release notes", "What's New", "changes", "History"]
)
def test_change_log_is_found_by_its_well_known_labels(label: str) -> None:
    links = (("Home", "https://h.invalid/"), (label, "https://c.invalid/"))
    info = PackageInfo(name="pea", version="1.0", links=links)
    assert info.change_log == "https://c.invalid/"
    assert detail(info)["links"] == [
        ["Change log", "https://c.invalid/"],
        ["Home", "https://h.invalid/"],
    ]
    assert PackageInfo(name="pea", version="1.0", links=links[:1]).change_log == ""


def test_roots_are_what_no_other_requires_except_in_a_circle() -> None:
    required = {
        NormalizedName(name): tuple(map(Requirement, needs.split()))
        for name, needs in {"a": "b", "b": "c", "c": "b", "x": "y", "y": "x"}.items()
    }
    assert dependency_graph.roots(required) == {"a", "x", "y"}


@pytest.mark.parametrize(
    ("marked", "requested"), [({"pea", "pod"}, {"pea"}), ({"pod"}, {"pod"}), (set(), set())]
)
def test_marks_on_all_packages_are_replaced_by_the_roots(
    marked: set[str], requested: set[str]
) -> None:
    kit = FakeKit(FakeEnvironment({}), [], [])
    for wheel in (
        BuiltWheel(name="pea", version="1", files={"pea.py": ""}, requires=("pod",)),
        BuiltWheel(name="pod", version="1", files={"pod.py": ""}),
    ):
        kit.installer.put(wheel, requested=wheel.id in marked)
    rows = inventory.get_packages(kit.backend)
    assert {row.id for row in rows if row.requested} == requested
