"""`lib` was moved to another disk and linked: packages are changed as before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

pytestmark = pytest.mark.slow


def test_package_is_upgraded_in_a_library_that_is_a_link(garden: Demo, tmp_path: Path) -> None:
    garden.index.publish(
        *(
            BuiltWheel(name="numx", version=version, files={"numx.py": f"v = {version!r}\n"})
            for version in ("1.0", "2.0")
        )
    )
    lib = garden.folder / "env/lib"
    shutil.move(lib, tmp_path / "big-disk")
    lib.symlink_to(tmp_path / "big-disk")
    service = PackageService(garden.python, index_url=garden.index_url)
    service.install_package("numx==1.0")
    assert str(service.plan_upgrade("numx").changes[0]) == "numx 1.0 → 2.0"
    service.upgrade_package("numx")
    assert (garden.site_packages / "numx.py").read_text() == "v = '2.0'\n"
    service.undo()
    assert (garden.site_packages / "numx.py").read_text() == "v = '1.0'\n"
