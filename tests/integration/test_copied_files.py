"""The files of a copied package: from the index, else those here, whatever their metadata."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lock_files import installed_in

from pkgwidgets import PackageService
from pkgwidgets.demo import Demo
from pkgwidgets.demo.wheel_builder import BuiltWheel

HOE = BuiltWheel(
    name="hoe",
    version="1.0",
    files={
        "hoe.py": "def dig():\n    print('digging')\n",
        "{name}-{version}.data/scripts/hoe-old": "#!python\nimport hoe; hoe.dig()\n",
    },
    entry_points="[console_scripts]\nhoe = hoe:dig\n",
)


def test_only_other_files_are_noted(service: PackageService, garden: Demo) -> None:
    """A script names its interpreter, and uv notes in the dist-info where a wheel came from."""
    garden.index.publish(HOE)
    service.install_package("hoe")
    (info,) = garden.site_packages.glob("hoe-*.dist-info")
    (info / "uv_cache.json").write_text("{}", "utf-8")
    with (info / "RECORD").open("a", encoding="utf-8") as record:
        record.write(f"{info.name}/uv_cache.json,,\n")
    assert not [note for note in service.copy_environment("spring").notes if "hoe" in note]
    text = (info / "RECORD").read_text("utf-8")
    (info / "RECORD").write_text(text.replace("hoe.py,sha256=", "hoe.py,sha256=x"), "utf-8")
    notes = service.copy_environment("summer").notes
    assert "the index has other files of the same version: hoe" in notes


@pytest.fixture
def dist_info(service: PackageService, garden: Demo) -> Path:
    """Return the folder of the metadata of an installed package that the index has."""
    garden.index.publish(HOE)
    service.install_package("hoe")
    (info,) = garden.site_packages.glob("hoe-*.dist-info")
    return info


@pytest.fixture
def without_index(
    garden: Demo, dist_info: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> PackageService:
    """Return a service that has neither the index nor a cache."""
    garden.index.down = True
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    return PackageService(garden.python, index_url=garden.index_url)


def test_release_that_the_index_lacks_is_copied_from_the_files_here(
    without_index: PackageService,
) -> None:
    plan = without_index.plan_copy("spring", only="hoe")
    assert [(str(package), package.from_index) for package in plan.packages] == [("hoe 1.0", False)]
    check_scripts(without_index.copy_environment(plan).python)


def check_scripts(python: Path) -> None:
    """Check that only this package is in an environment, and that its scripts run there."""
    assert installed_in(python) == {"hoe==1.0"}
    for command in ("hoe", "hoe-old"):
        script = python.with_name(command)
        done = subprocess.run([script], capture_output=True, text=True, check=True)
        assert done.stdout == "digging\n"
        assert str(python.parent) in script.read_text("utf-8").splitlines()[0]


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return what replaces a text in a file of a dist-info folder, as a new file."""

    def run(info: Path) -> None:
        text = (info / name).read_text("utf-8")
        assert old in text
        (info / name).unlink()  # uv's cache may have the same file
        (info / name).write_text(text.replace(old, new), "utf-8")

    return run


def drop_row(name: str) -> Callable[[Path], None]:
    """Return what removes the row of a file of the dist-info folder from RECORD."""

    def run(info: Path) -> None:
        lines = (info / "RECORD").read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(f"{info.name}/{name},")]
        assert len(kept) < len(lines)
        (info / "RECORD").write_text("".join(kept), "utf-8")

    return run


def add_row(row: str) -> Callable[[Path], None]:
    """Return what adds a row to RECORD."""
    return edit("RECORD", "hoe.py,", f"{row}\nhoe.py,")


def unlink(name: str) -> Callable[[Path], None]:
    """Return what removes a file of a dist-info folder."""
    return lambda info: (info / name).unlink()


HEAD = "Metadata-Version: 2.1\n"
ODD_METADATA = {
    "no WHEEL": unlink("WHEEL"),
    "an empty WHEEL": edit("WHEEL", "Wheel-Version: 1.0", ""),
    "a new kind of wheel": edit("WHEEL", "Wheel-Version: 1.0", "Wheel-Version: 2.0"),
    "no tag": edit("WHEEL", "Tag: py3-none-any", ""),
    "a tag of another machine": edit("WHEEL", "py3-none-any", "cp27-cp27m-win32"),
    "a tag that is none": edit("WHEEL", "py3-none-any", "any"),
    "an unlisted WHEEL": drop_row("WHEEL"),
    "an unlisted METADATA": drop_row("METADATA"),
    "a requirement that cannot be read": edit("METADATA", HEAD, f"{HEAD}Requires-Dist: a (b\n"),
    "another Python": edit("METADATA", HEAD, f"{HEAD}Requires-Python: >=4\n"),
    "a byte order mark": edit("METADATA", HEAD, f"\ufeff{HEAD}"),
    "scripts that cannot be read": edit("entry_points.txt", "hoe = hoe:dig", "hoe\n= :"),
    "a script of no function": edit("entry_points.txt", "hoe:dig", "3 hoes"),
    "a row that occurs twice": add_row("hoe.py,,"),
}


@pytest.mark.parametrize("damage", ODD_METADATA.values(), ids=ODD_METADATA)
def test_files_here_are_copied_whatever_their_metadata(
    without_index: PackageService, dist_info: Path, damage: Callable[[Path], None]
) -> None:
    damage(dist_info)
    plan = without_index.plan_copy("spring", only="hoe")
    assert not plan.left_out
    copy = without_index.copy_environment(plan)
    assert [note for note in copy.notes if "Jupyter" not in note] == []
    check_scripts(copy.python)
    (info,) = copy.folder.glob("lib/python3*/site-packages/hoe-*.dist-info")
    for name in ("METADATA", "WHEEL", "entry_points.txt"):
        here, there = dist_info / name, info / name
        assert here.exists() == there.exists()
        assert not here.exists() or here.read_bytes() == there.read_bytes()


def test_metadata_of_another_version_gives_that_version(
    without_index: PackageService, dist_info: Path
) -> None:
    edit("METADATA", "Version: 1.0", "Version: 1.1")(dist_info)
    copy = without_index.copy_environment("spring", only="hoe")
    assert installed_in(copy.python) == {"hoe==1.1"}


UNKNOWN_FILES = {
    "no RECORD": (unlink("RECORD"), "it has no RECORD, so its files are unknown"),
    "an empty RECORD": (
        lambda info: (info / "RECORD").write_text(""),
        "it has no RECORD, so its files are unknown",
    ),
    "a missing file": (add_row("rake.py,,"), "its RECORD lists 'rake.py', which is missing"),
    "a folder": (add_row("../site-packages,,"), "which is not a file"),
    "a file elsewhere": (add_row("/etc/hostname,,"), "which is outside of the environment"),
    "a file above": (add_row("../../../../x,,"), "which is outside of the environment"),
    "no path": (add_row("a\0b,,"), "which cannot be read (embedded null byte)"),
    "other metadata": (
        lambda info: info.rename(info.with_name("Hoe-1.0.dist-info")),
        "which is missing",
    ),
}


@pytest.mark.parametrize(("damage", "reason"), UNKNOWN_FILES.values(), ids=UNKNOWN_FILES)
def test_package_whose_files_are_unknown_is_listed_before(
    without_index: PackageService,
    dist_info: Path,
    damage: Callable[[Path], object],
    reason: str,
) -> None:
    damage(dist_info)
    plan = without_index.plan_copy("spring", only=["hoe", "seedshelf"])
    assert [*plan.left_out] == ["hoe"]
    assert "is not available" in plan.left_out["hoe"]
    assert reason in plan.left_out["hoe"]
    assert installed_in(without_index.copy_environment(plan).python) == {"seedshelf==1.4.1"}


def test_script_of_a_long_path_runs_in_the_copy(
    without_index: PackageService, garden: Demo, dist_info: Path
) -> None:
    """A system reads only the start of a long first line, so a shell starts such a script."""
    script = garden.python.with_name("hoe-old")
    code = script.read_text("utf-8").partition("\n")[2]
    start = f"#!/bin/sh\n'''exec' {garden.python} \"$0\" \"$@\"\n' '''\n"
    script.write_text(start + code, "utf-8")
    check_scripts(without_index.copy_environment("spring", only="hoe").python)


def test_row_that_occurs_twice_is_compared_with_the_index(
    service: PackageService, dist_info: Path
) -> None:
    add_row("hoe.py,,")(dist_info)
    notes = service.copy_environment("spring", only="hoe").notes
    assert "the index has other files of the same version: hoe" in notes


def test_what_is_damaged_in_the_cache_of_uv_is_fetched(
    service: PackageService, garden: Demo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file of the environment is that of the cache, so an edit damages both."""
    monkeypatch.setenv("UV_LINK_MODE", "hardlink")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    garden.index.publish(HOE)
    service.install_package("hoe")
    (archived,) = (tmp_path / "uv-cache").glob("archive-v0/*/hoe-1.0.dist-info/WHEEL")
    archived.write_text("", "utf-8")
    check_scripts(service.copy_environment("spring", only="hoe").python)


def test_executable_file_of_a_package_stays_executable(
    without_index: PackageService, garden: Demo
) -> None:
    """Some packages start a program in their folder, such as a browser's driver."""
    (garden.site_packages / "hoe.py").chmod(0o755)
    copy = without_index.copy_environment(without_index.plan_copy("spring", only="hoe"))
    (module,) = copy.folder.glob("lib/*/site-packages/hoe.py")
    assert module.stat().st_mode & 0o111 == 0o111


def test_index_that_does_not_answer_is_not_called_one_that_lacks_a_release(
    without_index: PackageService, dist_info: Path
) -> None:
    (dist_info / "RECORD").unlink()
    reason = without_index.plan_copy("spring").left_out["hoe"]
    assert "does not have it" not in reason
    assert "is not available" in reason
    assert "RECORD" in reason
