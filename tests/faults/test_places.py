"""Environments whose folders are links, lie on another disk, or are read-only in parts."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fakes import Oracle

from pkgwidgets.connect import connect
from pkgwidgets.core.errors import EnvironmentRefused, TransactionError
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel
from pkgwidgets.operations import apply
from pkgwidgets.operations.planning import plan_install, plan_undo, plan_uninstall, plan_upgrade

_MEMORY = Path("/dev/shm")
_DROP_FROM_BOUNDING_SET = 24
"""`PR_CAPBSET_DROP` of prctl(2)."""
_OVERRIDES = (1, 2)
"""The capabilities with which root writes into and reads read-only folders."""


def pea(version: str, **more: str) -> BuiltWheel:
    files = {"pea/__init__.py": f"version = {version!r}\n", f"pea/v{version[0]}.py": ""}
    return BuiltWheel(name="pea", version=version, files=files, **more)  # type: ignore[arg-type]


@dataclass(frozen=True)
class MovedLibrary:
    """An environment whose `lib` is a link to another disk."""

    garden: Demo
    backend: Backend
    disk: Path


@pytest.fixture
def moved(garden: Demo) -> Iterator[MovedLibrary]:
    lib = garden.folder / "env/lib"
    with TemporaryDirectory(prefix="pkgwidgets-disk-", dir=_MEMORY) as folder:
        shutil.move(lib, Path(folder, "lib"))
        lib.symlink_to(Path(folder, "lib"))
        yield MovedLibrary(garden, connect(garden.python, garden.index_url), Path(folder))
        lib.unlink()
        shutil.move(Path(folder, "lib"), lib)


def test_library_on_another_disk_is_changed_and_every_undo_is_exact(
    moved: MovedLibrary, tree: Oracle
) -> None:
    garden, backend = moved.garden, moved.backend
    garden.index.publish(pea("1.0"), pea("2.0"))
    apply.apply_plan(backend, plan_install(backend, "pea==1.0"))
    before = tree(moved.disk), tree(garden.folder / "env")
    apply.apply_plan(backend, plan_upgrade(backend, "pea", version="2.0"))
    assert (garden.site_packages / "pea/__init__.py").read_text() == "version = '2.0'\n"
    apply.apply_plan(backend, plan_undo(backend))
    assert (tree(moved.disk), tree(garden.folder / "env")) == before
    undone = apply.apply_plan(backend, plan_uninstall(backend, ["pea", "frostcall"]))
    apply.apply_plan(backend, plan_undo(backend, undone.id))
    assert (tree(moved.disk), tree(garden.folder / "env")) == before


def test_command_that_the_installer_would_put_elsewhere_is_refused(
    moved: MovedLibrary, tree: Oracle
) -> None:
    """The installer follows the link `lib` before it goes up to `bin`."""
    garden, backend = moved.garden, moved.backend
    command = "[console_scripts]\npeacommand = pea:main\n"
    garden.index.publish(pea("1.0"), pea("2.0", entry_points=command))
    apply.apply_plan(backend, plan_install(backend, "pea==1.0"))
    before = tree(moved.disk), tree(garden.folder / "env")
    with pytest.raises((EnvironmentRefused, TransactionError)) as caught:
        apply.apply_plan(backend, plan_upgrade(backend, "pea", version="2.0"))
    assert f"{garden.site_packages} is reached through a link" in str(caught.value)
    assert (tree(moved.disk), tree(garden.folder / "env")) == before
    assert not (moved.disk / "bin").exists()


def _drop_overrides() -> None:
    """Make the next program respect the modes of folders, even as root."""
    for capability in _OVERRIDES:
        ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDING_SET, capability)


@pytest.mark.parametrize("change", ["uninstall", "upgrade"])
def test_read_only_folder_of_a_package_is_named_before_anything_changes(
    garden: Demo, tree: Oracle, change: str
) -> None:
    garden.index.publish(
        BuiltWheel(name="bedplanner", version="9.0", files={"bedplanner/__init__.py": ""})
    )
    package = garden.site_packages / "bedplanner"
    package.chmod(0o555)
    before = tree(garden.folder / "env")
    code = (
        "import sys\n"
        "from pkgwidgets import PackageService, PkgwidgetsError\n"
        "service = PackageService(sys.argv[1], index_url=sys.argv[2])\n"
        f"try: service.plan_{change}('bedplanner')\n"
        "except PkgwidgetsError as error: print(type(error).__name__, error)\n"
    )
    argv = [sys.executable, "-c", code, str(garden.python), garden.index_url]
    answer = subprocess.run(
        argv, capture_output=True, text=True, check=True, preexec_fn=_drop_overrides
    ).stdout
    package.chmod(0o755)
    assert answer.startswith("EnvironmentRefused bedplanner cannot be changed: ")
    assert f"{package} cannot be written to" in answer
    package.chmod(0o555)
    assert tree(garden.folder / "env") == before
    package.chmod(0o755)


@pytest.mark.slow
def test_undo_of_an_upgrade_in_link_mode_symlink_does_not_need_the_cache(
    garden: Demo, backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_LINK_MODE", "symlink")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    garden.index.publish(pea("1.0"), pea("2.0"))
    backend = connect(garden.python, garden.index_url)

    apply.apply_plan(backend, plan_install(backend, "pea==1.0"))
    module = garden.site_packages / "pea/v1.py"
    assert module.is_symlink()
    old_files = module.resolve().parent
    apply.apply_plan(backend, plan_upgrade(backend, "pea", version="2.0"))
    shutil.rmtree(old_files)
    apply.apply_plan(backend, plan_undo(backend))
    argv = [str(garden.python), "-I", "-c", "import pea, pea.v1; print(pea.version)"]
    assert subprocess.run(argv, capture_output=True, check=True).stdout == b"1.0\n"
    assert os.path.lexists(garden.site_packages / "pea-1.0.dist-info/METADATA")
