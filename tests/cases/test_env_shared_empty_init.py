"""Packages that share an empty `__init__.py` are uninstalled and upgraded one by one."""

from __future__ import annotations

import subprocess

import pytest

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow


def driver(letter: str, version: str) -> BuiltWheel:
    """Return a wheel like nvidia-*-cu12; later releases have no `nvidia/__init__.py`."""
    files = {f"nv/{letter}/__init__.py": "", f"nv/{letter}/lib.py": f"x = {version}\n"}
    if version == "1.0":
        files["nv/__init__.py"] = ""
    return BuiltWheel(name=f"nv-{letter}", version=version, files=files)


@pytest.mark.parametrize("change", ["uninstall", "upgrade"])
def test_one_of_two_packages_with_a_shared_init_is_changed(
    garden: Demo, service: PackageService, change: str
) -> None:
    garden.index.publish(*(driver(letter, v) for letter in "ab" for v in ("1.0", "2.0")))
    service.install_package("nv-a==1.0")
    service.install_package("nv-b==1.0")
    if change == "uninstall":
        assert "nv-a 1.0 (removed)" in str(service.uninstall_package("nv-a"))
    else:
        assert "nv-a 1.0 → 2.0" in str(service.upgrade_package("nv-a"))
    argv = [str(garden.python), "-I", "-c", "import nv, nv.b.lib; print(nv.__file__)"]
    output = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert output.strip() == str(garden.site_packages / "nv/__init__.py")
