"""The names and versions of an environment are kept, and never those of another state."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from packaging.utils import NormalizedName
from packaging.version import Version

from pkgwidgets import PackageService
from pkgwidgets.backends.environment import environment_stat_key
from pkgwidgets.backends.environment.dist_info import DistInfoReader
from pkgwidgets.backends.environment.last_versions import FileLastVersions
from pkgwidgets.backends.user_cache import cache_folder
from pkgwidgets.connect import connect
from pkgwidgets.core.listing import ListedPackage
from pkgwidgets.core.lock import Export
from pkgwidgets.core.origins import Origin
from pkgwidgets.demo import Demo
from pkgwidgets.operations import restore
from pkgwidgets.operations.listing import list_names

PEA = NormalizedName("pea")
LISTING = {
    PEA: ListedPackage(name="Pea", version=Version("1.0+local"), origin=Origin.EDITABLE),
    NormalizedName("pod"): ListedPackage(name="pod", version=None, reason="METADATA is missing"),
}


@pytest.fixture
def kept(tmp_path: Path) -> FileLastVersions:
    return FileLastVersions("garden", lambda: "now", folder=tmp_path)


def file_of(folder: Path) -> Path:
    (file,) = (folder / "listings-1").iterdir()
    return file


def test_listing_is_kept_for_its_state_alone(kept: FileLastVersions, tmp_path: Path) -> None:
    assert kept.load("now") is None
    kept.save("now", LISTING)
    again = FileLastVersions("garden", lambda: "now", folder=tmp_path)
    assert again.load("now") == LISTING
    assert again.load("later") is None
    assert FileLastVersions("field", lambda: "now", folder=tmp_path).load("now") is None


def test_state_that_could_miss_a_change_keeps_nothing(
    kept: FileLastVersions, tmp_path: Path
) -> None:
    kept.save("", LISTING)
    assert not list(tmp_path.iterdir())
    assert kept.load("") is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[:-1],
        lambda text: text.replace("1.0", "9.0"),
        lambda text: text.replace("Pea", "Bean"),
        lambda text: "\udcff",
        lambda text: "\n\n",
    ],
    ids=range(6),
)
def test_damaged_file_counts_as_missing(
    kept: FileLastVersions, tmp_path: Path, damage: object
) -> None:
    kept.save("now", LISTING)
    file = file_of(tmp_path)
    assert callable(damage)
    text = damage(file.read_text("utf-8"))
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert kept.load("now") == LISTING, "its own process still knows it"
    assert FileLastVersions("garden", lambda: "now", folder=tmp_path).load("now") is None


@pytest.mark.parametrize(
    "body",
    ["[]", "3", '{"pea": []}', '{"pea": ["Pea", "no", "index", ""]}', "[" * 50_000,
     '{"pea": ["Pea", "1", "moon", ""]}', '{"pea": [3, "1", "index", ""]}', '{"pea": 1}'],
    ids=range(8),
)  # fmt: skip
def test_foreign_content_counts_as_missing(
    kept: FileLastVersions, tmp_path: Path, body: str
) -> None:
    from pkgwidgets.backends import kept_file

    kept.save("now", LISTING)
    kept_file.write(file_of(tmp_path), "now", body)
    assert FileLastVersions("garden", lambda: "now", folder=tmp_path).load("now") is None


def test_folder_that_cannot_be_written_keeps_it_for_this_process(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    kept = FileLastVersions("garden", lambda: "now", folder=blocked)
    kept.save("now", LISTING)
    assert kept.load("now") == LISTING
    assert FileLastVersions("garden", lambda: "now", folder=blocked).load("now") is None


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every file old enough for its time to show later changes."""
    later = 5 * 10**9
    monkeypatch.setattr(environment_stat_key, "time_ns", lambda: time.time_ns() + later)


def test_new_process_lists_without_reading_metadata(
    garden: Demo, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = list_names(connect(garden.python, garden.index_url))
    assert first[NormalizedName("seedshelf")].version == Version("1.4.1")

    def read(self: DistInfoReader) -> None:
        raise AssertionError("metadata was read")

    monkeypatch.setattr(DistInfoReader, "read", read)
    assert list_names(connect(garden.python, garden.index_url)) == first


def test_change_by_another_program_is_listed(garden: Demo, settled: None) -> None:
    backend = connect(garden.python, garden.index_url)
    list_names(backend)
    (metadata,) = garden.site_packages.glob("frostcall-*.dist-info/METADATA")
    metadata.write_text(metadata.read_text("utf-8").replace("1.9.3", "1.9.4"), "utf-8")
    assert list_names(backend)[NormalizedName("frostcall")].version == Version("1.9.4")
    fresh = connect(garden.python, garden.index_url)
    assert list_names(fresh)[NormalizedName("frostcall")].version == Version("1.9.4")


def test_audit_of_a_last_versions_equals_the_first(garden: Demo, settled: None) -> None:
    first = PackageService(garden.python, index_url=garden.index_url).check_advisories()
    assert any(cache_folder().glob("listings-*/*.json"))
    again = PackageService(garden.python, index_url=garden.index_url).check_advisories()
    columns = ["package", "version", "advisory", "safe_version", "blocked_by"]
    assert again[columns].equals(first[columns])
    assert len(first) == 2


def test_listing_that_was_read_is_not_read_again(kept: FileLastVersions, tmp_path: Path) -> None:
    kept.save("now", LISTING)
    assert kept.load("now") == LISTING
    file_of(tmp_path).unlink()
    assert kept.load("now") == LISTING
    assert kept.load("later") is None


def test_drift_of_a_last_versions_reads_no_metadata(
    garden: Demo, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Export(file_name="", text="seedshelf==1.4.2\nrake==1\n")
    first = restore.drift(connect(garden.python, garden.index_url), lock)
    monkeypatch.delattr(DistInfoReader, "read")
    again = restore.drift(connect(garden.python, garden.index_url), lock)
    assert again == first
    assert (again.differing, len(again.rows)) == (2, 12)
