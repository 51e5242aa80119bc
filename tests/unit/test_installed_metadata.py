"""An installer is given metadata that it can read, without what is unmet already."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import MOMENT
from packaging.requirements import Requirement
from packaging.version import Version

from pkgwidgets.core import dependency_graph
from pkgwidgets.core.environment import Distribution
from pkgwidgets.core.installed_metadata import replaced_metadata

MARKERS = {"python_version": "3.11", "sys_platform": "linux"}


def distribution(name: str, *requires: str, version: str = "1.0") -> Distribution:
    return Distribution(
        name=name, version=Version(version), path=Path(name), installed=MOMENT, requires=requires
    )


def replaced(*distributions: Distribution, everything: bool = False) -> dict[str, tuple[str, ...]]:
    installed = {entry.id: entry for entry in distributions}
    active = dependency_graph.active_requirements(installed, MARKERS)
    unmet = dependency_graph.unmet_in(installed, MARKERS)
    entries = replaced_metadata(installed, active, unmet, everything=everything)
    return {entry.id: entry.requires for entry in entries}


WICK, OIL = distribution("wick", version="2.0"), distribution("oil")


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        (("wick<2", "oil"), ("oil",)),
        (("absent", "wick>=1"), ("wick>=1",)),
        (("wick @ https://h.invalid/w.whl", "oil"), ("wick", "oil")),
        (("absent @ https://h.invalid/a/tarball; extra == 'x'", "oil"), ("oil",)),
        (("wick >< 2", "oil"), ("wick==2.0", "oil")),
        (("wick<2; extra == 'x'", "oil @ file:///o.whl"), ("oil", 'wick<2; extra == "x"')),
        (("wick<2; sys_platform == 'win32'", "absent"), ()),
    ],
)
def test_metadata_is_replaced_by_what_is_met(
    requires: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    result = replaced(distribution("lamp", *requires), WICK, OIL)
    assert set(result) == {"lamp"}
    assert result["lamp"] == expected
    assert all(Requirement(text).url is None for text in result["lamp"])


def test_ordinary_metadata_is_not_replaced_unless_everything_is() -> None:
    distributions = distribution("lamp", "wick>=1", "absent; extra == 'x'"), WICK, OIL
    assert replaced(*distributions) == {}
    assert replaced(*distributions, everything=True) == {
        "lamp": ("wick>=1", 'absent; extra == "x"'),
        "wick": (),
        "oil": (),
    }


def test_unmet_requirement_of_an_extra_in_use_is_left_out() -> None:
    lamp = distribution("lamp", "absent; extra == 'x'", "wick; extra == 'x'")
    house = distribution("house", "lamp[x]")
    assert replaced(lamp, house, WICK) == {"lamp": ("wick", 'wick; extra == "x"')}
