"""A listing that uses the rows of the last one gives what reading everything gives."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uv

from pkgwidgets import PackageService
from pkgwidgets.connect import connect
from pkgwidgets.core.interfaces import Backend
from pkgwidgets.core.last_rows import NoLastRows
from pkgwidgets.core.packages import PackageInfo
from pkgwidgets.demo import Demo
from pkgwidgets.operations import inventory

Rows = tuple[PackageInfo, ...]


@pytest.fixture(autouse=True)
def old_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file be older than two seconds."""
    for module in ("environment.environment_stat_key", "history.transaction_cache"):
        monkeypatch.setattr(
            f"pkgwidgets.backends.{module}.time_ns", lambda: time.time_ns() + 5 * 10**9
        )


@pytest.fixture
def cache(tmp_path: Path, garden: Demo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def connected(garden: Demo) -> Backend:
    """Return a backend as a new process has it: it shares only files with others."""
    return connect(garden.python, garden.index_url)


def has_rows(backend: Backend) -> bool:
    return backend.last_rows.load(backend.last_rows.state()) is not None


def full_listing(garden: Demo) -> Rows:
    return inventory.get_packages(replace(connected(garden), last_rows=NoLastRows()))


def row(rows: Rows, name: str) -> PackageInfo | None:
    return next((info for info in rows if info.id == name), None)


def dist_info(garden: Demo, name: str) -> Path:
    return next(garden.site_packages.glob(f"{name}-*.dist-info"))


def test_new_process_reads_no_distribution(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inventory.get_packages(connected(garden))

    def refuse(*arguments: object) -> None:
        raise AssertionError("metadata was read")

    monkeypatch.setattr("pkgwidgets.backends.environment.headers.read", refuse)
    assert inventory.get_packages(connected(garden)) == first
    monkeypatch.undo()
    assert first == full_listing(garden)


def edit_in_place(garden: Demo) -> None:
    """Change a file but not its folder, which keeps its time."""
    with (dist_info(garden, "seedshelf") / "METADATA").open("r+", encoding="utf-8") as file:
        text = file.read().replace("1.4.1", "1.4.0")
        file.seek(0)
        file.write(text)


def install_with_uv(garden: Demo) -> None:
    argv = [uv.find_uv_bin(), "pip", "install", "-q", "--python", str(garden.python), "--no-deps"]
    subprocess.run([*argv, "--index-url", garden.index_url, "seedshelf==1.4.2"], check=True)


def add_by_pth(garden: Demo) -> None:
    folder = garden.folder / "added"
    shutil.copytree(dist_info(garden, "sundrift"), folder / "other-2.0.dist-info")
    metadata = folder / "other-2.0.dist-info" / "METADATA"
    metadata.write_text("Metadata-Version: 2.1\nName: other\nVersion: 2.0\n")
    (garden.site_packages / "added.pth").write_text(f"{folder}\n")


def list_in_conda(garden: Demo) -> None:
    folder = garden.folder / "env" / "conda-meta"
    folder.mkdir()
    name = dist_info(garden, "sundrift").name
    (folder / "sundrift.json").write_text(json.dumps({"files": [f"lib/{name}/METADATA"]}))


def upgrade(garden: Demo) -> None:
    PackageService(garden.python, index_url=garden.index_url).upgrade_package("seedshelf")


CHANGES: dict[str, tuple[Callable[[Demo], object], str]] = {
    "uv installs": (install_with_uv, "seedshelf"),
    "removed": (lambda garden: shutil.rmtree(dist_info(garden, "seedshelf")), "seedshelf"),
    "METADATA edited": (edit_in_place, "seedshelf"),
    "METADATA removed": (
        lambda garden: (dist_info(garden, "seedshelf") / "METADATA").unlink(),
        "seedshelf",
    ),
    "INSTALLER edited": (
        lambda garden: (dist_info(garden, "sundrift") / "INSTALLER").write_text("conda\n"),
        "sundrift",
    ),
    "REQUESTED removed": (
        lambda garden: (dist_info(garden, "seedshelf") / "REQUESTED").unlink(),
        "seedshelf",
    ),
    "RECORD rewritten": (
        lambda garden: (dist_info(garden, "seedshelf") / "RECORD").touch(),
        "seedshelf",
    ),
    "a .pth file adds a folder": (add_by_pth, "other"),
    "conda lists it": (list_in_conda, "sundrift"),
    "an upgrade": (upgrade, "seedshelf"),
}


@pytest.mark.parametrize("label", CHANGES)
def test_change_is_seen(garden: Demo, label: str) -> None:
    make, name = CHANGES[label]
    same, before = connected(garden), inventory.get_packages(connected(garden))
    assert inventory.get_packages(same) == before
    make(garden)
    assert not has_rows(connected(garden))
    assert not has_rows(same)
    after = inventory.get_packages(connected(garden))
    assert row(after, name) != row(before, name)
    assert after == inventory.get_packages(same) == full_listing(garden)


def test_rows_are_not_kept_while_files_are_new(
    garden: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pkgwidgets.backends.environment.environment_stat_key.time_ns", lambda: 0)
    inventory.get_packages(connected(garden))
    assert connected(garden).last_rows.state() == ""
    assert not has_rows(connected(garden))


def test_rows_are_not_kept_while_a_change_runs(garden: Demo) -> None:
    inventory.get_packages(connected(garden))
    place = garden.folder / "env" / ".pkgwidgets"
    place.mkdir(exist_ok=True)
    (place / "open").write_text("20260101T000000000000-aaaaaa\n")
    assert connected(garden).last_rows.state() == ""


def test_another_build_reads_again(garden: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory.get_packages(connected(garden))
    monkeypatch.setattr("pkgwidgets.connect.INSTALLATION", "another build")
    assert not has_rows(connected(garden))


def test_file_is_of_this_user_alone(garden: Demo, cache: Path) -> None:
    inventory.get_packages(connected(garden))
    (file,) = cache.glob("pkgwidgets/rows-*/*.json")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", [b"", b"x", b"x\ny\n{}"])
def test_damaged_file_is_ignored(garden: Demo, cache: Path, damage: bytes) -> None:
    rows = inventory.get_packages(connected(garden))
    (file,) = cache.glob("pkgwidgets/rows-*/*.json")
    file.write_bytes(damage)
    assert not has_rows(connected(garden))
    assert inventory.get_packages(connected(garden)) == rows
    assert has_rows(connected(garden))
