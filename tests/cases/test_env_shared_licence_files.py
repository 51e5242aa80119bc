"""A package that leaves takes no LICENSE, tests or examples that another package owns, too."""

from __future__ import annotations

import pytest

from pkgwidgets import PackageService
from pkgwidgets.backends.environment import record
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow


def package(name: str) -> BuiltWheel:
    files = {
        f"{name}.py": "",
        "LICENSE": f"{name}\n",
        "tests/__init__.py": f"# {name}\n",
        "examples/run.py": f"print({name!r})\n",
    }
    return BuiltWheel(name=name, version="1.0", files=files)


def test_packages_with_stray_files_are_installed_and_uninstalled_beside_each_other(
    garden: Demo, service: PackageService
) -> None:
    garden.index.publish(*map(package, ("pa", "pb", "pc")))
    for name in ("pa", "pb", "pc"):
        assert f"{name} 1.0 (new)" in str(service.install_package(name))
    for name, left in (("pa", ("pb", "pc")), ("pc", ("pb",))):
        service.uninstall_package(name)
        for other in left:
            rows = record.entries(garden.site_packages / f"{other}-1.0.dist-info")
            paths = [garden.site_packages / row.path for row in rows]
            assert [path for path in paths if not path.exists()] == []
    service.uninstall_package("pb")
    assert not (garden.site_packages / "LICENSE").exists()
