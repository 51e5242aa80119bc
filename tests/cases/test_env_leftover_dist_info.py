"""A `dist-info` that an interrupted uninstallation left is cleared away by the next plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fakes import Oracle
from malformed_wheels import MalformedWheel
from real_environments import install_directly

from pkgwidgets import PackageService
from pkgwidgets.core.errors import EnvironmentRefused, VerificationFailed
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

METADATA = "Metadata-Version: 2.1\nName: lantern\nVersion: 0.9\n"


def release(version: str) -> BuiltWheel:
    return BuiltWheel(
        name="lantern", version=version, files={"lantern.py": f"VERSION = {version!r}\n"}
    )


def leave_empty(folder: Path) -> None:
    folder.chmod(0o750)


def leave_metadata(folder: Path) -> None:
    (folder / "METADATA").write_text(METADATA)
    (folder / "top_level.txt").write_text("lantern\n")


def leave_more(folder: Path) -> None:
    (folder / "licenses").mkdir()
    (folder / "licenses" / "LICENSE").write_text("free")
    (folder / "licenses" / "empty").mkdir()
    (folder / "link").symlink_to("../lantern.py")
    (folder / "elsewhere").symlink_to("..")


@pytest.fixture
def leftover(garden: Demo) -> Path:
    garden.index.publish(release("1.0"), release("2.0"))
    install_directly(garden, release("1.0"))
    folder = garden.site_packages / "lantern-0.9.dist-info"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("leave", [leave_empty, leave_metadata, leave_more])
def test_upgrade_clears_a_leftover_away_and_undo_restores_it(
    garden: Demo,
    service: PackageService,
    tree: Oracle,
    leftover: Path,
    leave: Callable[[Path], None],
) -> None:
    leave(leftover)
    before = tree(garden.folder / "env")
    plan = service.plan_upgrade("lantern")
    note = "lantern-0.9.dist-info is removed too: an interrupted uninstallation left it"
    assert note in plan.warnings
    service.apply(plan)
    assert not leftover.exists()
    assert service.get_package("lantern").version == "2.0"
    service.undo()
    assert tree(garden.folder / "env") == before


def test_uninstallation_clears_a_leftover_away(
    garden: Demo, service: PackageService, tree: Oracle, leftover: Path
) -> None:
    leave_metadata(leftover)
    before = tree(garden.folder / "env")
    service.uninstall_package("lantern")
    assert not list(garden.site_packages.glob("lantern*"))
    service.undo()
    assert tree(garden.folder / "env") == before


def test_failed_upgrade_restores_a_leftover(
    garden: Demo, service: PackageService, tree: Oracle, leftover: Path
) -> None:
    leave_more(leftover)
    wrong = MalformedWheel(
        name="lantern",
        version="3.0",
        files={"lantern.py": ""},
        record=lambda text: text.replace("lantern.py,sha256=", "lantern.py,sha256=A"),
    )
    garden.index.publish(wrong)
    before = tree(garden.folder / "env")
    with pytest.raises(VerificationFailed):
        service.upgrade_package("lantern", "3.0")
    assert tree(garden.folder / "env") == before


def test_two_whole_installations_are_refused_by_name(
    garden: Demo, service: PackageService, leftover: Path
) -> None:
    leave_metadata(leftover)
    (leftover / "RECORD").write_text("lantern.py,,\n")
    both = "installed twice: lantern-0.9.dist-info and lantern-1.0.dist-info"
    with pytest.raises(EnvironmentRefused, match=both):
        service.plan_upgrade("lantern")


def test_leftover_that_lists_the_same_tests_folder_is_cleared_away(
    garden: Demo, service: PackageService, leftover: Path
) -> None:
    """Some wheels contain `tests` by mistake: the whole installation owns this folder."""
    files: dict[str, str | bytes] = {"lantern.py": "", "tests/__init__.py": ""}
    garden.index.publish(BuiltWheel(name="lantern", version="1.1", files=files))
    (leftover / "METADATA").write_text(METADATA)
    leftover.rename(kept := garden.folder / "kept")
    service.upgrade_package("lantern", "1.1")
    kept.rename(leftover)
    (leftover / "top_level.txt").write_text("lantern\ntests\n")
    service.upgrade_package("lantern", "2.0")
    assert not leftover.exists()


def test_leftover_of_modules_that_are_there_is_refused(
    garden: Demo, service: PackageService, leftover: Path
) -> None:
    (leftover / "top_level.txt").write_text("old_lantern\n")
    (garden.site_packages / "old_lantern.py").write_text("")
    with pytest.raises(EnvironmentRefused, match="installed twice"):
        service.plan_upgrade("lantern")
