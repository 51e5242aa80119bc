"""The stand-ins: named as known projects, marked as stand-ins, and consistent."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
import uv

from pkgwidgets import PackageService, demo
from pkgwidgets.demo import Demo, stand_ins


@pytest.fixture(scope="module")
def garden() -> Iterator[Demo]:
    with demo.start(with_stand_ins=True) as running:
        yield running


def test_each_stand_in_says_what_it_is() -> None:
    for wheel in stand_ins.WHEELS:
        assert wheel.summary.startswith(f"Stand-in for {wheel.name}: none of its code")
        (code,) = wheel.files.values()
        assert wheel.summary in str(code)


def test_installed_stand_ins_are_consistent(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    rows = service.values.packages()
    assert {f"{row.name}=={row.version}" for row in rows} == {*stand_ins.INSTALLED}
    assert {row.id for row in rows if not row.requested} == stand_ins.DEPENDENCIES
    argv = [uv.find_uv_bin(), "pip", "check", "--python", str(garden.python)]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 0


def test_streamlit_blocks_the_newest_pandas(garden: Demo) -> None:
    service = PackageService(garden.python, index_url=garden.index_url)
    row = service.get_package("pandas", check_updates=True)
    assert (row.latest_version, row.compatible_version) == ("3.1.1", "2.3.3")
    assert "streamlit" in str(row.blocked_by)


def test_upgrade_of_streamlit_frees_pandas() -> None:
    with demo.start(with_stand_ins=True) as running:
        service = PackageService(running.python, index_url=running.index_url)
        service.upgrade_package("streamlit")
        assert service.plan_upgrade("pandas").pins == ("pandas==3.1.1", "numpy==2.4.6")
