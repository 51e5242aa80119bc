"""`requires-python` on an index page means what uv reads in it."""

from __future__ import annotations

import pytest
from real_environments import install_directly

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel


@pytest.mark.parametrize(
    ("text", "is_installed_by_uv"),
    [
        (">= '3.8'", True),
        ('>="3.8"', True),
        ("!=3.0*,>=3.6", True),
        (">=3.8,", True),
        (">=3.8<4", True),
        ("~=3.8.*", False),
        (">=3.8,,<4", False),
        ("3.8", False),
        ("3.8 or newer", False),
    ],
)
def test_check_and_plan_agree_with_uv(
    garden: Demo, service: PackageService, text: str, is_installed_by_uv: bool
) -> None:
    old = BuiltWheel(name="lantern", version="1.0", files={"lantern.py": ""})
    new = BuiltWheel(
        name="lantern", version="2.0", files={"lantern.py": "V = 2\n"}, requires_python=text
    )
    install_directly(garden, old)
    garden.index.publish(old, new)
    expected = "2.0" if is_installed_by_uv else "1.0"
    (row,) = service.values.updates("lantern")
    assert (row.latest_version, row.compatible_version) == (expected, expected)
    plan = service.plan_upgrade("lantern")
    after = [str(change.after) for change in plan.changes]
    assert after == (["2.0"] if is_installed_by_uv else [])
