"""Rows of a file are kept as long as the file is the same."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pkgwidgets.backends.environment.parsed_files import ParsedFiles

LATER = 10**20
"""A time in nanoseconds at which every file is settled."""


def reader(files: ParsedFiles[str], reads: list[str]) -> Callable[[Path], Sequence[str]]:
    """Return a function that gets the lines of a file, and notes when it reads them."""

    def get(path: Path) -> Sequence[str]:
        def parse() -> list[str]:
            reads.append(path.name)
            return path.read_text().split() if path.exists() else []

        return files.get(str(path), parse)

    return get


def test_file_is_parsed_once(tmp_path: Path) -> None:
    reads: list[str] = []
    get = reader(ParsedFiles(clock_ns=lambda: LATER), reads)
    (tmp_path / "pea").write_text("a b")
    assert [get(tmp_path / "pea"), get(tmp_path / "pea")] == [["a", "b"]] * 2
    assert reads == ["pea"]


@pytest.mark.parametrize("change", ["content", "file", "removal"])
def test_changed_file_is_parsed_again(tmp_path: Path, change: str) -> None:
    get = reader(ParsedFiles(clock_ns=lambda: LATER), [])
    file = tmp_path / "pea"
    file.write_text("a b")
    times = (file.stat().st_mtime_ns,) * 2
    get(file)
    if change == "content":
        file.write_text("a c")
        os.utime(file, ns=times)
    else:
        file.unlink()
    if change == "file":
        (tmp_path / "new").write_text("a c")
        os.utime(tmp_path / "new", ns=times)
        (tmp_path / "new").rename(file)
    assert get(file) == ([] if change == "removal" else ["a", "c"])


def test_file_that_was_changed_just_now_is_not_kept(tmp_path: Path) -> None:
    """A second change in the same moment may leave the same times."""
    reads: list[str] = []
    file = tmp_path / "pea"
    file.write_text("a")
    now = file.stat().st_ctime_ns
    get = reader(ParsedFiles(clock_ns=lambda: now + 1_000_000), reads)
    get(file)
    get(file)
    assert reads == ["pea", "pea"]


def test_rows_of_the_files_used_last_are_kept(tmp_path: Path) -> None:
    reads: list[str] = []
    get = reader(ParsedFiles(max_rows=4, clock_ns=lambda: LATER), reads)
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text("a b")
    for name in ("one", "two", "one", "three", "one", "two"):
        get(tmp_path / name)
    assert reads == ["one", "two", "three", "two"]
