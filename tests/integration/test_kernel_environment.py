"""The environment that a kernel of the demo runs in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pkgwidgets import PackageService, demo
from pkgwidgets.demo import catalog, stand_ins
from pkgwidgets.demo.kernel_environment import KernelEnvironment, link_libraries


def releases(python: Path) -> set[str]:
    rows = PackageService(python).values.packages()
    return {f"{row.name}=={row.version}" for row in rows}


@pytest.mark.parametrize(
    ("with_stand_ins", "installed"),
    [(False, catalog.INSTALLED), (True, stand_ins.INSTALLED)],
    ids=["invented", "stand-ins"],
)
def test_kernel_imports_pkgwidgets_and_lists_the_packages_of_the_demo(
    tmp_path: Path, with_stand_ins: bool, installed: tuple[str, ...]
) -> None:
    environment = KernelEnvironment(place=tmp_path / "k", with_stand_ins=with_stand_ins)
    python = environment.prepare()
    assert releases(python) == {*installed}
    code = (
        "import ipykernel, pkgwidgets, sys, uv; print(sys.prefix, uv.find_uv_bin())\n"
        f"import {'pandas as one' if with_stand_ins else 'seedshelf as one'}; print(one.__file__)"
    )
    variables = {**os.environ, **environment.variables()}
    argv = [str(python), "-c", code]
    done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=True)
    assert all(Path(word).is_relative_to(tmp_path / "k" / "garden") for word in done.stdout.split())


def test_notebook_gets_the_environment_of_its_kernel_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = KernelEnvironment(place=tmp_path / "k")
    python = environment.prepare()
    for name, value in environment.variables().items():
        monkeypatch.setenv(name, value)
    with demo.start() as first, demo.start() as second:
        assert first.python == python
        assert first.index_url != second.index_url
        assert not second.folder.is_relative_to(first.folder)
        PackageService(first.python, index_url=first.index_url).upgrade_package("seedshelf")
    assert first.folder.is_dir()
    assert not second.folder.exists()
    assert "seedshelf==1.4.2" in releases(python)
    assert environment.prepare() == python  # the kernel starts again
    assert "seedshelf==1.4.1" in releases(python)


@pytest.mark.parametrize("value", ["", "garden", "/no/such/folder"])
def test_other_values_of_the_variable_count_for_nothing(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PKGWIDGETS_DEMO_KERNEL", value)
    with demo.start() as garden:
        assert not garden.is_of_kernel
        assert garden.folder.is_dir()
    assert not garden.folder.exists()


def test_environment_that_no_notebook_used_stays(tmp_path: Path) -> None:
    environment = KernelEnvironment(place=tmp_path / "k")
    python = environment.prepare()
    (tmp_path / "k" / "garden" / "mine").touch()
    assert environment.prepare() == python
    assert (tmp_path / "k" / "garden" / "mine").exists()
    environment.remove()
    environment.remove()
    assert not (tmp_path / "k").exists()


def test_libraries_are_links_without_path_files(tmp_path: Path) -> None:
    link_libraries(tmp_path / "libraries", without={"packaging"})
    names = {path.name for path in (tmp_path / "libraries").iterdir()}
    assert {"pkgwidgets", "ipykernel", "uv"} <= names
    assert "packaging" not in names
    assert not [name for name in names if name.endswith(".pth")]
    places = [path for path in (tmp_path / "libraries").iterdir() if path.name != "bin"]
    assert all(path.is_symlink() for path in places)
    assert (tmp_path / "libraries" / "bin" / "uv").is_file()
    argv = [sys.executable, "-SP", "-c", "import pkgwidgets; print(pkgwidgets.__file__)"]
    variables = {"PYTHONPATH": str(tmp_path / "libraries")}
    done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).is_relative_to(tmp_path / "libraries")
