"""A hash computed in advance is used only for the same, unchanged file."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import time_ns

import pytest

from pkgwidgets.backends.store.file_hashes import FileHashes


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    path = tmp_path / "pea.py"
    path.write_bytes(b"one")
    return path


def soon() -> int:
    """Return the time half a second from now."""
    return time_ns() + 500_000_000


def known(path: Path, clock_ns: Callable[[], int] = soon) -> tuple[FileHashes, os.stat_result]:
    hashes = FileHashes(clock_ns)
    hashes.prehash([str(path), str(path.with_name("absent.py"))])
    hashes.wait()
    return hashes, path.lstat()


def test_hash_of_an_unchanged_file_is_known(file: Path) -> None:
    hashes, before = known(file)
    file.with_name("kept").hardlink_to(file)
    assert hashes.find_hash(before, file.with_name("kept").stat()) == sha256(b"one").hexdigest()


def edited(path: Path) -> None:
    path.write_bytes(b"two")


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"two")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def edited_and_dated_back(path: Path) -> None:
    was = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


@pytest.mark.parametrize("change", [edited, replaced, edited_and_dated_back])
def test_hash_of_a_changed_file_is_not_known(file: Path, change: Callable[[Path], None]) -> None:
    hashes, _ = known(file)
    change(file)
    assert hashes.find_hash(file.lstat(), file.lstat()) is None


def test_hash_of_a_file_replaced_meanwhile_is_not_known(file: Path) -> None:
    hashes, before = known(file)
    replaced(file)
    assert hashes.find_hash(before, file.lstat()) is None


def test_hash_of_a_file_changed_just_now_is_not_known(file: Path) -> None:
    """A second change within the same clock tick would go unnoticed."""
    hashes, before = known(file, lambda: file.lstat().st_ctime_ns + 1)
    assert hashes.find_hash(before, before) is None


def test_hash_of_a_missing_file_is_not_known(file: Path) -> None:
    hashes, before = known(file)
    assert hashes.find_hash(None, before) is None
