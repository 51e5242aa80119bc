"""Plans are applied and undone in the environments that people have, not only in virtual ones."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from copied_python import copy_python
from faults.tree import rows

from pkgwidgets import PackageService
from pkgwidgets.core.errors import EnvironmentRefused, StalePlan
from pkgwidgets.core.transactions import Outcome
from pkgwidgets.demo import Demo
from pkgwidgets.demo.index_server import DemoIndex
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.demo.wheel_installer import WheelInstallation

pytestmark = pytest.mark.slow


def pea(version: str) -> BuiltWheel:
    """Return a wheel with files in each folder of a layout."""
    data = "{name}-{version}.data"
    return BuiltWheel(
        name="pea",
        version=version,
        files={
            "pea/__init__.py": f"version = {version!r}\n",
            f"{data}/platlib/pea_speedups.py": "",
            f"{data}/headers/pea.h": f"/* {version} */\n",
            f"{data}/headers/of_{version[0]}.h": "",
            f"{data}/scripts/shell-peas": "#!python\nimport pea\nprint(pea.version)\n",
            f"{data}/data/etc/pea.cfg": version,
        },
        entry_points="[console_scripts]\npea = pea:main\n",
    )


@pytest.fixture
def index() -> Iterator[DemoIndex]:
    with DemoIndex([pea("1.0"), pea("2.0")]) as running:
        yield running


@pytest.mark.parametrize("debian", [False, True], ids=["image", "debian"])
def test_python_of_an_image_is_unchanged_after_undoing_everything(
    tmp_path: Path, index: DemoIndex, debian: bool
) -> None:
    python = copy_python(tmp_path / "usr", debian=debian)
    service = PackageService(python, index_url=index.url)
    states = [rows(service.prefix)]
    service.install_package("pea==1.0")
    states.append(rows(service.prefix))
    service.upgrade_package("pea")
    states.append(rows(service.prefix))
    names = {Path(row[0]).name for row in states[-1]}
    assert {"pea.h", "of_2.h", "pea.cfg", "shell-peas", "pea_speedups.py"} <= names
    assert "of_1.h" not in names
    service.uninstall_package("pea")
    assert not any("pea" in row[0] and row[1] == "file" for row in rows(service.prefix))
    for transaction, state in zip(service.history().index, reversed(states), strict=True):
        service.undo(transaction)
        assert rows(service.prefix) == state


def test_package_that_the_users_own_one_would_hide_is_not_installed(
    tmp_path: Path, index: DemoIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = copy_python(tmp_path / "usr")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    user_base = tmp_path / "home" / ".local"
    user_folder = user_base / "lib" / python.name / "site-packages"
    scheme = {"purelib": user_folder, "platlib": user_folder, "scripts": user_base / "bin"}
    scheme |= {"headers": user_base / "include", "data": user_base}
    WheelInstallation(wheel=pea("1.0"), python=python, scheme=scheme, requested=True).run()
    service = PackageService(python, index_url=index.url)
    assert service.get_package("pea").version == "1.0"
    before = rows(service.prefix)
    with pytest.raises(EnvironmentRefused, match=r"outside .* Python imports it first\. "):
        service.plan_install("pea==2.0", allow="all")
    assert rows(service.prefix) == before


def test_environment_that_was_renamed_is_refused_and_undone_in_its_new_place(
    garden: Demo, service: PackageService
) -> None:
    before = rows(service.prefix)
    service.upgrade_package("seedshelf")
    moved = garden.folder / "moved"
    service.prefix.rename(moved)
    with pytest.raises(EnvironmentRefused, match="env does not exist: the environment was moved"):
        service.plan_upgrade("frostcall")
    assert "does not exist" in str(service.read_only_reason())
    python = moved / "bin" / "python"
    PackageService(python, index_url=garden.index_url).undo()
    assert rows(moved) == before


def test_change_made_through_a_link_is_undone_at_the_real_path(
    garden: Demo, service: PackageService
) -> None:
    before = rows(service.prefix)
    link = garden.folder / "link"
    link.symlink_to(service.prefix)
    linked = PackageService(link / "bin" / "python", index_url=garden.index_url)
    linked.upgrade_package("seedshelf")
    assert service.get_package("seedshelf").version == "1.4.2"
    service.undo()
    assert rows(service.prefix) == before
    assert linked.get_package("seedshelf").version == "1.4.1"


@pytest.mark.parametrize("through_link", ["plan", "apply"])
def test_plan_made_at_another_path_of_the_environment_is_not_stale(
    garden: Demo, service: PackageService, through_link: str
) -> None:
    (garden.folder / "link").symlink_to(service.prefix)
    python = garden.folder / "link" / "bin" / "python"
    linked = PackageService(python, index_url=garden.index_url)
    first, second = (linked, service) if through_link == "plan" else (service, linked)
    plan = first.plan_upgrade(["seedshelf", "bedplanner"])
    assert second.apply(plan).outcome is Outcome.COMMITTED
    assert service.get_package("seedshelf").version == "1.4.2"
    second.apply(first.plan_undo())
    assert linked.get_package("seedshelf").version == "1.4.1"


def test_plan_for_a_copy_of_the_environment_is_stale(garden: Demo, service: PackageService) -> None:
    plan = service.plan_upgrade("seedshelf")
    copy = garden.folder / "copy"
    shutil.copytree(service.prefix, copy, symlinks=True)
    with pytest.raises(StalePlan):
        PackageService(copy / "bin" / "python", index_url=garden.index_url).apply(plan)
